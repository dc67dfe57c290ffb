"""`LangfuseConfig`: built in code and from the environment, checked alike, without showing secrets."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.errors import ConfigurationError
from autoops.tracing.config import LangfuseConfig
from autoops.variables import BY_FIELD, DEFAULT_MASK_KEYS

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "sk-lf-hush0e4c"
FULL: dict[str, Any] = {
    "public_key": "pk-lf-1",
    "secret_key": SECRET,
    "additional_headers": {"X-Token": "hush0e4c"},
    "resource_attributes": {"region": "eu"},
    "sample_rules": {"demand_*": 0.5},
    "mask_keys": ("email",),
}


def double(data: Any) -> Any:
    """Stand for a mask of the user's."""
    return data


def test_defaults_are_those_of_the_table() -> None:
    """Every setting is a field with the table's default; only `mask`, `notices` and `set_global` have no variable."""
    config = LangfuseConfig()

    assert {name: getattr(config, name) for name in BY_FIELD} == {
        name: variable.default for name, variable in BY_FIELD.items()
    }
    assert {each.name for each in dataclasses.fields(config)} - BY_FIELD.keys() == {
        "mask",
        "notices",
        "set_global",
    }


def test_declared_defaults_are_those_of_the_table() -> None:
    """What a reader of the class sees as a default is the default, type included."""
    for each in dataclasses.fields(LangfuseConfig):
        if each.name in BY_FIELD:
            default = BY_FIELD[each.name].default
            assert (each.name, each.default, type(each.default)) == (each.name, default, type(default))


def test_documented_arguments() -> None:
    """Keys come first, all else by name."""
    config = LangfuseConfig("pk-lf-1", SECRET, host="http://localhost:3000/", enabled=False)

    assert (config.public_key, config.secret_key, config.host) == ("pk-lf-1", SECRET, "http://localhost:3000")
    assert (config.enabled, config.has_credentials, config.warnings()) == (False, True, ())


def test_code_is_read_as_the_variables_are() -> None:
    """Text, None and "" mean what they mean in the environment; the values become the plain types of the fields."""
    values: dict[str, Any] = {
        "sample_rate": "0.5",
        "flush_at": 20.0,
        "enabled": "no",
        "host": None,
        "release": "",
        "traced_agents": "pricing*, !*_test",
        "mask_keys": ["email"],
    }
    config = LangfuseConfig(**values)

    assert (config.sample_rate, config.flush_at, type(config.flush_at), config.enabled) == (
        0.5,
        20,
        int,
        False,
    )
    assert (config.host, config.release) == ("https://cloud.langfuse.com", "0.1.0")
    assert (config.traced_agents, config.mask_keys) == (
        ("pricing*", "!*_test"),
        (*DEFAULT_MASK_KEYS, "email"),
    )


def test_all_faults_at_once() -> None:
    """Wrong values, a mask that can't be called among them, are one error that names the fields."""
    wrong: dict[str, Any] = {"sample_rate": 2, "flush_at": 0, "environment": "Prod", "mask": "***"}

    with pytest.raises(ConfigurationError) as caught:
        LangfuseConfig(**wrong)

    assert {fault.variable for fault in caught.value.faults} == wrong.keys()
    assert {fault.origin for fault in caught.value.faults} == {"code"}


def test_values_do_not_change() -> None:
    """Neither fields nor the mappings in them can be set, nor do they follow what they were made from."""
    headers = {"X-A": "b"}
    config = LangfuseConfig(additional_headers=headers)
    headers["X-A"] = "c"

    assert config.additional_headers == {"X-A": "b"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sample_rate = 0.5  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        config.additional_headers["X-A"] = "d"  # type: ignore[index]  # the point of the test


def test_replace() -> None:
    """A changed copy is checked like the first and keeps all else; the first stays."""
    config = LangfuseConfig(**FULL, mask=double, notices=("odd",))
    changed = config.replace(sample_rate=0.5, mask_keys="phone")

    assert (config.sample_rate, changed.sample_rate) == (1.0, 0.5)
    assert changed.mask_keys == (*DEFAULT_MASK_KEYS, "phone")
    assert changed.replace(sample_rate=1.0, mask_keys=config.mask_keys) == config.replace()
    assert (changed.mask, changed.warnings()) == (double, ("odd",))


def test_replace_tells_all_faults_at_once() -> None:
    """Unknown names and wrong values together, the nearest name with the unknown one."""
    with pytest.raises(ConfigurationError) as caught:
        LangfuseConfig().replace(sample_rat=0.5, flush_at=0, mask=double)

    assert [fault.variable for fault in caught.value.faults] == ["sample_rat", "flush_at"]
    assert "sample_rate" in caught.value.faults[0].remedy


def test_repr_hides_secrets() -> None:
    """The secret key and the values of headers are masked; what differs from the defaults is shown."""
    text = repr(LangfuseConfig(**FULL, mask=double, sample_rate=0.5))

    assert "hush0e4c" not in text
    assert "public_key='pk-lf-1'" in text
    assert "secret_key='***'" in text
    assert "X-Token" in text
    assert "sample_rate=0.5" in text
    assert "mask=double" in text
    assert "flush_at" not in text


def test_repr_hides_a_secret_key_in_the_wrong_place() -> None:
    """Swapped keys do not bring the secret one to light."""
    assert "hush" not in repr(LangfuseConfig(SECRET, "pk-lf-1"))


def test_warnings() -> None:
    """Swapped keys are a warning, not a fault."""
    assert "swapped" in LangfuseConfig(SECRET, "pk-lf-1").warnings()[0]


def test_configs_travel() -> None:
    """A configuration can be pickled for a child process, copied, compared and hashed."""
    config = LangfuseConfig(**FULL, mask=double)

    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config  # noqa: S301 - our own bytes
    assert hash(config) == hash(copy.deepcopy(config))
    assert dataclasses.asdict(config)["additional_headers"] == {"X-Token": "hush0e4c"}


def test_from_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment and .env arrive in the fields, afresh at each call, with what is odd about them."""
    (tmp_path / ".env").write_text("LANGFUSE_PUBLIC_KEY=pk-lf-1\nLANGFUSE_SAMPLERATE=1\n", encoding="utf-8")
    monkeypatch.setenv("LANGFUSE_ADDITIONAL_HEADERS", '{"X-A": "b"}')
    monkeypatch.setenv("AUTOOPS_MASK_KEYS", "email")
    first = LangfuseConfig.from_settings()
    monkeypatch.setenv("LANGFUSE_ADDITIONAL_HEADERS", "")
    second = LangfuseConfig.from_settings()

    assert first == LangfuseConfig("pk-lf-1", additional_headers={"X-A": "b"}, mask_keys=("email",))
    assert second == first.replace(additional_headers={})
    assert ["SECRET_KEY is not" in first.warnings()[0], "SAMPLERATE" in first.warnings()[1]] == [True, True]


def test_from_settings_without_any() -> None:
    """An empty environment gives the defaults."""
    assert LangfuseConfig.from_settings() == LangfuseConfig()


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3))
)


@given(st.dictionaries(st.sampled_from([*BY_FIELD, "mask", "unknown"]), values, max_size=5))
def test_any_change_is_a_config_or_a_configuration_error(changes: dict[str, Any]) -> None:
    """Whatever is asked for, `replace` gives a configuration that repeats itself, or one ConfigurationError."""
    try:
        config = LangfuseConfig().replace(**changes)
    except ConfigurationError as error:
        assert error.faults  # noqa: PT017 - both outcomes are right, and each has its own property
    else:
        assert config.replace() == config
