"""Agents' operations: judged once, forgotten with the settings, whatever is asked for."""

from __future__ import annotations

from enum import StrEnum

import pytest
from oddnames import Incomparable, Unhashable

from autoops.tracing import LangfuseConfig
from autoops.tracing.steps import LONGEST, MOST_STEPS, Step, Steps


class Named(StrEnum):
    """A name as programs like to have it."""

    PRICING = "pricing"


def test_what_was_met_is_known() -> None:
    """By the names themselves, also as another kind of text."""
    steps = Steps(LangfuseConfig(traced_agents=("pricing*",), traced_operations=("*", "!draft")))
    assert steps.known("pricing", "propose") is None

    made = steps.meet("pricing", "propose")

    assert made == Step("pricing", "propose", "pricing.propose", is_traced=True)
    assert steps.known("pricing", "propose") is made
    assert steps.known(Named.PRICING, "propose") is made
    assert not steps.meet("pricing", "draft").is_traced
    assert not steps.meet("inventory", "propose").is_traced


@pytest.mark.parametrize("odd", [None, 3, True, [], {}, b"pricing", float("nan")])
def test_what_is_no_name_is_not_known(odd: object) -> None:
    """Nothing raises."""
    steps = Steps(LangfuseConfig())
    steps.meet("pricing", "propose")

    assert steps.known(odd, "propose") is None
    assert steps.known("pricing", odd) is None


@pytest.mark.parametrize("odd", [Unhashable("pricing"), Incomparable("pricing")])
def test_a_name_that_raises_is_not_known(odd: str) -> None:
    """Whatever it raises."""
    steps = Steps(LangfuseConfig())
    steps.meet("pricing", "propose")

    assert steps.known(odd, "propose") is None
    assert steps.known("propose", odd) is None


def test_a_long_name_is_judged_each_time() -> None:
    """Names are few and short; texts used as names are neither."""
    steps = Steps(LangfuseConfig(traced_agents=("!noise*",)))
    long = "n" * LONGEST

    assert steps.meet(long, "propose").is_traced
    assert not steps.meet(f"noise{long}", "propose").is_traced
    assert steps.known(long, "propose") is None


def test_data_used_as_names_does_not_fill_the_memory() -> None:
    """Beyond the bound each is judged anew."""
    steps = Steps(LangfuseConfig())
    for number in range(MOST_STEPS + 1):
        assert steps.meet("pricing", str(number)).is_traced

    assert steps.known("pricing", str(MOST_STEPS - 1)) is not None
    assert steps.known("pricing", str(MOST_STEPS)) is None
