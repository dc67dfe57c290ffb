"""`python -m autoops.cli` is `autoops`."""

from autoops.cli import main

main()
