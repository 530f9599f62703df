"""The reference: a temporary PostgreSQL cluster with Debian's defaults, driven by pgbench."""

import atexit
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from faults import Failed, ensure
from server import free_port

HERE = Path(__file__).parent
USER = "postgres"
DATABASE = "postgres"
THREADS = 2


def programs() -> Path:
    """The folder of the newest installed PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    ensure(bool(found), "PostgreSQL is not installed")
    return found[-1].parent


def version() -> str:
    return subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True).stdout.strip()


class Postgres:
    """A cluster in a folder of its own, reached by a port of 127.0.0.1. Runs between `start` and `stop`."""

    def __init__(self, folder: Path, showtimes: int, seats: int):
        self.folder = folder
        self.data = folder / "data"
        self.size = {"showtimes": showtimes, "seats": seats}
        self.programs = programs()
        self.port = free_port()
        # Also when a signal or the time limit interrupts a start or a stop half way.
        atexit.register(self.stop)
        self._make_cluster()

    def _make_cluster(self) -> None:
        self.folder.mkdir(mode=0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER)
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale")

    def start(self) -> None:
        """Starts the cluster, with Debian's settings."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "start", "-w", "-t", "60", "-D", self.data, "-l", self.folder / "log", "-o", options)

    def stop(self) -> None:
        """Stops the cluster if it runs, so that it does not work beside what is measured next."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", self.data)

    def __enter__(self) -> "Postgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def load_seats(self) -> None:
        """Makes the tables anew, every seat available, and checks that a commit will be durable."""
        self._client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *self._size("-v"), stdin=(HERE / "schema.sql").read_text())
        for setting in ("fsync", "synchronous_commit"):
            ensure(self.query(f"SHOW {setting}") == "on", f"PostgreSQL's {setting} is off")

    def holds_per_s(self, clients: int, seconds: int) -> float:
        """Holds per second by pgbench; every counted one is a row in the table of holds."""
        before = self._holds()
        output = self._client(
            "pgbench", "-n", "-M", "prepared", "-f", "-", *self._size("-D"),
            "-c", str(clients), "-j", str(min(clients, THREADS)), "-T", str(seconds),
            stdin=(HERE / "hold.sql").read_text(), timeout=seconds + 60,
        )  # fmt: skip
        counted = int(_figure(r"transactions actually processed: (\d+)", output))
        ensure(self._holds() - before == counted, "pgbench counted other holds than PostgreSQL has")
        return float(_figure(r"tps = ([\d.]+)", output))

    def query(self, statement: str) -> str:
        """The only value that a statement answers."""
        return self._client("psql", "-XAtc", statement).strip()

    def url(self, database: str) -> str:
        """Where a server finds a database."""
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def _holds(self) -> int:
        return int(self.query("SELECT count(*) FROM holds"))

    def _size(self, flag: str) -> list[str]:
        return [part for name, value in self.size.items() for part in (flag, f"{name}={value}")]

    def _client(self, program: str, *arguments: str, stdin: str = "", timeout: int = 120) -> str:
        # By TCP, as a shop's servers reach their database, and as our own node does.
        return self._run(program, "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, *arguments, DATABASE, stdin=stdin, timeout=timeout)

    def _run(self, program: str, *arguments: object, stdin: str = "", timeout: int = 120) -> str:
        """Runs a program of PostgreSQL's, as an unprivileged user because it refuses to run as root.

        Scripts come by standard input: that user may not be allowed to read this folder.
        """
        command = [self.programs / program, *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
            cwd=self.folder, env=_environment(), start_new_session=True, **_unprivileged(),
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{program}: {done.stdout.strip()[-500:]}")
        return done.stdout


def _environment() -> dict[str, str]:
    """Ours without variables that would lead PostgreSQL's programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _unprivileged() -> dict[str, Any]:
    return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}


def _figure(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if not found:
        raise Failed(f"pgbench's output lacks {pattern!r}: {output[-500:]}")
    return found[1]
