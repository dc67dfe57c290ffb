"""Many values at once: who wins, what is said, and that secrets stay unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.errors import ConfigurationError
from autoops.variables import BY_FIELD, Given, check, find, read_all, shown

SECRET = "hush0e4c"
around = st.text(st.sampled_from(" :/@?#\"'{},ab\n\té"), max_size=6)


def in_code(**values: object) -> dict[str, Given]:
    """Return values as code gives them."""
    return {name: Given(name, value, "code") for name, value in values.items()}


def test_the_first_source_wins() -> None:
    """An alias of the first source is stronger than any name of the second."""
    found = find(
        [
            ("environment", {"LANGFUSE_HOST": "http://process"}),
            (".env", {"LANGFUSE_BASE_URL": "http://file", "LANGFUSE_RELEASE": "2"}),
        ]
    )

    assert (found["host"].value, found["host"].origin) == ("http://process", "environment")
    assert (found["release"].value, found["release"].origin) == ("2", ".env")
    assert found.keys() == {"host", "release"}


def test_the_stronger_alias_wins() -> None:
    """Within a source the order of names decides among those that are not empty."""
    both = {"LANGFUSE_HOST": "http://host", "LANGFUSE_BASE_URL": "http://base"}
    environments = {"LANGFUSE_TRACING_ENVIRONMENT": "sdk", "LANGFUSE_ENVIRONMENT": "ours"}

    assert find([("x", both)])["host"].name == "LANGFUSE_BASE_URL"
    assert find([("x", {**both, "LANGFUSE_BASE_URL": " "})])["host"].name == "LANGFUSE_HOST"
    assert find([("x", environments)])["environment"].value == "ours"


def test_nothing_hides_the_next_source() -> None:
    """A variable set to nothing in the first source means the default, whatever the second has."""
    found = find([("environment", {"LANGFUSE_PUBLIC_KEY": ""}), (".env", {"LANGFUSE_PUBLIC_KEY": "pk-lf-1"})])

    assert read_all(found)["public_key"] is None


def test_all_faults_at_once() -> None:
    """Each fault names its variable, its place, the value, what is allowed, the remedy and the default."""
    given_values = {
        "sample_rate": Given("LANGFUSE_SAMPLE_RATE", "2", ".env"),
        "environment": Given("LANGFUSE_TRACING_ENVIRONMENT", "Prod", "environment"),
    }

    with pytest.raises(ConfigurationError) as caught:
        read_all(given_values)

    rate = next(fault for fault in caught.value.faults if fault.variable == "LANGFUSE_SAMPLE_RATE")
    assert {fault.variable for fault in caught.value.faults} == {
        "LANGFUSE_SAMPLE_RATE",
        "LANGFUSE_TRACING_ENVIRONMENT",
    }
    assert (rate.origin, rate.received, rate.allowed) == (".env", "'2'", "a number from 0 to 1")
    assert rate.remedy.endswith("or remove it for the default 1.0")


def test_names_that_do_not_exist() -> None:
    """A field that there is not is a fault, with the nearest one that there is."""
    _, faults = check(in_code(sample_rat=0.1, xyz=1))

    assert [fault.variable for fault in faults] == ["sample_rat", "xyz"]
    assert "did you mean sample_rate?" in faults[0].remedy


def test_service_name() -> None:
    """`service.name` among the attributes counts only if no name is set, and leaves the attributes."""
    unset = read_all(in_code(resource_attributes="service.name=shop,a=b"))
    both = read_all(in_code(resource_attributes="service.name=shop,a=b", service_name="till"))

    assert (unset["service_name"], unset["resource_attributes"]) == ("shop", {"a": "b"})
    assert (both["service_name"], both["resource_attributes"]) == ("till", {"a": "b"})


@given(around, around)
def test_secrets_are_not_in_faults(before: str, after: str) -> None:
    """Whatever surrounds a secret, and wherever it was put by mistake, no fault repeats it."""
    _, faults = check(
        in_code(
            secret_key=f"{before}{SECRET}{after}\x00",
            public_key=f"sk-lf-{before}{SECRET}{after}\x00",
            host=f"https://pk:{SECRET}{after}@host{before}?x={SECRET}",
            additional_headers=f"{before}{SECRET}{after}",
            sample_rate=f"sk-lf-{SECRET}",
            traced_agents=["a,", f"sk-lf-{SECRET}"],
        )
    )

    assert len(faults) == 6
    assert SECRET not in str(ConfigurationError(faults))
    assert SECRET not in repr(ConfigurationError(faults))


def test_given_values_hide_themselves() -> None:
    """The carrier of a value on its way to the check shows only where it came from."""
    assert SECRET not in repr(Given("LANGFUSE_SECRET_KEY", SECRET, "environment"))


def test_long_values_are_cut() -> None:
    """A refused value of a megabyte does not fill the log."""
    _, faults = check(in_code(sample_rate="x" * 1_000_000))

    assert len(str(faults[0])) < 400
    assert "1000002 characters" in shown(BY_FIELD["release"], "x" * 1_000_000)
