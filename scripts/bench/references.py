"""What others are known for, beside our refusals: HTTP with nothing behind it, and locks by Redis. Rows without a bar."""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import wrk
from faults import Failed, ensure
from measure import Samples, Settings, example_program
from reads import REFUSED, SEATS, sell_out, write_refused_requests
from report import Row
from server import Api, Server, create_showtimes, free_port

CONNECTIONS = 50
PIPELINE = 16
LOCKS = 200_000
READY_S = 10


class ReferencesMeasure:
    """The rows `hyper`, `axum` and `redis`: each beside refusals of our server in the same round."""

    names = ("hyper", "axum", "redis")

    def __init__(self, settings: Settings):
        self.settings = settings
        self.samples = Samples()
        self.http = sorted(settings.rows.intersection(("hyper", "axum")))
        self.program = example_program("boxoffice", "bare_http") if self.http else None
        if "redis" in settings.rows:
            ensure(shutil.which("redis-benchmark") is not None, "redis-benchmark is not installed")

    def run_round(self, number: int) -> None:
        self._refuse(number)
        for kind in self.http:
            with self.samples.guard(kind):
                self._bare(kind)
        if "redis" in self.settings.rows:
            with self.samples.guard("redis"):
                self._lock()

    def rows(self) -> list[Row]:
        ours = self.samples.median("refusals")
        rows = []
        for kind in self.http:
            if kind not in self.samples.faults:
                reference = self.samples.median(kind)
                what = f"refusals; bare {kind} parses the same body and answers 409"
                rows.append(Row(kind, what, f"{reference:,.0f}/s", f"{ours:,.0f}/s", ours / reference, "", True))
        if "redis" in self.settings.rows - self.samples.faults.keys():
            plain, piped = self.samples.median("redis 1"), self.samples.median(f"redis {PIPELINE}")
            what = f"refusals; Redis SET NX PX, {CONNECTIONS} connections (with {PIPELINE} in a pipeline)"
            rows.append(Row("redis", what, f"{plain:,.0f}/s ({piped:,.0f}/s)", f"{ours:,.0f}/s", ours / plain, "", True))
        return rows

    def _refuse(self, number: int) -> None:
        with Server(self.settings.program, self.settings.folder / f"references-{number}") as server:
            showtime = create_showtimes(server, 1, SEATS)[0]
            sell_out(Api(server), showtime)
            self.requests = write_refused_requests(showtime, self.settings.folder / "references.requests")
            self.samples.add("refusals", wrk.replay(server.url, self.requests, self.settings.slice_s, {}).per_s)

    def _bare(self, kind: str) -> None:
        port = free_port()
        requests = self.settings.folder / "bare.requests"
        requests.write_text(re.sub(r"(?m)^POST \S+", "POST /", self.requests.read_text()))
        with running([self.program, kind, str(port)], port):
            result = wrk.replay(f"http://127.0.0.1:{port}", requests, 1, {}, REFUSED)
            ensure(result.wrong == 0, f"bare {kind} answers something else")
            self.samples.add(kind, wrk.replay(f"http://127.0.0.1:{port}", requests, self.settings.slice_s, {}).per_s)

    def _lock(self) -> None:
        port = free_port()
        server = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        with running(server, port):
            for pipeline in (1, PIPELINE):
                command = [
                    "redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-c", str(CONNECTIONS), "-P", str(pipeline),
                    "-n", str(LOCKS), "-r", "1000000", "--csv", "set", "seat:__rand_int__", "x", "nx", "px", "100",
                ]  # fmt: skip
                done = subprocess.run(command, capture_output=True, text=True, timeout=60)
                found = re.search(r'^"set[^"]*","([\d.]+)"', done.stdout, re.MULTILINE)
                if not found:
                    raise Failed(f"redis-benchmark: {(done.stdout + done.stderr).strip()[-300:]}")
                self.samples.add(f"redis {pipeline}", float(found[1]))


@contextlib.contextmanager
def running(command: list[str | Path], port: int) -> Iterator[None]:
    """Runs a server while inside, from when it answers on its port."""
    process = subprocess.Popen(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_for_port(process, port)
        yield
    finally:
        process.kill()
        process.wait()


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Waits until somebody listens."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise Failed(f"{process.args} does not listen")
