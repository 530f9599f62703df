"""Our server as a process, and its HTTP API as far as the comparison needs it."""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from faults import Failed, ensure

ADMIN_KEY = secrets.token_hex(16)
START_LIMIT_S = 30
STOP_LIMIT_S = 30
POLL_S = 0.002
API_THREADS = 8
SEATS_PER_ROW = 20
STORE_THREADS = ("writer", "checkpointer")
# Longer than any run: holds that end would be written by whatever is measured then.
HOLD_TTL_S = 6 * 3600


class Server:
    """`boxoffice serve` over a SQLite file in a folder of its own, or over another store. Runs inside `with`."""

    def __init__(self, program: Path, folder: Path, store: str | None = None, *arguments: str):
        self.program = program
        self.folder = folder
        self.arguments = ("--store", store or f"sqlite:{folder}/x.db", *arguments)
        self.log = folder.with_suffix(".log")
        folder.mkdir(exist_ok=True)

    def __enter__(self) -> "Server":
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with open(self.log, "wb") as log:
            started = time.monotonic()
            self.process = subprocess.Popen(
                [self.program, "serve", "--listen", f"127.0.0.1:{self.port}", *self.arguments],
                env={**os.environ, "BOXOFFICE_ADMIN_KEY": ADMIN_KEY},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_until_ready(started)
        except BaseException:
            self._end()
            raise
        self.ready_after_s = time.monotonic() - started
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        status = self._end()
        self.log.unlink(missing_ok=True)
        ensure(kind is not None or status == 0, f"the server ended with {status} after SIGTERM")

    def resident_bytes(self) -> int:
        """The process's resident memory."""
        return self._figure("status", "VmRSS") * 1024

    def written_bytes(self) -> int:
        """What the process has written to files so far."""
        return self._figure("io", "wchar")

    def store_seconds(self) -> float:
        """The processor time of the embedded store's threads that write, so far."""
        nanoseconds = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            # Another thread may end meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if (task / "comm").read_text().strip() in STORE_THREADS:
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def _figure(self, file: str, name: str) -> int:
        """What a file of the process in /proc tells under a name."""
        for line in Path(f"/proc/{self.process.pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise Failed(f"the server has no {name}: it has ended")

    def _wait_until_ready(self, started: float) -> None:
        while time.monotonic() - started < START_LIMIT_S and self.process.poll() is None:
            try:
                if Api(self).ask("GET", "/readyz").status == 200:
                    return
            except OSError:
                time.sleep(POLL_S)
        raise Failed(f"the server is not ready: {self.log.read_text(errors='replace').strip()[-500:]}")

    def _end(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise


@dataclass(frozen=True)
class Answer:
    """An answer of the server; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """JSON over one kept connection."""

    def __init__(self, server: Server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def ask(
        self, method: str, path: str, body: object = None, key: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Sends a request, with `key` as its bearer."""
        sent = dict(headers or {})
        if key:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        self.connection.request(method, path, None if body is None else json.dumps(body).encode(), sent)
        answer = self.connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def get(self, path: str) -> Any:
        return self._expect(200, "GET", path, self.ask("GET", path))

    def create(self, path: str, body: object, key: str | None = ADMIN_KEY) -> Any:
        return self._expect(201, "POST", path, self.ask("POST", path, body, key))

    @staticmethod
    def _expect(status: int, method: str, path: str, answer: Answer) -> Any:
        ensure(answer.status == status, f"{method} {path}: {answer.status} {answer.body[:300].decode(errors='replace')}")
        return answer.json()


def in_parallel(server: Server, count: int, work: Callable[[Api, int], Any]) -> list[Any]:
    """Does `work` for 0..count over a few kept connections; results in order."""
    kept = threading.local()

    def with_connection(number: int) -> Any:
        if not hasattr(kept, "api"):
            kept.api = Api(server)
        return work(kept.api, number)

    with ThreadPoolExecutor(API_THREADS) as pool:
        return list(pool.map(with_connection, range(count), chunksize=1))


def create_showtimes(server: Server, count: int, seats: int) -> list[str]:
    """Makes a movie, a room of so many seats and showtimes in it, seven days ahead; answers the showtimes' ids."""
    api = Api(server)
    movie = api.create("/v1/movies", {"title": "The Stampede"})["id"]
    room = api.create("/v1/auditoriums", {"name": f"{seats} seats", "plan": _plan(seats)})["id"]
    starts_at = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    showtime = {
        "movie": movie,
        "auditorium": room,
        "starts_at": starts_at,
        "currency": "EUR",
        "prices": {"standard": 1000},
        "hold_ttl_s": HOLD_TTL_S,
        "max_hold_ttl_s": HOLD_TTL_S,
    }
    return in_parallel(server, count, lambda api, _: api.create("/v1/showtimes", showtime)["id"])


def rows_of_seats(seats: int) -> list[list[str]]:
    """The labels of a room's seats, row by row."""
    return [_labels(row) for row in range(seats // SEATS_PER_ROW)]


def adjacent_pairs(seats: int) -> list[tuple[str, str]]:
    """The labels of a room's seats in pairs of neighbours, no seat in two pairs."""
    return [(row[at], row[at + 1]) for row in rows_of_seats(seats) for at in range(0, SEATS_PER_ROW, 2)]


def copy_store(source: Path, target: Path) -> Path:
    """Copies a stopped server's folder, so that it is on the disk and not on its way there."""
    shutil.copytree(source, target)
    for path in target.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    return target


def _row_name(row: int) -> str:
    """A, B, … Z, then AA, AB, …"""
    return (_row_name(row // 26 - 1) if row >= 26 else "") + chr(ord("A") + row % 26)


def _labels(row: int) -> list[str]:
    return [f"{_row_name(row)}{number}" for number in range(1, SEATS_PER_ROW + 1)]


def _plan(seats: int) -> dict[str, Any]:
    rows = [
        {
            "row": _row_name(row),
            "seats": [
                {"number": str(at + 1), "category": "standard", "x": float(at), "y": float(row)}
                for at in range(SEATS_PER_ROW)
            ],
        }
        for row in range(seats // SEATS_PER_ROW)
    ]
    return {"name": f"{seats} seats", "categories": [{"key": "standard", "name": "Standard"}], "rows": rows}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
