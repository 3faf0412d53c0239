"""Owns the lines that say how far the start has come: one a phase, with the seconds that it took.
Must not know what a phase does.
"""

import sys
import time


class Phases:
    """The phases of a start, one after another."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def over(self, name: str, outcome: str) -> None:
        """A phase is over; the next one begins."""
        now = time.monotonic()
        say(f"phase {name} {now - self._since:.2f} s: {outcome}")
        self._since = now


def say(line: str) -> None:
    """Prints a line at once, whoever reads it."""
    print(line, flush=True)


def complain(line: str) -> None:
    """Prints a line on standard error at once."""
    print(line, file=sys.stderr, flush=True)
