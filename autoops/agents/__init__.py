"""Who decides: agents propose, the orchestrator finds conflicts, resolves them and commits."""
