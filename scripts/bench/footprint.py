"""What the server costs to keep: its memory under refusals, and its start and memory with many showtimes."""

from pathlib import Path

import wrk
from faults import ensure
from measure import Samples, Settings
from reads import REFUSED, SEATS, sell_out, write_refused_requests
from report import Row
from server import Api, Server, create_showtimes, in_parallel

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


class ShowtimesMeasure:
    """The rows `start` and `boards`: with many showtimes on disk, from the process's start to `/readyz` answering
    200, and the resident memory once the boards of all are loaded."""

    names = ("start", "boards")
    showtimes = 10_000
    bar_s = 1.0
    bar_bytes = 250 * MIB

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.folder = settings.folder / "start"
        with Server(settings.program, self.folder) as server:
            self.ids = create_showtimes(server, self.showtimes, SEATS)

    def run_round(self, number: int) -> None:
        with Server(self.settings.program, self.folder) as server:
            self.samples.add("start", server.ready_after_s)
            if "boards" in self.settings.rows:
                self.samples.add("idle", server.resident_bytes())
                in_parallel(server, self.showtimes, self._look)
                self.samples.add("loaded", server.resident_bytes())
            else:
                self._look(Api(server), self.showtimes // 2)

    def rows(self) -> list[Row]:
        many = f"{self.showtimes:,} showtimes of {SEATS} seats"
        rows = []
        if "start" in self.settings.rows:
            ours = self.samples.median("start")
            what = f"start with {many} on disk"
            rows.append(Row("start", what, "", f"{ours:.2f} s", None, f"≤ {self.bar_s:g} s", ours <= self.bar_s))
        if "boards" in self.settings.rows:
            idle, loaded = self.samples.median("idle"), self.samples.median("loaded")
            what = f"resident memory with the boards of {many} loaded; with none"
            bar = f"≤ {self.bar_bytes // MIB} MiB"
            figures = (f"{idle / MIB:.0f} MiB", f"{loaded / MIB:.0f} MiB")
            rows.append(Row("boards", what, *figures, None, bar, loaded <= self.bar_bytes))
        return rows

    def _look(self, api: Api, number: int) -> None:
        """Looks at a showtime, for which its board is loaded."""
        counts = api.get(f"/v1/showtimes/{self.ids[number]}")["counts"]
        ensure(counts["available"] == SEATS, f"a showtime came back as {counts}")
