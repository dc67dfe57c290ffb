"""Every environment variable of AutoOps in one table: name, type, range, default and meaning.

Pure Python, quick to import. The table serves the reader of the environment (`autoops.settings`),
`LangfuseConfig` (`autoops.tracing.config`), `.env.example`, `docs/settings.md` and `autoops config`.
To add a setting, add a row to `table.py` and a field of the same name to the two classes, then run
`uv run python -m autoops.variables --write`.
"""

from __future__ import annotations

from autoops.variables.globs import selected
from autoops.variables.reading import Given, read_all
from autoops.variables.table import BY_FIELD, DEFAULT_MASK_KEYS, VARIABLES, Variable

__all__ = [
    "BY_FIELD",
    "DEFAULT_MASK_KEYS",
    "VARIABLES",
    "Given",
    "Variable",
    "read_all",
    "selected",
]
