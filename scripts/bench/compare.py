"""Measures our server beside its references in one run; see scripts/bench-compare.

The measures take turns, round after round, so that a busy moment of the machine falls on all of them; each
figure is the median of its rounds. A measure that fails (or measured what it should not have) is a row of its
own and the others go on.
"""

import argparse
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import postgres
import report
from faults import OutOfTime
from footprint import MemoryMeasure, ShowtimesMeasure
from gate import GateMeasure
from growth import GrowthMeasure
from holds import HoldsMeasure
from measure import REPOSITORY, Measure, Samples, Settings
from nodes import NodesMeasure
from own import OwnMeasure
from reads import ReadsMeasure
from references import ReferencesMeasure
from report import Row

MEASURES = (
    HoldsMeasure, NodesMeasure, GrowthMeasure, ReadsMeasure, OwnMeasure, GateMeasure, MemoryMeasure, ShowtimesMeasure,
    ReferencesMeasure,
)  # fmt: skip
ROWS = [name for measure in MEASURES for name in measure.names]
EXAMPLES = {
    "gate": ("boxoffice-engine", "gate_bench"),
    "raw": ("boxoffice-sqlite", "raw_batch"),
    "hyper": ("boxoffice", "bare_http"),
    "axum": ("boxoffice", "bare_http"),
}
ROUNDS = 3
LIMIT_S = 1800
QUICK_LIMIT_S = 400
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    arguments = parse_arguments()
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    program = arguments.server or build(arguments.only)
    settings = Settings(arguments.folder, program.resolve(), frozenset(arguments.only), arguments.quick)
    description = describe(arguments)
    print_description(description)
    comparison = Comparison(settings)
    with time_limit(QUICK_LIMIT_S if arguments.quick else LIMIT_S):
        comparison.run(1 if arguments.quick else arguments.rounds)
    description["fdatasync_ms_after"] = report.fdatasync_ms(arguments.folder)
    rows = comparison.rows()
    print(f"- fdatasync_ms_after: {description['fdatasync_ms_after']}\n")
    print(report.table(rows), flush=True)
    if arguments.json:
        figures = {**description, "rows": [vars(row) for row in rows], "samples": comparison.samples()}
        arguments.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    return 0 if all(row.met for row in rows) else 1


def stop(number: int, _: object) -> None:
    """Ends the run on a signal; further ones must not disturb the cleaning up."""
    for ignored in STOP_SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(128 + number)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench-compare", description="Our server beside its references.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default %(default)s")
    parser.add_argument("--only", type=row_names, default=ROWS, metavar="ROW,…", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--server", type=Path, metavar="PROGRAM", help="measure this boxoffice, do not build one")
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def row_names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return names


def build(rows: list[str]) -> Path:
    """Builds the server and the examples that these rows need, before anything is timed."""
    command = ["cargo", "build", "--release", "--locked"]
    if subprocess.run([*command, "-p", "boxoffice"], cwd=REPOSITORY).returncode != 0:
        print("bench-compare: the server does not build", file=sys.stderr)
        sys.exit(2)
    for row in set(rows) & EXAMPLES.keys():
        package, example = EXAMPLES[row]
        # An example that does not build fails its row later, with its reason.
        subprocess.run([*command, "-q", "-p", package, "--example", example], cwd=REPOSITORY)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "release" / "boxoffice"


def describe(arguments: argparse.Namespace) -> dict[str, object]:
    described = {
        "command": shlex.join(["scripts/bench-compare", *arguments_of_caller()]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "rounds": 1 if arguments.quick else arguments.rounds,
        **report.machine(),
        "fdatasync_ms_before": report.fdatasync_ms(arguments.folder),
    }
    if {"holds", "pg-many", "pg-one"} & set(arguments.only):
        described["postgres"] = postgres.version()
    return described


def arguments_of_caller() -> list[str]:
    """The arguments without the folder, which the script in front puts first."""
    return sys.argv[3:]


def print_description(description: dict[str, object]) -> None:
    for name, value in description.items():
        print(f"- {name}: {value}", flush=True)


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Ends what runs inside after so many seconds; what was measured until then is reported."""

    def out_of_time(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(seconds)
    try:
        yield
    except OutOfTime:
        print(f"bench-compare: stopped after {seconds} s\n", file=sys.stderr)
    finally:
        signal.alarm(0)


class Comparison:
    """The measures of the wanted rows, and the faults of those that could not be set up."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.measures: list[Measure] = []
        self.setup = Samples()

    def run(self, rounds: int) -> None:
        """Sets the measures up, then lets them take turns."""
        for kind in MEASURES:
            if self.settings.rows.intersection(kind.names):
                progress(f"setting up {', '.join(kind.names)}")
                with self.setup.guard(*kind.names):
                    self.measures.append(kind(self.settings))
        for number in range(rounds):
            for measure in self.measures:
                progress(f"round {number + 1} of {rounds}: {', '.join(measure.names)}")
                with measure.samples.guard(*measure.names):
                    measure.run_round(number)
        progress("")

    def rows(self) -> list[Row]:
        """The rows of what was measured, and one for each fault."""
        rows, faults = [], dict(self.setup.faults)
        for measure in self.measures:
            if not measure.samples.faults.keys() >= set(measure.names):
                with measure.samples.guard(*measure.names):
                    rows += measure.rows()
            faults |= measure.samples.faults
        rows = [row for row in rows if row.name not in faults]
        rows += [Row.failed(name, reason) for name, reason in faults.items() if name in self.settings.rows]
        return sorted(rows, key=lambda row: ROWS.index(row.name))

    def samples(self) -> dict[str, list[float]]:
        """Every figure of every round."""
        return {name: figures for measure in self.measures for name, figures in measure.samples.by_name.items()}


def progress(text: str) -> None:
    """Says what is going on, where somebody is watching."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
