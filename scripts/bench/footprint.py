"""What the server costs to keep: its memory under refusals, and its start with many showtimes on disk."""

from pathlib import Path

import wrk
from faults import ensure
from measure import Samples, Settings
from reads import REFUSED, SEATS, sell_out, write_refused_requests
from report import Row
from server import Api, Server, create_showtimes

MIB = 1024 * 1024


class MemoryMeasure:
    """The row `memory`: once, because it needs a million refusals. Every one of them is looked at."""

    names = ("memory",)
    warm_up = 100_000
    growth_bar_part = 0.05
    growth_bar_bytes = 4 * MIB

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.refusals = 200_000 if settings.quick else 1_000_000

    def run_round(self, number: int) -> None:
        if number > 0:
            return
        with Server(self.settings.program, self.settings.folder / "memory") as server:
            showtime = create_showtimes(server, 1, SEATS)[0]
            sell_out(Api(server), showtime)
            requests = write_refused_requests(showtime, self.settings.folder / "memory.requests")
            self._refuse(server, requests, self.warm_up)
            self.samples.add("before", server.resident_bytes())
            self.samples.add("refused", self._refuse(server, requests, self.refusals))
            self.samples.add("after", server.resident_bytes())

    def rows(self) -> list[Row]:
        before, after = self.samples.median("before"), self.samples.median("after")
        met = after - before < before * self.growth_bar_part + self.growth_bar_bytes
        what = f"resident memory after {self.samples.median('refused'):,.0f} refusals; before"
        ours = f"{after / MIB:.1f} MiB ({(after - before) / MIB:+.1f})"
        bar = f"growth < {self.growth_bar_part:.0%} + {self.growth_bar_bytes // MIB} MiB"
        return [Row("memory", what, f"{before / MIB:.1f} MiB", ours, after / before, bar, met)]

    def _refuse(self, server: Server, requests: Path, count: int) -> int:
        """Has at least `count` requests refused, in slices; answers how many."""
        refused = 0
        while refused < count:
            result = wrk.replay(server.url, requests, self.settings.slice_s, {}, REFUSED)
            ensure(result.wrong == 0, f"{result.wrong} of {result.requests} answers are not {REFUSED}")
            refused += result.requests
        return refused


class StartMeasure:
    """The row `start`: from the process's start to `/readyz` answering 200, with many showtimes on disk."""

    names = ("start",)
    showtimes = 10_000
    bar_s = 1.0

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.folder = settings.folder / "start"
        with Server(settings.program, self.folder) as server:
            self.some_showtime = create_showtimes(server, self.showtimes, SEATS)[self.showtimes // 2]

    def run_round(self, number: int) -> None:
        with Server(self.settings.program, self.folder) as server:
            self.samples.add("start", server.ready_after_s)
            counts = Api(server).get(f"/v1/showtimes/{self.some_showtime}")["counts"]
            ensure(counts["available"] == SEATS, f"a showtime came back as {counts}")

    def rows(self) -> list[Row]:
        ours = self.samples.median("start")
        what = f"start with {self.showtimes:,} showtimes of {SEATS} seats on disk"
        return [Row("start", what, "", f"{ours:.2f} s", None, f"≤ {self.bar_s:g} s", ours <= self.bar_s)]
