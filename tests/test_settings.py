"""`LangfuseSettings`: the process environment first, then `.env`; every fault at once; no secret shown."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoops.errors import ConfigurationError
from autoops.settings import LangfuseSettings, effective_values, get_settings
from autoops.variables import BY_FIELD, DEFAULT_MASK_KEYS, VARIABLES

DOCUMENTED = """\
# Required
LANGFUSE_PUBLIC_KEY=pk-lf-your_own
LANGFUSE_SECRET_KEY=sk-lf-hush0e4c

# Optional (with defaults)
LANGFUSE_HOST=https://cloud.langfuse.com
LANGFUSE_ENABLED=true
LANGFUSE_SAMPLE_RATE=1.0
LANGFUSE_DEBUG=false
LANGFUSE_FLUSH_INTERVAL=5.0
LANGFUSE_FLUSH_AT=15
LANGFUSE_TIMEOUT=60
LANGFUSE_ENVIRONMENT=development
LANGFUSE_RELEASE=0.1.0
LANGFUSE_TRACING_ENABLED=true
LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT=4
LANGFUSE_MAX_LATENCY_MS=100
LANGFUSE_ENABLE_SAMPLING=true
LANGFUSE_BUFFER_SIZE=1000
LANGFUSE_MAX_RETRIES=3
LANGFUSE_BLOCKED_INSTRUMENTATION_SCOPES=scope1,scope2
LANGFUSE_ADDITIONAL_HEADERS={"X-Custom-Header": "value"}
"""


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """`.env` of the working directory."""
    return tmp_path / ".env"


def test_defaults() -> None:
    """Without any variable every field has the table's default."""
    found = get_settings()

    assert {name: getattr(found, name) for name in BY_FIELD} == {
        name: variable.default for name, variable in BY_FIELD.items()
    }
    assert found.warnings() == ()


def test_fields_are_the_table() -> None:
    """The fields of pydantic are the rows of the table, with their names and meanings, and the notices."""
    fields = LangfuseSettings.model_fields

    assert list(fields) == [*BY_FIELD, "notices"]
    assert all(fields[name].title == row.name for name, row in BY_FIELD.items())
    assert all(fields[name].description == row.meaning for name, row in BY_FIELD.items())


def test_the_documented_file(env_file: Path) -> None:
    """The `.env` of the documentation is read as it is written there."""
    env_file.write_text(DOCUMENTED, encoding="utf-8")
    found = get_settings()

    assert found.secret_key == "sk-lf-hush0e4c"
    assert found.blocked_instrumentation_scopes == ("scope1", "scope2")
    assert found.additional_headers == {"X-Custom-Header": "value"}
    assert found.warnings() == ()


