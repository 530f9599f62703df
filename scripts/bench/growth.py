"""Whether holds stay as fast when there is more of everything: showtimes on disk, taken seats, showtimes on sale."""

import json
import random
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import wrk
from faults import ensure
from measure import Samples, Settings
from report import Row
from server import Server, adjacent_pairs, copy_store, create_showtimes, in_parallel, rows_of_seats

HOT = 10
HOT_SEATS = 100_000
COLD_SEATS = 300
CONNECTIONS = 256
ON_DISK = (10, 1_000, 10_000)
TAKEN_PERCENT = (1, 50, 90)
SEATS_PER_EARLY_HOLD = 10
EARLY_LIMIT_S = 15
# As many holds at each share of taken seats: what a tenth of the seats has room for. The first of them are not measured:
# a server that has just started reads each page of the taken seats from the file once.
FIRST_HOLDS = 10_000
FIRST_LIMIT_S = 3
HOLDS_WHEN_TAKEN = 40_000
UNIFORM_HOLDS = 200_000
BAR_FLAT = 0.8
BAR_UNIFORM = 0.3
Thing = TypeVar("Thing")
# A showtime and two of its seats.
Hold = tuple[str, tuple[str, str]]


class GrowthMeasure:
    """The rows `growth-disk`, `growth-taken` and `uniform`. Each load starts from a fresh copy of its database."""

    names = ("growth-disk", "growth-taken", "uniform")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.hot: dict[int, list[str]] = {}
        self.cold: dict[int, list[str]] = {}
        self.free: dict[int, list[Hold]] = {}
        wanted = settings.rows
        for count in ON_DISK:
            needed = "growth-disk" in wanted or (count == min(ON_DISK)) or (count == max(ON_DISK) and "uniform" in wanted)
            if needed:
                self._make_showtimes(count)
        if "growth-taken" in wanted:
            for percent in TAKEN_PERCENT:
                self._take_seats(percent)

    def run_round(self, number: int) -> None:
        for count in self.hot:
            pairs = ((showtime, pair) for showtime in self.hot[count] for pair in adjacent_pairs(HOT_SEATS))
            self._hold(f"disk {count}", self._disk(count), shuffled(pairs, number))
        for percent, free in self.free.items():
            holds = shuffled(free, number)
            first, holds = holds[:FIRST_HOLDS], holds[FIRST_HOLDS:][:HOLDS_WHEN_TAKEN]
            self._hold(f"taken {percent}", self._taken(percent), holds, first)
        if "uniform" in self.settings.rows:
            count = max(ON_DISK)
            pairs = adjacent_pairs(COLD_SEATS)
            lots = random.Random(number)
            all_pairs = [(showtime, pair) for showtime in self.cold[count] for pair in pairs]
            self._hold("uniform", self._disk(count), lots.sample(all_pairs, UNIFORM_HOLDS), load=self.cold[count])

    def rows(self) -> list[Row]:
        rows = []
        if "growth-disk" in self.settings.rows:
            what = f"growth: {HOT} hot showtimes among {', '.join(f'{count:,}' for count in ON_DISK)} on disk"
            rows.append(self._flat("growth-disk", what, [f"disk {count}" for count in ON_DISK]))
        if "growth-taken" in self.settings.rows:
            what = f"growth: {', '.join(f'{percent} %' for percent in TAKEN_PERCENT)} of the seats taken"
            rows.append(self._flat("growth-taken", what, [f"taken {percent}" for percent in TAKEN_PERCENT]))
        if "uniform" in self.settings.rows:
            reference, ours = self.samples.median(f"disk {min(ON_DISK)}"), self.samples.median("uniform")
            ratio = ours / reference
            what = f"holds over {max(ON_DISK):,} showtimes alike; over {HOT}"
            figures = (f"{reference:,.0f}/s", f"{ours:,.0f}/s")
            rows.append(Row("uniform", what, *figures, ratio, f"≥ {BAR_UNIFORM:g}", ratio >= BAR_UNIFORM))
        return rows

    def _flat(self, name: str, what: str, samples: list[str]) -> Row:
        """A row whose reference is the first figure, and whose ratio is that of the worst to it; with what a hold cost the
        store."""
        figures = [self.samples.median(sample) for sample in samples]
        ratio = min(figures[1:]) / figures[0]
        ours = ", ".join(f"{figure:,.0f}/s" for figure in figures[1:])
        times, sizes = (
            ", ".join(f"{self.samples.median(f'{sample}: {unit}'):.1f}" for sample in samples) for unit in ("us", "KiB")
        )
        what += f"; a hold costs the store's threads {times} µs, and {sizes} KiB are written"
        return Row(name, what, f"{figures[0]:,.0f}/s", ours, ratio, f"≥ {BAR_FLAT:g}", ratio >= BAR_FLAT)

    def _disk(self, count: int) -> Path:
        return self.settings.folder / f"growth-{count}"

    def _taken(self, percent: int) -> Path:
        return self.settings.folder / f"taken-{percent}"

    def _make_showtimes(self, count: int) -> None:
        with Server(self.settings.program, self._disk(count)) as server:
            self.hot[count] = create_showtimes(server, HOT, HOT_SEATS)
            self.cold[count] = create_showtimes(server, count - HOT, COLD_SEATS) if count > HOT else []

    def _take_seats(self, percent: int) -> None:
        """Holds a share of all rows of the hot rooms, and remembers the pairs that are left."""
        rows = rows_of_seats(HOT_SEATS)
        early, self.free[percent] = [], []
        for number, showtime in enumerate(self.hot[min(ON_DISK)]):
            taken = set(random.Random(number).sample(range(len(rows)), len(rows) * percent // 100))
            for at, row in enumerate(rows):
                if at in taken:
                    parts = range(0, len(row), SEATS_PER_EARLY_HOLD)
                    early += [(showtime, row[part : part + SEATS_PER_EARLY_HOLD]) for part in parts]
                else:
                    self.free[percent] += [(showtime, (row[seat], row[seat + 1])) for seat in range(0, len(row), 2)]
        folder = copy_store(self._disk(min(ON_DISK)), self._taken(percent))
        with Server(self.settings.program, folder) as server:
            requests = self._write(shuffled(early, percent))
            result = wrk.hold(server.url, requests, EARLY_LIMIT_S, CONNECTIONS)
            ensure(result.asked == len(early) and result.refused == 0, f"{percent} % could not be taken: {result}")

    def _hold(
        self,
        sample: str,
        source: Path,
        holds: Sequence[Hold],
        first: Sequence[Hold] = (),
        load: Iterable[str] = (),
    ) -> None:
        """Samples the holds a second on a copy of a database, after the boards of `load` are in memory and `first` held."""
        folder = copy_store(source, self.settings.folder / "growth-round")
        try:
            with Server(self.settings.program, folder) as server:
                showtimes = list(load) or sorted({showtime for showtime, _ in holds})
                in_parallel(server, len(showtimes), lambda api, at: api.get(f"/v1/showtimes/{showtimes[at]}")["counts"])
                if first:
                    wrk.hold(server.url, self._write(first), FIRST_LIMIT_S, CONNECTIONS)
                seconds, written = server.store_seconds(), server.written_bytes()
                result = wrk.hold(server.url, self._write(holds), self.settings.slice_s, CONNECTIONS)
                ensure(result.refused == 0, f"{result.refused} holds of free seats were refused")
                self.samples.add(f"{sample}: us", (server.store_seconds() - seconds) / result.asked * 1e6)
                self.samples.add(f"{sample}: KiB", (server.written_bytes() - written) / result.asked / 1024)
        finally:
            shutil.rmtree(folder)
        self.samples.add(sample, result.per_s)

    def _write(self, holds: Sequence[tuple[str, object]]) -> Path:
        path = self.settings.folder / "growth.requests"
        with open(path, "w") as file:
            for showtime, seats in holds:
                body = json.dumps({"seats": seats}, separators=(",", ":"))
                file.write(f"POST /v1/showtimes/{showtime}/holds {body}\n")
        return path


def shuffled(things: Iterable[Thing], seed: int) -> list[Thing]:
    """The things in an order that is the same in every run."""
    listed = list(things)
    random.Random(seed).shuffle(listed)
    return listed
