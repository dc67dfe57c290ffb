"""`docs/settings.md` and `.env.example` say what the table of variables says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from autoops.settings import LangfuseSettings
from autoops.variables import VARIABLES
from autoops.variables.docs import env_example, markdown, within_markers

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / ".env.example"
RENEW = "renew it: uv run python -m autoops.variables --write"


def test_the_page_is_up_to_date() -> None:
    """The tables of docs/settings.md are those that the table of variables gives."""
    text = DOCS.read_text(encoding="utf-8")

    assert text == within_markers(text), RENEW


def test_the_example_is_up_to_date() -> None:
    """.env.example is what the table of variables gives."""
    assert EXAMPLE.read_text(encoding="utf-8") == env_example(), RENEW


def test_the_example_sets_nothing_but_the_defaults(tmp_path: Path) -> None:
    """Copied as it is, .env.example changes nothing; with every # removed it still gives the defaults."""
    (tmp_path / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    as_it_is = LangfuseSettings()
    uncommented = re.sub(r"^# (?=[A-Z0-9_]+=)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(uncommented, encoding="utf-8")
    every_line = LangfuseSettings()

    assert dotenv_values(tmp_path / ".env").keys() == {variable.name for variable in VARIABLES}
    assert as_it_is == every_line == LangfuseSettings(_env_file=None)


def test_every_name_is_documented() -> None:
    """Each variable, alias and field is named on the page."""
    text = DOCS.read_text(encoding="utf-8")

    assert [name for variable in VARIABLES for name in variable.names if f"`{name}`" not in text] == []
    assert [variable.field for variable in VARIABLES if f"`{variable.field}`" not in text] == []


def test_every_row_has_five_cells() -> None:
    """No text of the table breaks a row of the page."""
    rows = [line for line in markdown().splitlines() if line.startswith("|")]

    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_a_page_without_markers_is_refused() -> None:
    """The writer does not guess where the tables belong."""
    with pytest.raises(ValueError, match="begin"):
        within_markers("# Settings")


@pytest.mark.parametrize(
    ("option", "expected"), [("--markdown", markdown()), ("--env-example", env_example())]
)
def test_printing(option: str, expected: str) -> None:
    """`python -m autoops.variables` prints either text."""
    command = [sys.executable, "-m", "autoops.variables", option]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout

    assert printed == expected


def test_writing(tmp_path: Path) -> None:
    """`--write` renews both files of the folder it runs in."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "settings.md").write_text(
        "head\n<!-- begin: uv run python -m autoops.variables --write -->\nSTALE\n<!-- end -->\nfoot\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "autoops.variables", "--write"]
    subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    page = (tmp_path / "docs" / "settings.md").read_text(encoding="utf-8")

    assert markdown() in page
    assert (page.startswith("head\n"), page.endswith("\nfoot\n"), "STALE" in page) == (True, True, False)
    assert (tmp_path / ".env.example").read_text(encoding="utf-8") == env_example()
