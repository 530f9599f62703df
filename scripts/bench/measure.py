"""What all measures share: their settings, and the shape of a measure."""

import contextlib
import json
import os
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from faults import Failed
from report import Row

REPOSITORY = Path(__file__).parents[2]
EXAMPLE_LIMIT_S = 120
BUILD_LIMIT_S = 900
FAULTS = (Failed, OSError, KeyError, ValueError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Settings:
    """How to measure: where, what, and for how long."""

    folder: Path
    program: Path
    rows: frozenset[str]
    quick: bool

    @property
    def slice_s(self) -> int:
        """One measured slice of load."""
        return 3 if self.quick else 5


class Measure(Protocol):
    """Some rows of the table that are measured together."""

    names: tuple[str, ...]
    samples: "Samples"

    def run_round(self, number: int) -> None:
        """Takes one sample of each figure."""

    def rows(self) -> list[Row]:
        """The rows by the medians of what was sampled, without those that have a fault."""


class Samples:
    """Figures by name, one for each round, and what went wrong, by the name of the row."""

    def __init__(self) -> None:
        self.by_name: defaultdict[str, list[float]] = defaultdict(list)
        self.faults: dict[str, str] = {}

    def add(self, name: str, figure: float) -> None:
        self.by_name[name].append(figure)

    def median(self, name: str) -> float:
        if not self.by_name[name]:
            raise Failed(f"{name} was not measured")
        return statistics.median(self.by_name[name])

    @contextlib.contextmanager
    def guard(self, *names: str) -> Iterator[None]:
        """Keeps a fault inside as that of these rows, so that the other rows go on."""
        try:
            yield
        except FAULTS as fault:
            self.faults.update(dict.fromkeys(names, f"{type(fault).__name__}: {fault}"))


def example_program(package: str, example: str) -> Path:
    """The program of an example, built."""
    command = ["cargo", "build", "--release", "--locked", "-q", "-p", package, "--example", example]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=BUILD_LIMIT_S)
    if done.returncode != 0:
        raise Failed(f"{example}: {done.stderr.strip()[-300:]}")
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release" / "examples" / example


def run_example(package: str, example: str, *arguments: str) -> dict[str, Any]:
    """The line of JSON that an example program prints."""
    command = ["cargo", "run", "--release", "--locked", "-q", "-p", package, "--example", example, "--", *arguments]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=EXAMPLE_LIMIT_S, start_new_session=True
    )
    if done.returncode != 0:
        raise Failed(f"{example}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])
