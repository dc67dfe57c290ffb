"""Every environment variable of AutoOps in one table: name, type, range, default and meaning.

Pure Python, quick to import. The table serves the reader of the environment (`autoops.settings`),
`LangfuseConfig` (`autoops.tracing.config`), `.env.example`, `docs/settings.md` and `autoops config`.
To add a setting, add a row to `table.py` and a field of the same name to the two classes, then run
`uv run python -m autoops.variables --write`.
"""

from __future__ import annotations

from autoops.variables.globs import selected
from autoops.variables.notices import key_notices, source_notices
from autoops.variables.reading import Given, check, find, masked, read_all, shown, shown_fields
from autoops.variables.table import BY_FIELD, DEFAULT_MASK_KEYS, VARIABLES, Variable
from autoops.variables.textmap import TextMap

__all__ = [
    "BY_FIELD",
    "DEFAULT_MASK_KEYS",
    "VARIABLES",
    "Given",
    "TextMap",
    "Variable",
    "check",
    "find",
    "key_notices",
    "masked",
    "read_all",
    "selected",
    "shown",
    "shown_fields",
    "source_notices",
]
