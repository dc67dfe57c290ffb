"""How far a run of many days has come, and how long what is left will take by what has passed."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autoops.cli.output import ago, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoops.simulation.run import Options


class Expectation:
    """What is left, in seconds, from how long each policy's days have taken so far in this run."""

    def __init__(self, days: Mapping[str, int], now: float) -> None:
        """Begin to measure.

        Args:
            days: Days to simulate of each policy.
            now: The moment, in seconds.
        """
        self._left = Counter(days)
        self._passed: Counter[str] = Counter()
        self._seconds = dict.fromkeys(days, 0.0)
        self._last = now

    def tell(self, policy: str, days: int, now: float) -> None:
        """Take in that so many of a policy's days have passed since the last call."""
        self._seconds[policy] += now - self._last
        self._passed[policy] += days
        self._left[policy] -= days
        self._last = now

    def left(self) -> tuple[float, bool]:
        """Return the seconds that are left, and whether every policy that is still to run has been measured.

        Policies differ by a factor of thirty: what none of has run yet is not counted, rather than guessed.
        """
        known = {policy for policy, days in self._passed.items() if days > 0}
        seconds = sum(self._left[name] * self._seconds[name] / self._passed[name] for name in known)
        return seconds, all(days <= 0 or name in known for name, days in self._left.items())

    def words(self) -> str:
        """Return what is left for people; nothing before anything has passed."""
        if not self._passed:
            return ""
        seconds, whole = self.left()
        return f"{'about' if whole else 'more than'} {ago(seconds)} left"


class Days:
    """The days of a run on the screen; called with a policy, a seed and how many of its days have passed."""

    def __init__(self, bar: Progress, options: Options) -> None:
        each = options.length * len(options.seeds)
        self._bar = bar
        self._days = dict.fromkeys(options.policies, each)
        self._task = bar.add_task("preparing the data", total=each * len(options.policies), left="")
        self._expected = Expectation(self._days, time.monotonic())

    def begin(self) -> None:
        """Say that the data is there and days begin to pass."""
        self._expected = Expectation(self._days, time.monotonic())
        self._bar.update(self._task, description="running")

    def __call__(self, policy: str, seed: int, days: int) -> None:
        """Show that so many more of a policy's days have passed."""
        self._expected.tell(policy, days, time.monotonic())
        self._bar.update(
            self._task, advance=days, description=f"{policy}, seed {seed}", left=self._expected.words()
        )


@contextlib.contextmanager
def shown(options: Options, *, traced: bool) -> Iterator[Days]:
    """Show the days as they pass, on stderr and only on a terminal.

    Args:
        options: What is simulated.
        traced: Whether its runs go one after the other.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        if screen.is_terminal and traced and len(options.seeds) > 1:
            screen.print(
                f"{number(len(options.seeds), 'seed')} one after the other, for they are recorded; "
                "--no-tracing uses all cores"
            )
        yield Days(bar, options)
