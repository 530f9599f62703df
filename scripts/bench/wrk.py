"""The load generator: wrk with the Lua scripts beside this file."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from faults import Failed, ensure

HERE = Path(__file__).parent
THREADS = 2
# Holds are few beside what one thread can send; a second would only take time from the server.
HOLD_THREADS = 1
CONNECTIONS = 64
# Where clients are other machines, an answer interrupts nobody who serves. Here the system would let wrk run at each one
# that comes, in the midst of the answers to others: two switches an answer. As a batch job it waits for its turn.
IN_ITS_TURN = ("chrt", "--batch", "0")
# Holds on their way when the time is over are answered within this rest.
HOLDS_REST_S = 1


@dataclass(frozen=True)
class Replay:
    """The result of sending the same requests round and round; `refused` counts statuses above 399."""

    requests: int
    seconds: float
    bytes: int
    refused: int
    wrong: int

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds

    @property
    def bytes_each(self) -> float:
        return self.bytes / self.requests


@dataclass(frozen=True)
class Holds:
    """The result of asking for distinct holds; `answered` are those answered 201 within `seconds`."""

    asked: int
    answered: int
    refused: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.answered / self.seconds


@dataclass(frozen=True)
class Expect:
    """What every answer must be: its status, and a text in its body."""

    status: int
    text: str = ""


def replay(url: str, requests: Path, seconds: int, headers: dict[str, str], expect: Expect | None = None) -> Replay:
    """Sends the requests of a file for some seconds; looks at every answer when told what to expect."""
    arguments = [str(requests)]
    if expect:
        arguments += [str(expect.status), expect.text]
    result = _run("replay.lua", url, THREADS, CONNECTIONS, seconds, headers, arguments)
    ensure(result["requests"] > 0, "wrk got no answer")
    return Replay(
        requests=int(result["requests"]),
        seconds=result["seconds"],
        bytes=int(result["bytes"]),
        refused=int(result["refused"]),
        wrong=int(result["wrong"]),
    )


def hold(url: str, requests: Path, seconds: int, connections: int) -> Holds:
    """Asks once for each hold of a file, until the time is over or the file is used up."""
    arguments = [str(requests), str(seconds), str(HOLD_THREADS), str(connections)]
    result = _run("holds.lua", url, HOLD_THREADS, connections, seconds + HOLDS_REST_S, {}, arguments)
    refused = int(result["refused"])
    return Holds(
        asked=int(result["asked"]),
        answered=int(result["answered"]) - refused,
        refused=refused,
        seconds=result["seconds"],
    )


def _run(
    script: str, url: str, threads: int, connections: int, seconds: int, headers: dict[str, str], arguments: list[str]
) -> dict[str, float]:
    load = [f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command = [*IN_ITS_TURN, "wrk", *load, "-s", str(HERE / script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [url, "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, start_new_session=True)
    try:
        result = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(f"wrk {script}: {(done.stderr or done.stdout).strip()[-500:]}") from None
    ensure(result["socket_errors"] == 0, f"wrk {script}: {result['socket_errors']:.0f} connection errors")
    return result
