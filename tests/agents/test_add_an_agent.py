"""The page on adding an agent is run: its example works as printed, and is short."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worlds import panel_folder, small_panel

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "add-an-agent.md"


def test_the_example_adds_an_agent(capsys: pytest.CaptureFixture[str]) -> None:
    """The printed agent decides, beside the others, in under sixty lines with all that runs it but the imports."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    small_panel()
    Path(".autoops").mkdir()
    shutil.copytree(panel_folder(), Path(".autoops/cache"))

    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - the page's own example is what is tested

    lines = [line for line in example.splitlines() if line and not line.startswith(("from ", "import "))]
    assert len(lines) < 60
    assert len(names["mine"]) > 0
    assert {d.proposal.agent for d in names["policy"].orchestrator.decisions} > {
        "overstock_agent",
        "inventory_agent",
    }
    assert "decisions of the new agent" in capsys.readouterr().out
