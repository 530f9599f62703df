"""Answers that touch no database, against the same server's `GET /livez`: refusals and the seat map."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import wrk
from faults import ensure
from measure import Samples, Settings
from report import Row
from server import Api, Server, adjacent_pairs, create_showtimes
from wrk import Expect

SEATS = 300
SEATS_PER_HOLD = 10
CHECK_S = 1
REFUSED = Expect(409, '"seat_unavailable"')
# Answers to the same request are equally long, so an answer of another kind would show in the mean.
BYTES_TOLERANCE = 0.01


@dataclass(frozen=True)
class Load:
    """A kind of request, and what each of its answers must be."""

    name: str
    what: str
    bar: float
    requests: Path
    headers: dict[str, str]
    expect: Expect


def sell_out(api: Api, showtime: str) -> None:
    """Takes every seat of a room: one half booked, the other half held."""
    labels = [label for pair in adjacent_pairs(SEATS) for label in pair]
    for start in range(0, SEATS, SEATS_PER_HOLD):
        seats = labels[start : start + SEATS_PER_HOLD]
        hold = api.create(f"/v1/showtimes/{showtime}/holds", {"seats": seats}, key=None)
        if start % (2 * SEATS_PER_HOLD) == 0:
            api.create("/v1/bookings", {"hold": hold["id"]}, key=hold["token"])
    counts = api.get(f"/v1/showtimes/{showtime}")["counts"]
    ensure(counts["available"] == 0, f"a sold out room has seats left: {counts}")


def write_refused_requests(showtime: str, path: Path) -> Path:
    """Requests for pairs of seats that are all taken."""
    lines = [f"POST /v1/showtimes/{showtime}/holds {json.dumps({'seats': pair})}" for pair in adjacent_pairs(SEATS)]
    path.write_text("\n".join(lines) + "\n")
    return path


class ReadsMeasure:
    """The rows `refusals`, `map-304` and `map-gzip`. Each round has a server and a sold out room of its own."""

    names = ("refusals", "map-304", "map-gzip")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.loads: dict[str, Load] = {}

    def run_round(self, number: int) -> None:
        with Server(self.settings.program, self.settings.folder / f"reads-{number}") as server:
            showtime = create_showtimes(server, 1, SEATS)[0]
            sell_out(Api(server), showtime)
            livez = self._requests("livez", "GET /livez\n")
            self._sample(server, "livez", livez, {})
            for names, make_loads in ((("refusals",), self._refusals), (("map-304", "map-gzip"), self._maps)):
                if self.settings.rows.intersection(names):
                    with self.samples.guard(*names):
                        self._run_loads(server, make_loads(Api(server), showtime))
            self._sample(server, "livez", livez, {})

    def rows(self) -> list[Row]:
        reference = self.samples.median("livez")
        rows = []
        for load in self.loads.values():
            if load.name in self.samples.faults:
                continue
            ours = self.samples.median(load.name)
            ratio = ours / reference
            text = f"{reference:,.0f}/s"
            rows.append(Row(load.name, load.what, text, f"{ours:,.0f}/s", ratio, f"≥ {load.bar:g}", ratio >= load.bar))
        return rows

    def _refusals(self, _: Api, showtime: str) -> list[Load]:
        requests = write_refused_requests(showtime, self.settings.folder / "refused.requests")
        return [Load("refusals", "refusals: a herd on taken seats; GET /livez", 0.85, requests, {}, REFUSED)]

    def _maps(self, api: Api, showtime: str) -> list[Load]:
        path = f"/v1/showtimes/{showtime}/seats"
        seats = self._requests("seats", f"GET {path}\n")
        compressed = {"Accept-Encoding": "gzip"}
        unchanged = compressed | {"If-None-Match": self._checked_etag(api, path)}
        return [
            Load("map-304", "seat map of 300 seats, 304; GET /livez", 0.7, seats, unchanged, Expect(304)),
            Load("map-gzip", "seat map of 300 seats, gzip; GET /livez", 0.5, seats, compressed, Expect(200)),
        ]

    def _checked_etag(self, api: Api, path: str) -> str:
        """The map's ETag, after a look at what is answered with gzip and with the ETag."""
        compressed = {"Accept-Encoding": "gzip"}
        full = api.ask("GET", path, headers=compressed)
        ensure(full.status == 200, f"seat map: {full.status}")
        ensure(full.headers.get("content-encoding") == "gzip", "the seat map is not compressed")
        seats = json.loads(gzip.decompress(full.body))["seats"]
        ensure(len(seats) == SEATS, f"the seat map has {len(seats)} seats")
        etag = full.headers["etag"]
        again = api.ask("GET", path, headers=compressed | {"If-None-Match": etag})
        ensure(again.status == 304 and not again.body, f"an unchanged seat map is answered {again.status}")
        return etag

    def _run_loads(self, server: Server, loads: list[Load]) -> None:
        for load in loads:
            if load.name in self.settings.rows:
                self.loads[load.name] = load
                with self.samples.guard(load.name):
                    self._run_load(server, load)

    def _run_load(self, server: Server, load: Load) -> None:
        """A slice in which every answer is looked at, then the measured one without."""
        checked = wrk.replay(server.url, load.requests, CHECK_S, load.headers, load.expect)
        ensure(checked.wrong == 0, f"{load.name}: {checked.wrong} of {checked.requests} answers are not {load.expect}")
        result = self._sample(server, load.name, load.requests, load.headers)
        refused = result.requests if load.expect.status > 399 else 0
        ensure(result.refused == refused, f"{load.name}: {result.refused} of {result.requests} answers are refusals")
        difference = abs(result.bytes_each / checked.bytes_each - 1)
        ensure(difference <= BYTES_TOLERANCE, f"{load.name}: measured answers differ in length from those looked at")

    def _sample(self, server: Server, name: str, requests: Path, headers: dict[str, str]) -> wrk.Replay:
        result = wrk.replay(server.url, requests, self.settings.slice_s, headers)
        self.samples.add(name, result.per_s)
        return result

    def _requests(self, name: str, text: str) -> Path:
        path = self.settings.folder / f"{name}.requests"
        path.write_text(text)
        return path
