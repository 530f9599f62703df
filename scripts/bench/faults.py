"""What can go wrong in a comparison."""


class Failed(Exception):
    """A row could not be measured, or what was measured is not what it should be."""


class OutOfTime(Exception):
    """The whole run has reached its time limit."""


def ensure(condition: bool, fault: str) -> None:
    """Fails the row being measured with `fault` unless `condition` holds."""
    if not condition:
        raise Failed(fault)
