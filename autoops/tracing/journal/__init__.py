"""The trace journal: every span on disk, from one writer thread, readable by any SQL tool."""
