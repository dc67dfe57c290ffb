"""`autoops.errors`: what an error tells, and that none loses it on the way to another process."""

from __future__ import annotations

import inspect
import pickle

import pytest

from autoops import errors
from autoops.errors import AutoOpsError, ConfigurationError, Fault, JournalLocked

FAULT = Fault("LANGFUSE_SAMPLE_RATE", ".env", "'2'", "a number from 0 to 1", "choose a smaller one")


def test_one_line_a_fault() -> None:
    """The message counts the faults and has variable, place, value, allowed values and remedy of each."""
    message = str(ConfigurationError((FAULT, FAULT)))

    assert message.splitlines() == [
        "2 settings are invalid:",
        "  LANGFUSE_SAMPLE_RATE (.env): received '2'; allowed: a number from 0 to 1; to mend it, choose a smaller one",
        "  LANGFUSE_SAMPLE_RATE (.env): received '2'; allowed: a number from 0 to 1; to mend it, choose a smaller one",
    ]


@pytest.mark.parametrize("error", [ConfigurationError((FAULT,)), JournalLocked("held for 5 s")])
def test_errors_survive_pickling(error: AutoOpsError) -> None:
    """A pool of processes hands errors on by pickle: message and data arrive."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_every_error_is_in_the_drawing() -> None:
    """The tree at the top of the module names every class, and every class has the common base."""
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]

    assert all(issubclass(each, AutoOpsError) for each in classes)
    assert all(f" {each.__name__} " in f" {errors.__doc__} ".replace("\n", " ") for each in classes)
