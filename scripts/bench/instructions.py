"""Counts the instructions of each step of the hot path; see scripts/bench-instructions."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
RECORD = REPOSITORY / "docs" / "instructions.json"
TOLERANCE = 0.02
# What a step is, and how often it is done in the two runs whose difference is taken.
STEPS = {
    "claim": ("claim two seats and let go of them", 1000, 3000),
    "refuse": ("refuse a hold of two taken seats, through the engine", 1000, 3000),
    "decide": ("decide on a hold of two free seats", 1000, 3000),
    "decide-and-apply": ("the same, and apply it to the board's state", 500, 1500),
    "delta": ("write the delta of a hold of two seats for all watchers", 1000, 3000),
    "commit-100": ("the same hold a hundred times, and one commit of all by SQLite", 4, 12),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench-instructions", description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.relative_to(REPOSITORY)}")
    record = parser.parse_args().record
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    program = target / "release" / "examples" / "hot_path"
    counts = {}
    for step, (_, few, many) in STEPS.items():
        counts[step] = round((count(program, step, many) - count(program, step, few)) / (many - few))
    if record:
        RECORD.write_text(json.dumps({"machine": platform.machine(), "instructions": counts}, indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())["instructions"] if RECORD.exists() else {}
    print("| step | instructions | recorded | |\n|---|---|---|---|")
    grown = False
    for step, figure in counts.items():
        before = recorded.get(step)
        change = figure / before - 1 if before else 0.0
        grown |= change > TOLERANCE
        verdict = f"{change:+.1%}" if abs(change) > TOLERANCE else ""
        print(f"| {STEPS[step][0]} | {figure:,} | {before or 0:,} | {verdict} |")
    return int(grown)


def count(program: Path, step: str, times: int) -> int:
    """All instructions of a run that does a step so many times."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, step, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"bench-instructions: {step}: {done.stderr.strip()[-500:]}")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
