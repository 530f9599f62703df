"""Durable distinct holds: ours over HTTP, the usual PostgreSQL design, and raw SQLite with the same rows."""

import json
import random
import shutil
from pathlib import Path

import wrk
from faults import ensure
from measure import Samples, Settings, run_example
from postgres import Postgres
from report import Row
from server import Api, Server, adjacent_pairs, copy_store, create_showtimes, in_parallel

SHOWTIMES = 400
SEATS = 1000
SEATS_PER_HOLD = 2
CONNECTIONS = (128, 256, 512, 1024)
CLIENTS = (4, 8, 16, 32)
REFERENCE_WARM_UP_S = 2
BAR_POSTGRES = 5.0
BAR_RAW = 0.45


class HoldsMeasure:
    """The rows `holds` and `raw`. Each load of ours starts from a fresh copy of an unsold database."""

    names = ("holds", "raw")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.postgres = None
        if "holds" in settings.rows:
            self.postgres = Postgres(settings.folder / "postgres", SHOWTIMES, SEATS)
        self.unsold = settings.folder / "holds-unsold"
        with Server(settings.program, self.unsold) as server:
            self.showtimes = create_showtimes(server, SHOWTIMES, SEATS)

    def run_round(self, number: int) -> None:
        requests = self._write_requests(seed=number)
        if self.postgres:
            with self.postgres:
                self.postgres.load_seats()
        for clients, connections in zip(CLIENTS, CONNECTIONS, strict=True):
            if self.postgres:
                self._run_postgres(self.postgres, clients)
            self._run_ours(requests, connections)
        if "raw" in self.settings.rows:
            with self.samples.guard("raw"):
                size = ("--showtimes", str(SHOWTIMES), "--seats", str(SEATS))
                self.samples.add("raw", run_example("boxoffice-sqlite", "raw_batch", *size)["holds_per_s"])

    def rows(self) -> list[Row]:
        connections, ours = self._best("ours", CONNECTIONS)
        ours_text = f"{ours:,.0f}/s ({connections} connections)"
        rows = []
        if self.postgres:
            clients, reference = self._best("postgres", CLIENTS)
            ratio = ours / reference
            what = f"durable 2-seat holds over HTTP, {SHOWTIMES} x {SEATS:,} seats; PostgreSQL by pgbench"
            text = f"{reference:,.0f}/s ({clients} clients)"
            rows.append(Row("holds", what, text, ours_text, ratio, f"≥ {BAR_POSTGRES:g}", ratio >= BAR_POSTGRES))
        if "raw" in self.settings.rows - self.samples.faults.keys():
            reference = self.samples.median("raw")
            ratio = ours / reference
            what = "the same; raw SQLite batches of the same rows"
            rows.append(Row("raw", what, f"{reference:,.0f}/s", ours_text, ratio, f"≥ {BAR_RAW:g}", ratio >= BAR_RAW))
        return rows

    def _best(self, name: str, loads: tuple[int, ...]) -> tuple[int, float]:
        """The load with the best median, and that median."""
        return max(((load, self.samples.median(f"{name} {load}")) for load in loads), key=lambda best: best[1])

    def _run_postgres(self, postgres: Postgres, clients: int) -> None:
        """A warm-up, then the measured slice. It is stopped afterwards, so as not to work beside ours."""
        with postgres:
            postgres.holds_per_s(max(CLIENTS), REFERENCE_WARM_UP_S)
            self.samples.add(f"postgres {clients}", postgres.holds_per_s(clients, self.settings.slice_s))

    def _write_requests(self, seed: int) -> Path:
        """All pairs of all showtimes as requests in random order, the same in every run."""
        pairs = [(showtime, pair) for showtime in self.showtimes for pair in adjacent_pairs(SEATS)]
        random.Random(seed).shuffle(pairs)
        path = self.settings.folder / "holds.requests"
        with open(path, "w") as file:
            for showtime, pair in pairs:
                body = json.dumps({"seats": pair}, separators=(",", ":"))
                file.write(f"POST /v1/showtimes/{showtime}/holds {body}\n")
        return path

    def _run_ours(self, requests: Path, connections: int) -> None:
        folder = copy_store(self.unsold, self.settings.folder / "holds-round")
        try:
            with Server(self.settings.program, folder) as server:
                ensure(self._held_seats(server) == 0, "a fresh database has held seats")
                result = wrk.hold(server.url, requests, self.settings.slice_s, connections)
                acknowledged = result.asked - result.refused
                held = self._held_seats(server)
                ensure(
                    held == SEATS_PER_HOLD * acknowledged,
                    f"{acknowledged} holds acknowledged ({result.refused} refused), but {held} seats held",
                )
        finally:
            shutil.rmtree(folder)
        self.samples.add(f"ours {connections}", result.per_s)

    def _held_seats(self, server: Server) -> int:
        def held(api: Api, number: int) -> int:
            return api.get(f"/v1/showtimes/{self.showtimes[number]}")["counts"]["held"]

        return sum(in_parallel(server, SHOWTIMES, held))
