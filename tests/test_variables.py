"""`autoops.variables`: the table as a whole, and what holds for every row of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.variables import BY_FIELD, VARIABLES, Given, TextMap, check, masked, shown
from autoops.variables.kinds import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.variables import Variable


class Hostile:
    """An object that fails at whatever is asked of it, but for its class, which Hypothesis needs to know."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Hostile
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    def __iter__(self) -> Iterator[object]:
        raise RuntimeError

    def __float__(self) -> float:
        raise RuntimeError

    def __fspath__(self) -> str:
        raise RuntimeError


variables = st.sampled_from(VARIABLES)
near_texts = st.text(st.sampled_from("01.,=!*-+e %\"'{}:/@?#[]abLtrueoff\t\n\x00é\ud800"), max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | near_texts | st.binary(max_size=4)
)
garbage = st.recursive(
    scalars | st.builds(Hostile) | st.complex_numbers() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def is_value_of(variable: Variable, value: object) -> bool:
    """Tell whether a checked value reads back from its own text and from itself."""
    text = variable.kind.render(value)
    again = variable.read(text) if text.strip() else variable.default
    return again == value == variable.read(value)


@given(variables, garbage)
def test_every_value_is_read_or_refused(variable: Variable, value: object) -> None:
    """Whatever is given, a kind returns a value that reads back the same, or refuses; nothing else happens."""
    try:
        checked = variable.read(value)
    except Refused as refusal:
        assert str(refusal)  # noqa: PT017 - both outcomes are right, and each has its own property
    else:
        assert variable.kind.empty == checked or is_value_of(variable, checked)


@given(variables, near_texts)
def test_every_text_is_read_or_refused(variable: Variable, text: str) -> None:
    """The same for texts made of the signs that the parsers look at."""
    try:
        checked = variable.read(text)
    except Refused:
        return
    assert variable.kind.empty == checked or not text.strip() or is_value_of(variable, checked)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_defaults_are_values(variable: Variable) -> None:
    """Each default is allowed by its own rule and reads back from its text."""
    assert variable.default is None or is_value_of(variable, variable.default)


def test_names_and_fields_are_unique() -> None:
    """No name and no field stands for two settings, and each row knows its own name."""
    names = [name for variable in VARIABLES for name in variable.names]

    assert len(set(names)) == len(names)
    assert len(BY_FIELD) == len(VARIABLES)
    assert all(variable.name in variable.names for variable in VARIABLES)


def test_groups_stand_together() -> None:
    """A group's rows follow each other, so that it has one heading in the documentation."""
    groups = [variable.group for variable in VARIABLES]
    starts = [group for index, group in enumerate(groups) if index == 0 or groups[index - 1] != group]

    assert len(set(starts)) == len(starts)


@given(st.sampled_from(sorted(BY_FIELD)), garbage)
def test_faults_can_always_be_told(field: str, value: object) -> None:
    """A fault of any object can be put into words, on one line for each fault."""
    _, faults = check({field: Given(field, value, "code")})

    assert all("\n" not in str(fault) and field in str(fault) for fault in faults)


def test_proxies_that_fail_at_their_class() -> None:
    """A lazy object whose target is gone fails even at `isinstance`; it is a fault like any other."""

    class Gone:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    _, faults = check({field: Given(field, Gone(), "code") for field in BY_FIELD})

    assert [fault.variable for fault in faults] == list(BY_FIELD)


@given(st.dictionaries(st.sampled_from(["X-A", "X-B"]), st.just("hush-hush"), min_size=1))
def test_header_values_are_never_shown(headers: dict[str, str]) -> None:
    """Headers may carry tokens: their names are shown, their values are not."""
    text = shown(BY_FIELD["additional_headers"], TextMap(headers))

    assert "hush" not in text
    assert all(name in text for name in headers)


def test_nothing_is_masked_as_nothing() -> None:
    """A secret that is not set shows as not set."""
    assert masked(BY_FIELD["secret_key"], None) is None
    assert masked(BY_FIELD["secret_key"], "sk-lf-1") == "***"


def test_importing_is_cheap() -> None:
    """The table, the errors and LangfuseConfig load no library but the standard one, nor its slow parts."""
    script = (
        "import sys, autoops.errors, autoops.variables, autoops.tracing.config\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    loaded = set(process.stdout.split()) - {"autoops"}

    assert "dataclasses" in loaded
    slow = {"asyncio", "concurrent", "difflib", "http", "importlib_metadata", "json", "ssl", "urllib"}
    assert not loaded & slow
    assert not loaded & {
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "dotenv",
        "httpx",
        "langfuse",
        "opentelemetry",
    }
