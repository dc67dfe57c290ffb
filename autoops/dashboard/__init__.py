"""The local page on the trace journal: reads it, writes nothing, needs no network."""