EVERY = {
    "LANGFUSE_PUBLIC_KEY": ("pk-lf-1", "pk-lf-1"),
    "LANGFUSE_SECRET_KEY": ("sk-lf-1", "sk-lf-1"),
    "LANGFUSE_HOST": ("http://localhost:3000/", "http://localhost:3000"),
    "LANGFUSE_BASE_URL": ("http://localhost:3000/", "http://localhost:3000"),
    "LANGFUSE_ADDITIONAL_HEADERS": ('{"X-A": "b"}', {"X-A": "b"}),
    "LANGFUSE_TIMEOUT": ("2.5", 2.5),
    "LANGFUSE_MAX_RETRIES": ("0", 0),
    "LANGFUSE_ENABLED": ("off", False),
    "LANGFUSE_TRACING_ENABLED": ("No", False),
    "LANGFUSE_ENVIRONMENT": ("production", "production"),
    "LANGFUSE_TRACING_ENVIRONMENT": ("production", "production"),
    "LANGFUSE_RELEASE": ("2.0", "2.0"),
    "OTEL_SERVICE_NAME": ("shop", "shop"),
    "OTEL_RESOURCE_ATTRIBUTES": ("region=eu%20west", {"region": "eu west"}),
    "LANGFUSE_DEBUG": ("1", True),
    "LANGFUSE_BLOCKED_INSTRUMENTATION_SCOPES": ("a, b", ("a", "b")),
    "AUTOOPS_TRACED_AGENTS": ("pricing*,!x", ("pricing*", "!x")),
    "AUTOOPS_TRACED_OPERATIONS": ("forecast*", ("forecast*",)),
    "AUTOOPS_MASK_KEYS": ("email", (*DEFAULT_MASK_KEYS, "email")),
    "LANGFUSE_SAMPLE_RATE": ("0", 0.0),
    "AUTOOPS_SAMPLE_RULES": (
        "competitor_price=0.1,inventory_agent.*=0.5",
        (("competitor_price", 0.1), ("inventory_agent.*", 0.5)),
    ),
    "LANGFUSE_ENABLE_SAMPLING": ("false", False),
    "AUTOOPS_CONFIDENCE_THRESHOLD": ("0.7", 0.7),
    "AUTOOPS_IMPACT_THRESHOLD": ("1000", 1000.0),
    "LANGFUSE_FLUSH_INTERVAL": ("0.05", 0.05),
    "LANGFUSE_FLUSH_AT": ("1", 1),
    "LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT": ("2", 2),
    "LANGFUSE_MAX_LATENCY_MS": ("0", 0.0),
    "LANGFUSE_BUFFER_SIZE": ("5", 5),
    "AUTOOPS_JOURNAL": ("OFF", "off"),
    "AUTOOPS_RETENTION_DAYS": ("0", 0.0),
    "AUTOOPS_JOURNAL_MAX_MB": ("0", 0.0),
    "AUTOOPS_ALERT_WINDOW_S": ("60", 60.0),
    "AUTOOPS_IDLE_SPAN_S": ("10", 10.0),
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_every_variable(name: str, place: str, env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name, aliases included, sets its field from either place, and only its field."""
    text, value = EVERY[name]
    if place == ".env":
        env_file.write_text(f"{name}={text}\n", encoding="utf-8")
    else:
        monkeypatch.setenv(name, text)
    field = next(variable.field for variable in VARIABLES if name in variable.names)

    assert get_settings() == LangfuseSettings(_env_file=None, **{field: value})
    assert getattr(get_settings(), field) == value


def test_every_variable_is_tried() -> None:
    """The test above knows every name, and none of its values is a default."""
    assert EVERY.keys() == {name for variable in VARIABLES for name in variable.names}
    assert all(EVERY[variable.name][1] != variable.default for variable in VARIABLES)


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 1.0)])
@pytest.mark.parametrize("field", ["sample_rate", "confidence_threshold"])
def test_closed_ranges(field: str, lower: float, upper: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates include both ends and nothing beyond."""
    name = BY_FIELD[field].name
    for number in (lower, upper):
        monkeypatch.setenv(name, str(number))
        assert getattr(get_settings(), field) == number
    for number in (lower - 0.001, upper + 0.001):
        monkeypatch.setenv(name, str(number))
        with pytest.raises(ConfigurationError, match=name):
            get_settings()


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        *((name, "0") for name in ("LANGFUSE_FLUSH_INTERVAL", "LANGFUSE_TIMEOUT", "AUTOOPS_ALERT_WINDOW_S")),
        *(
            (name, "0")
            for name in ("LANGFUSE_FLUSH_AT", "LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT", "LANGFUSE_BUFFER_SIZE")
        ),
        *((name, "1.5") for name in ("LANGFUSE_FLUSH_AT", "LANGFUSE_MAX_RETRIES", "LANGFUSE_BUFFER_SIZE")),
        *(
            (name, "-1")
            for name in ("LANGFUSE_MAX_LATENCY_MS", "LANGFUSE_MAX_RETRIES", "AUTOOPS_RETENTION_DAYS")
        ),
        *(
            (name, "-1")
            for name in ("AUTOOPS_JOURNAL_MAX_MB", "AUTOOPS_IMPACT_THRESHOLD", "AUTOOPS_IDLE_SPAN_S")
        ),
    ],
)
def test_lower_bounds(name: str, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing makes no sense, 0 is refused; where fractions don't, they are."""
    monkeypatch.setenv(name, refused)

    with pytest.raises(ConfigurationError, match=name):
        get_settings()


def test_the_process_is_stronger_than_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file has the stronger alias, and where the process sets nothing."""
    env_file.write_text("LANGFUSE_BASE_URL=http://file\nLANGFUSE_PUBLIC_KEY=pk-lf-file\n", encoding="utf-8")
    monkeypatch.setenv("LANGFUSE_HOST", "http://process")
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "")

    assert (get_settings().host, get_settings().public_key) == ("http://process", None)


def test_arguments_are_stronger_than_both(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pydantic's users expect."""
    env_file.write_text("LANGFUSE_RELEASE=file\n", encoding="utf-8")
    monkeypatch.setenv("LANGFUSE_RELEASE", "process")

    assert LangfuseSettings(release="argument").release == "argument"


def test_another_file(tmp_path: Path, env_file: Path) -> None:
    """`_env_file` names another file, several of which the last is strongest, or none."""
    env_file.write_text("LANGFUSE_RELEASE=usual\n", encoding="utf-8")
    first, last = tmp_path / "first", tmp_path / "last"
    first.write_text("LANGFUSE_RELEASE=first\nLANGFUSE_FLUSH_AT=7\n", encoding="utf-8")
    last.write_text("LANGFUSE_RELEASE=last\n", encoding="utf-8")
    both = LangfuseSettings(_env_file=(first, last))

    assert (both.release, both.flush_at) == ("last", 7)
    assert LangfuseSettings(_env_file=str(first)).release == "first"
    assert LangfuseSettings(_env_file=None).release == "0.1.0"


def test_only_the_working_directory_counts(
    tmp_path: Path, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent's `.env` is another project's."""
    env_file.write_text("LANGFUSE_RELEASE=parent\n", encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    assert get_settings().release == "0.1.0"


def test_read_afresh(env_file: Path) -> None:
    """Each call sees the file as it is now."""
    env_file.write_text("LANGFUSE_RELEASE=1\n", encoding="utf-8")
    first = get_settings()
    env_file.write_text("LANGFUSE_RELEASE=2\n", encoding="utf-8")

    assert (first.release, get_settings().release) == ("1", "2")


@pytest.mark.parametrize(
    "text",
    [
        "export LANGFUSE_RELEASE=x\n",
        "LANGFUSE_RELEASE = 'x'\r\n",
        'LANGFUSE_RELEASE="x" # comment',
        "\ufeffLANGFUSE_RELEASE=x\n",
        "OTHER\n=\nLANGFUSE_RELEASE=x\nOTHER2=y",
    ],
)
def test_ways_to_write_the_file(text: str, env_file: Path) -> None:
    """Shell and Windows habits, and lines that are none of ours, do no harm."""
    env_file.write_bytes(text.encode())

    assert get_settings().release == "x"


def test_all_faults_at_once(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error lists the faults of both places with name, place, value, what is allowed and remedy."""
    env_file.write_text("LANGFUSE_FLUSH_AT=many\nLANGFUSE_SECRET_KEY='sk-lf-hush 0e4c'\n", encoding="utf-8")
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "1.5")
    monkeypatch.setenv("LANGFUSE_BASE_URL", "http://me:hush0e4c@host")

    with pytest.raises(ConfigurationError) as caught:
        get_settings()

    assert {(fault.variable, fault.origin, fault.received) for fault in caught.value.faults} == {
        ("LANGFUSE_FLUSH_AT", ".env", "'many'"),
        ("LANGFUSE_SECRET_KEY", ".env", "***"),
        ("LANGFUSE_SAMPLE_RATE", "environment", "'1.5'"),
        ("LANGFUSE_BASE_URL", "environment", "'***@host'"),
    }
    assert all(fault.allowed and fault.remedy for fault in caught.value.faults)
    assert str(caught.value).startswith("4 settings are invalid:\n")
    assert "hush" not in f"{caught.value!s}{caught.value!r}"


def test_unknown_arguments() -> None:
    """A keyword that is no field is a ConfigurationError with the nearest one."""
    with pytest.raises(ConfigurationError, match=r"did you mean sample_rate\?"):
        LangfuseSettings(sample_rat=1)


def test_unknown_variables(env_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Other programs' variables are passed over, a slip is a warning; nothing is logged, least of all a secret."""
    env_file.write_text(
        "DATABASE_URL=x\nLANGFUSE_SAMPLERATE=1\nLANGFUSE_SECRET_KEY=hush0e4c\n", encoding="utf-8"
    )
    with caplog.at_level(logging.DEBUG):
        warnings = get_settings().warnings()

    assert len(warnings) == 2
    assert "LANGFUSE_SAMPLERATE (.env) is not a setting" in warnings[1]
    assert "hush" not in "".join(warnings)
    assert caplog.text == ""


def test_a_file_that_is_no_text(env_file: Path) -> None:
    """A `.env` in another encoding is told as such, in one error."""
    env_file.write_bytes("LANGFUSE_RELEASE=é".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="UTF-8") as caught:
        get_settings()

    assert [fault.variable for fault in caught.value.faults] == [".env"]


def test_a_folder_called_env(env_file: Path) -> None:
    """Some keep a virtual environment under that name."""
    env_file.mkdir()

    assert get_settings() == LangfuseSettings(_env_file=None)


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable whose bytes are no UTF-8 is a fault, not a crash."""
    monkeypatch.setenv("LANGFUSE_RELEASE", "\udcff")

    with pytest.raises(ConfigurationError, match="LANGFUSE_RELEASE"):
        get_settings()


def test_repr_hides_secrets(env_file: Path) -> None:
    """Neither repr nor str shows the secret key or the values of headers."""
    env_file.write_text(DOCUMENTED.replace('"value"', '"hush0e4c"'), encoding="utf-8")
    found = get_settings()

    assert "hush" not in f"{found!r}{found!s}"
    assert "secret_key='***'" in repr(found)


def test_settings_do_not_change() -> None:
    """They are what was read."""
    with pytest.raises(ValueError, match="frozen"):
        get_settings().release = "2"


def test_effective_values(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting has a row with the name it was given by, its value as text, its place; secrets are masked."""
    env_file.write_text(
        'LANGFUSE_SECRET_KEY=sk-lf-hush\nLANGFUSE_ADDITIONAL_HEADERS={"X-A": "hush"}\n', encoding="utf-8"
    )
    monkeypatch.setenv("LANGFUSE_BASE_URL", "http://host/")
    monkeypatch.setenv("LANGFUSE_RELEASE", "")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,region=eu")
    rows = {row.field: row for row in effective_values()}

    def brief(field: str) -> tuple[str, str, str]:
        return rows[field].variable, rows[field].value, rows[field].origin

    assert list(rows) == list(BY_FIELD)
    assert brief("secret_key") == ("LANGFUSE_SECRET_KEY", "***", ".env")
    assert brief("additional_headers") == ("LANGFUSE_ADDITIONAL_HEADERS", '{"X-A": "***"}', ".env")
    assert brief("host") == ("LANGFUSE_BASE_URL", "http://host", "environment")
    assert brief("release") == ("LANGFUSE_RELEASE", "0.1.0", "default")
    assert brief("service_name") == ("OTEL_RESOURCE_ATTRIBUTES", "shop", "environment")
    assert brief("resource_attributes") == ("OTEL_RESOURCE_ATTRIBUTES", "region=eu", "environment")
    assert brief("public_key") == ("LANGFUSE_PUBLIC_KEY", "", "default")


def test_effective_values_of_a_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong has its fault in its row, so that `autoops config` can show all others too."""
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "2")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense")
    rows = {row.field: row for row in effective_values()}

    assert {field for field, row in rows.items() if row.fault} == {"sample_rate", "resource_attributes"}
    assert (rows["sample_rate"].value, rows["sample_rate"].default) == ("'2'", "1.0")
    assert (rows["service_name"].value, rows["service_name"].origin) == ("autoops", "default")


texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=30)


@given(st.dictionaries(st.sampled_from(sorted(EVERY)), texts, max_size=4))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_environment(environment: dict[str, str]) -> None:
    """Whatever the variables hold, there are settings or one ConfigurationError, and `config` can show them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environment.items():
            patch.setenv(name, text)
        faulty = {row.variable for row in effective_values() if row.fault}
        try:
            get_settings()
        except ConfigurationError as error:
            assert {fault.variable for fault in error.faults} == faulty  # noqa: PT017 - one of two right outcomes
        else:
            assert not faulty


def test_the_door() -> None:
    """`config.settings` has both names, and imports pydantic only when one of them is asked for."""
    script = (
        "import sys, config.settings as door\n"
        "assert 'pydantic' not in sys.modules\n"
        "assert dir(door) == ['LangfuseSettings', 'get_settings']\n"
        "from config.settings import LangfuseSettings, get_settings\n"
        "assert isinstance(get_settings(), LangfuseSettings)\n"
        "assert not hasattr(door, 'other')"
    )
    root = Path(__file__).parents[1]

    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
