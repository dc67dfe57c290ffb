"""The table as documentation: the tables of `docs/settings.md` and the whole of `.env.example`."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from autoops.variables.table import DEFAULT_MASK_KEYS, VARIABLES

if TYPE_CHECKING:
    from autoops.variables.table import Variable

BEGIN = "<!-- begin: uv run python -m autoops.variables --write -->"
END = "<!-- end -->"

_ENV_HEAD = """\
# AutoOps' settings. Copy this file to .env in the folder you work in:  cp .env.example .env
# Variables of the process are stronger than this file. A line that begins with # shows the default;
# remove the # to change it. docs/settings.md has the same as tables, and the rules of precedence.
# Written by: uv run python -m autoops.variables --write
"""


def markdown() -> str:
    """Return a section with a table for each group of variables, and the list of masked keys."""
    parts = []
    for group, rows in groupby(VARIABLES, key=lambda variable: variable.group):
        parts.append(f"## {group}\n")
        parts.append("| variable | allowed | default | what it does | in code |\n|---|---|---|---|---|")
        parts.extend(_row(variable) for variable in rows)
        parts.append("")
    keys = ", ".join(f"`{glob}`" for glob in DEFAULT_MASK_KEYS)
    parts.append(f"## Keys that are masked by default\n\n{keys}\n")
    return "\n".join(parts)


def _row(variable: Variable) -> str:
    aliases = "".join(f", alias `{name}`" for name in variable.aliases)
    default = f"`{variable.default_text}`" if variable.default_text else variable.nothing
    cells = (
        f"`{variable.name}`{aliases}",
        _escaped(variable.kind.allowed),
        default,
        _escaped(variable.meaning),
        f"`{variable.field}`",
    )
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Keep Markdown from reading a glob's stars as emphasis and a bar as the end of a cell."""
    return text.replace("*", r"\*").replace("|", r"\|")


def env_example() -> str:
    """Return the text of `.env.example`: the keys to fill in, all else as comments that show the default."""
    parts = [_ENV_HEAD]
    for group, rows in groupby(VARIABLES, key=lambda variable: variable.group):
        parts.append(f"# ---- {group} ----\n")
        for variable in rows:
            parts.extend(
                f"# {line}" for line in wrap(f"{variable.meaning}. Allowed: {variable.kind.allowed}.", 100)
            )
            assignment = f"{variable.name}={variable.default_text}"
            parts.append(
                f"{assignment}\n" if variable.field in {"public_key", "secret_key"} else f"# {assignment}\n"
            )
    return "\n".join(parts)


def within_markers(text: str) -> str:
    """Return a document with what stands between its markers replaced by `markdown()`.

    Raises:
        ValueError: If a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"
