"""The mathematics of retail decisions: pure functions on arrays (product x cluster), no agents, no tracing."""
