"""What `boxoffice bench` measures by itself: the latency of holds at half of the peak, the herd, and watching. Each run
starts a server of its own and checks what it measured; a check that is not clean fails the row."""

import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from faults import Failed
from measure import Samples, Settings
from report import Row
from server import ADMIN_KEY, Server

LIMIT_S = 180
PROBE_PAUSE_S = 0.01
SHOWTIMES = 1000
PATRONS, SEATS = 50_000, 300
# Watchers, the bars of their p99 in milliseconds, and how they are connected.
WATCHED = {
    "live-5000": (5000, 100, "native"),
    "live-10000": (10_000, 200, "native"),
    "live-signalr": (2000, 100, "signalr"),
}
IDLE_KIB = 12
STORM_S = 5
BESIDE = 2000
BESIDE_RATE = 1000
BESIDE_BAR = 1.5
# How often each of the two is measured in a round.
TURNS = 5


class OwnMeasure:
    """The rows `latency`, `herd`, `live-…`, `storm` and `watched`."""

    names = ("latency", "herd", *WATCHED, "storm", "watched")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()

    def run_round(self, number: int) -> None:
        """Runs what belongs to the wanted rows."""
        wanted = self.settings.rows
        for name, run in (("latency", self._latency), ("herd", self._herd), ("watched", self._watched)):
            if name in wanted:
                with self.samples.guard(name):
                    run()
        for name in WATCHED:
            if name in wanted or (name == "live-10000" and "storm" in wanted):
                with self.samples.guard(name):
                    self._live(name)

    def rows(self) -> list[Row]:
        """The rows that were measured."""
        made = {"latency": self._latency_row, "herd": self._herd_row, "storm": self._storm_row}
        made |= {"watched": self._watched_row}
        made |= {name: lambda name=name: self._live_row(name) for name in WATCHED}
        return [made[name]() for name in self.names if name in self.settings.rows and name not in self.samples.faults]

    def _bench(self, *arguments: str, url: str | None = None, idle: bool = False) -> dict[str, Any]:
        where = ["--url", url] if url else ["--self", "--dir", str(self.settings.folder)]
        stand_back = ["chrt", "--idle", "0"] if idle else []
        command = [*stand_back, str(self.settings.program), "bench", *arguments, *where, "--json"]
        env = {**os.environ, "BOXOFFICE_ADMIN_KEY": ADMIN_KEY} if url else None
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=env)
        if done.returncode != 0:
            raise Failed(f"bench {arguments[0]}: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)

    @property
    def _duration(self) -> str:
        return str(self.settings.slice_s)

    def _latency(self) -> None:
        peak = self._bench("holds", "--concurrency", "256", "--duration", self._duration)["throughput_per_s"]
        load = ["--rate", f"{peak / 2:.0f}", "--showtimes", str(SHOWTIMES), "--duration", self._duration]
        with _Probe(self.settings.folder) as probe:
            latency = self._bench("holds", *load)["latency_ms"]
        self.samples.add("rate", peak / 2)
        self.samples.add("probe max", probe.longest_ms)
        for name in ("p50", "p99", "max"):
            self.samples.add(f"latency {name}", latency[name])

    def _latency_row(self) -> Row:
        p50, p99, longest = (self.samples.median(f"latency {name}") for name in ("p50", "p99", "max"))
        probe = self.samples.median("probe max")
        met = p50 <= 3 and p99 <= 20 and longest <= max(100, 2 * probe)
        what = f"a hold at half of the peak ({self.samples.median('rate'):.0f}/s), open loop, {SHOWTIMES} showtimes"
        ours = f"p50 {p50:.1f}, p99 {p99:.1f}, max {longest:.0f} ms"
        bar = "p50 ≤ 3, p99 ≤ 20, max ≤ 100 ms or twice the probe's"
        return Row("latency", what, f"fdatasync at most {probe:.1f} ms", ours, None, bar, met)

    def _herd(self) -> None:
        done = self._bench("herd", "--patrons", str(PATRONS), "--seats", str(SEATS))
        if done["connection_errors"]:
            raise Failed(f"{done['connection_errors']} connection errors")
        self.samples.add("herd", done["duration_s"])

    def _herd_row(self) -> Row:
        took = self.samples.median("herd")
        what = f"herd: {PATRONS:,} patrons want {SEATS} seats at one instant"
        return Row("herd", what, "", f"{took:.1f} s", None, "≤ 5 s", took <= 5)

    def _live(self, name: str) -> None:
        count, _, over = WATCHED[name]
        done = self._bench("live", "--watchers", str(count), "--over", over, "--duration", self._duration)
        self.samples.add(name, done["latency_ms"]["p99"])
        self.samples.add(f"{name} bytes", done["watchers"]["idle_bytes_each"])
        self.samples.add(f"{name} opening", done["watchers"]["opening_s"])

    def _live_row(self, name: str) -> Row:
        count, bar, over = WATCHED[name]
        p99, kib = self.samples.median(name), self.samples.median(f"{name} bytes") / 1024
        how = "" if over == "native" else " of SignalR"
        what = f"{count:,} watchers{how}, 10 changes/s, from asking for a change to the client"
        met = p99 <= bar and (kib <= IDLE_KIB or over != "native")
        bars = f"p99 ≤ {bar} ms" + (f", ≤ {IDLE_KIB} KiB each" if over == "native" else "")
        return Row(name, what, "", f"p99 {p99:.0f} ms, {kib:.1f} KiB each", None, bars, met)

    def _storm_row(self) -> Row:
        took = self.samples.median("live-10000 opening")
        what = "10,000 watchers connect at once, and all are told where they stand"
        return Row("storm", what, "", f"{took:.1f} s", None, f"≤ {STORM_S} s", took <= STORM_S)

    def _watched(self) -> None:
        with Server(self.settings.program, self.settings.folder / "watched") as server:
            load = ["--rate", str(BESIDE_RATE), "--showtimes", "20", "--duration", self._duration]

            def holds() -> float:
                return self._bench("holds", *load, url=server.url)["latency_ms"]["p99"]

            alone, beside = [], []
            watching: list[dict[str, Any]] = []

            def watch() -> None:
                # Stood back behind all else: watchers are not on the server's machine, and must not be what is measured.
                seconds = str(self.settings.slice_s + 4)
                told = self._bench(
                    "live", "--watchers", str(BESIDE), "--duration", seconds, url=server.url, idle=True
                )
                watching.append(told)

            # In turns: the disk has a bad second now and then, which is nobody's doing.
            for _ in range(TURNS):
                alone.append(holds())
                thread = threading.Thread(target=watch)
                thread.start()
                time.sleep(3)
                beside.append(holds())
                thread.join()
        if len(watching) < TURNS:
            raise Failed("the watchers failed")
        self.samples.add("alone", statistics.median(alone))
        self.samples.add("beside", statistics.median(beside))
        self.samples.add("watched", statistics.median(beside) / statistics.median(alone))

    def _watched_row(self) -> Row:
        alone, beside = self.samples.median("alone"), self.samples.median("beside")
        what = f"p99 of a hold at {BESIDE_RATE}/s beside {BESIDE:,} watchers who are told 10 changes/s; without them"
        ratio = self.samples.median("watched")
        met = ratio <= BESIDE_BAR
        return Row("watched", what, f"{alone:.1f} ms", f"{beside:.1f} ms", ratio, f"≤ {BESIDE_BAR}", met)


class _Probe:
    """Makes small appends durable all the time, and remembers the longest."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.longest_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "_Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with tempfile.TemporaryFile(dir=self.folder) as file:
            while not self._over.wait(PROBE_PAUSE_S):
                file.write(bytes(4096))
                file.flush()
                started = time.perf_counter()
                os.fdatasync(file.fileno())
                self.longest_ms = max(self.longest_ms, (time.perf_counter() - started) * 1000)
