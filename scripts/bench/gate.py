"""The gate in process: claim and release of two seats on one thread, beside a bare mutex."""

from measure import Samples, Settings, run_example
from report import Row

BAR_PER_S = 10e6
BAR_OF_MUTEX = 1 / 4


class GateMeasure:
    """The row `gate`, with two bars: operations a second, and the distance from a bare mutex."""

    names = ("gate",)

    def __init__(self, settings: Settings):
        self.samples = Samples()

    def run_round(self, number: int) -> None:
        figures = run_example("boxoffice-engine", "gate_bench")
        self.samples.add("gate", figures["claim_release_ops_per_s"])
        self.samples.add("mutex", figures["bare_mutex_ops_per_s"])

    def rows(self) -> list[Row]:
        ours, mutex = self.samples.median("gate"), self.samples.median("mutex")
        ratio = ours / mutex
        met = ours >= BAR_PER_S and ratio >= BAR_OF_MUTEX
        what = "gate: claim and release of 2 seats, in process; a bare mutex"
        bar = f"≥ {BAR_PER_S / 1e6:g} M/s and ≥ {BAR_OF_MUTEX:g}"
        return [Row("gate", what, f"{mutex / 1e6:.1f} M/s", f"{ours / 1e6:.1f} M/s", ratio, bar, met)]
