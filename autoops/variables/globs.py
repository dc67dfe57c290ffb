"""The one meaning of a comma list of globs, wherever a setting takes one."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def selected(name: str, globs: Iterable[str]) -> bool:
    """Tell whether a list of globs selects a name.

    A glob that begins with `!` excludes and wins over every other, wherever it stands. A list without a
    glob that includes selects all names but the excluded; so the empty list selects all.

    Args:
        name: What is looked for, compared with its case.
        globs: Shell patterns (`*`, `?`, `[…]`), some perhaps with a leading `!`.
    """
    includes_any = False
    included = False
    for glob in globs:
        if glob.startswith("!"):
            if fnmatchcase(name, glob[1:]):
                return False
        else:
            includes_any = True
            included = included or fnmatchcase(name, glob)
    return included or not includes_any
