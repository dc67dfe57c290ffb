"""`python -m autoops.variables`: print or write what is generated from the table; run in the project's folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from autoops.variables.docs import env_example, markdown, within_markers


def main() -> None:
    """Do what the arguments ask."""
    parser = argparse.ArgumentParser(prog="python -m autoops.variables", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--markdown", action="store_true", help="print the tables of docs/settings.md")
    what.add_argument("--env-example", action="store_true", help="print .env.example")
    what.add_argument("--write", action="store_true", help="write both into their files")
    arguments = parser.parse_args()
    if arguments.write:
        settings = Path("docs/settings.md")
        settings.write_text(within_markers(settings.read_text(encoding="utf-8")), encoding="utf-8")
        Path(".env.example").write_text(env_example(), encoding="utf-8")
    else:
        sys.stdout.write(markdown() if arguments.markdown else env_example())


if __name__ == "__main__":
    main()
