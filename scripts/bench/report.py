"""The table of rows, and the machine beside it: figures mean nothing without it."""

import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

PROBE_WRITES = 200
REASON_CHARACTERS = 250


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None when it could not be measured. A row without a bar is there to
    be looked at."""

    name: str
    what: str
    reference: str
    ours: str
    ratio: float | None
    bar: str
    met: bool | None

    @staticmethod
    def failed(name: str, reason: str) -> "Row":
        """A row that could not be measured, with the reason in place of figures."""
        text = reason.replace("\n", " ").replace("|", "/")
        return Row(name, name, "", text[:REASON_CHARACTERS], None, "", None)

    @property
    def verdict(self) -> str:
        if self.met and not self.bar:
            return ""
        return {True: "met", False: "short", None: "FAILED"}[self.met]


def table(rows: list[Row]) -> str:
    """The rows in markdown."""
    lines = ["| row | reference | ours | ratio | bar | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.what} | {row.reference} | {row.ours} | {ratio} | {row.bar} | {row.verdict} |")
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """What this runs on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def fdatasync_ms(folder: Path) -> float:
    """The median time that making a small append durable takes in this folder."""
    path = folder / "probe"
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(PROBE_WRITES):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return round(statistics.median(times), 3)
