"""Where the page is."""

from __future__ import annotations

from typing import Final

HOST: Final = "127.0.0.1"
"""This machine only."""
USUAL_PORT: Final = 8765
"""Taken if it is free, so that bookmarks and ``get_trace_url`` lead here."""
