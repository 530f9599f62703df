"""One node on PostgreSQL beside the usual design on the same PostgreSQL; and what a gate on Redis adds to a hold."""

import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

import wrk
from faults import ensure
from holds import CLIENTS, REFERENCE_WARM_UP_S, SEATS_PER_HOLD
from measure import Samples, Settings
from postgres import Postgres
from report import Row
from server import ADMIN_KEY, Api, Server, adjacent_pairs, create_showtimes, free_port, in_parallel

# Showtimes, seats of each, and the bar. One showtime has the seats of many, so that there are enough distinct holds.
SIZES = {"pg-many": (1000, 300, 3.0), "pg-one": (1, 100_000, 6.0)}
CONNECTIONS = (256, 512, 1024)
# A node that has heard no other for five seconds knows that it is alone, and tells nobody what it commits.
SETTLE_S = 6
GATE_RATE = 500
GATE_BAR_MS = 1.0


class NodesMeasure:
    """The rows `pg-many`, `pg-one` and `gate-redis`. Each load of ours starts from a fresh copy of an unsold database."""

    names = (*SIZES, "gate-redis")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.folder = settings.folder / "nodes"
        self.postgres = Postgres(settings.folder / "nodes-postgres", 1, 2)
        self.showtimes: dict[str, list[str]] = {}
        with self.postgres:
            for name, (showtimes, seats, _) in SIZES.items():
                if name in settings.rows or (name == "pg-many" and "gate-redis" in settings.rows):
                    self.postgres.query(f'CREATE DATABASE "{name}"')
                    with Server(settings.program, self.folder, self.postgres.url(name)) as server:
                        self.showtimes[name] = create_showtimes(server, showtimes, seats)

    def run_round(self, number: int) -> None:
        with self.postgres:
            for name in SIZES.keys() & self.settings.rows:
                with self.samples.guard(name):
                    self._compare(name, number)
            if "gate-redis" in self.settings.rows:
                with self.samples.guard("gate-redis"):
                    self._gate()

    def rows(self) -> list[Row]:
        made = [self._holds_row(name) for name in SIZES if name in self._measured()]
        return made + ([self._gate_row()] if "gate-redis" in self._measured() else [])

    def _measured(self) -> frozenset[str]:
        return self.settings.rows - self.samples.faults.keys()

    def _compare(self, name: str, number: int) -> None:
        showtimes, seats, _ = SIZES[name]
        self.postgres.size = {"showtimes": showtimes, "seats": seats}
        self.postgres.load_seats()
        self.postgres.holds_per_s(max(CLIENTS), REFERENCE_WARM_UP_S)
        for clients in CLIENTS:
            reached = self.postgres.holds_per_s(clients, self.settings.slice_s)
            self.samples.add(f"{name} usual {clients}", reached)
        requests = self._write_requests(name, seed=number)
        for connections in CONNECTIONS:
            with self._node(name) as server:
                ensure(self._held_seats(server, name) == 0, "a fresh database has held seats")
                time.sleep(SETTLE_S)
                result = wrk.hold(server.url, requests, self.settings.slice_s, connections)
                held = self._held_seats(server, name)
                acknowledged = result.asked - result.refused
                ensure(held == SEATS_PER_HOLD * acknowledged, f"{acknowledged} holds acknowledged, but {held} seats held")
            self.samples.add(f"{name} ours {connections}", result.per_s)

    def _node(self, name: str, *arguments: str) -> Server:
        """A server on a fresh copy of an unsold database."""
        self.postgres.query("DROP DATABASE IF EXISTS round")
        self.postgres.query(f'CREATE DATABASE round TEMPLATE "{name}"')
        return Server(self.settings.program, self.folder, self.postgres.url("round"), *arguments)

    def _held_seats(self, server: Server, name: str) -> int:
        def held(api: Api, number: int) -> int:
            return api.get(f"/v1/showtimes/{self.showtimes[name][number]}")["counts"]["held"]

        return sum(in_parallel(server, SIZES[name][0], held))

    def _write_requests(self, name: str, seed: int) -> Path:
        pairs = [(showtime, pair) for showtime in self.showtimes[name] for pair in adjacent_pairs(SIZES[name][1])]
        random.Random(seed).shuffle(pairs)
        path = self.settings.folder / f"{name}.requests"
        with open(path, "w") as file:
            for showtime, pair in pairs:
                body = json.dumps({"seats": pair}, separators=(",", ":"))
                file.write(f"POST /v1/showtimes/{showtime}/holds {body}\n")
        return path

    def _holds_row(self, name: str) -> Row:
        showtimes, seats, bar = SIZES[name]
        clients, reference = self._best(f"{name} usual", CLIENTS)
        connections, ours = self._best(f"{name} ours", CONNECTIONS)
        what = f"one node on PostgreSQL, durable 2-seat holds, {showtimes:,} x {seats:,} seats; the usual design there"
        ours_text = f"{ours:,.0f}/s ({connections} connections)"
        reference_text = f"{reference:,.0f}/s ({clients} clients)"
        return Row(name, what, reference_text, ours_text, ours / reference, f"≥ {bar:g}", ours / reference >= bar)

    def _best(self, name: str, loads: tuple[int, ...]) -> tuple[int, float]:
        """The load with the best median, and that median."""
        return max(((load, self.samples.median(f"{name} {load}")) for load in loads), key=lambda best: best[1])

    def _gate(self) -> None:
        with _Redis() as redis:
            without = self._median_ms()
            self.samples.add("without gate", without)
            self.samples.add("gate", self._median_ms("--gate", redis.url, "--bus", "memory") - without)

    def _median_ms(self, *arguments: str) -> float:
        """The median latency of a hold on an idle node."""
        arguments = arguments or ("--bus", "memory")
        with self._node("pg-many", *arguments) as server:
            command = [str(self.settings.program), "bench", "holds", "--rate", str(GATE_RATE), "--showtimes", "20"]
            command += ["--duration", str(self.settings.slice_s), "--url", server.url, "--json"]
            env = {**os.environ, "BOXOFFICE_ADMIN_KEY": ADMIN_KEY}
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
            ensure(done.returncode == 0, f"bench holds: {done.stderr.strip()[-300:]}")
            return json.loads(done.stdout)["latency_ms"]["p50"]

    def _gate_row(self) -> Row:
        more, without = self.samples.median("gate"), self.samples.median("without gate")
        what = f"p50 of a hold at {GATE_RATE}/s on PostgreSQL, with a gate on Redis; without"
        ours = f"{without + more:.2f} ms"
        bar = f"at most {GATE_BAR_MS:g} ms more"
        return Row("gate-redis", what, f"{without:.2f} ms", ours, None, bar, more <= GATE_BAR_MS)


class _Redis:
    """A Redis of this measure's own. Runs inside `with`."""

    def __enter__(self) -> "_Redis":
        self.folder = tempfile.TemporaryDirectory()
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}"
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()
