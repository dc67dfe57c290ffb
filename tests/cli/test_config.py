"""`autoops config`: every setting, where it came from, and no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from autoops.cli import app
from autoops.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECRET = "sk-lf-very-secret"


def run(*options: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    """Run the command; what it prints."""
    result = CliRunner().invoke(app, ["config", *options], env={"COLUMNS": "250", **(env or {})})
    assert result.exit_code == code, (result.output, result.exception)
    assert SECRET not in result.output
    return result.stdout


def values(code: int = 0, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What it tells scripts, by variable."""
    return {each["variable"]: each for each in json.loads(run("--json", code=code, env=env))}


def test_every_variable_is_there() -> None:
    """With its default, for people and scripts alike."""
    found = values()

    assert {each["field"] for each in found.values()} == {variable.field for variable in VARIABLES}
    assert {each["origin"] for each in found.values()} == {"default"}
    out = run()
    assert all(variable in out for variable in found)


def test_origins(tmp_path: Path) -> None:
    """Environment, `.env`, default; the environment wins."""
    (tmp_path / ".env").write_text("LANGFUSE_FLUSH_AT=7\nLANGFUSE_TIMEOUT=9\n")
    found = values(env={"LANGFUSE_TIMEOUT": "2.5"})

    assert (found["LANGFUSE_FLUSH_AT"]["value"], found["LANGFUSE_FLUSH_AT"]["origin"]) == ("7", ".env")
    assert found["LANGFUSE_TIMEOUT"]["value"] == "2.5"
    assert found["LANGFUSE_TIMEOUT"]["origin"] == "environment"
    assert found["LANGFUSE_FLUSH_INTERVAL"]["origin"] == "default"


def test_secrets_are_masked() -> None:
    """The secret key, and additional headers, which may hold one."""
    env = {
        "LANGFUSE_PUBLIC_KEY": "pk-lf-x",
        "LANGFUSE_SECRET_KEY": SECRET,
        "LANGFUSE_ADDITIONAL_HEADERS": json.dumps({"X-Token": SECRET}),
    }

    assert values(env=env)["LANGFUSE_PUBLIC_KEY"]["value"] == "pk-lf-x"
    assert "pk-lf-x" in run(env=env)


def test_faults_are_told_beside_the_rest() -> None:
    """Exit code 1; what is invalid, what is allowed, and how to mend it."""
    env = {"LANGFUSE_TIMEOUT": "soon", "LANGFUSE_SAMPLE_RATE": "[/7]"}
    found = values(code=1, env=env)

    assert {name for name, each in found.items() if each["fault"]} == set(env)
    assert found["LANGFUSE_TIMEOUT"]["fault"]["remedy"]
    out = run(code=1, env=env)
    assert "soon" in out
    assert "[/7]" in out


def test_odd_settings_are_told_too() -> None:
    """Swapped keys are no fault of form, but worth a line."""
    out = run(env={"LANGFUSE_PUBLIC_KEY": "sk-lf-public", "LANGFUSE_SECRET_KEY": "pk-lf-secret"})

    assert "swapped" in out or "exchanged" in out
