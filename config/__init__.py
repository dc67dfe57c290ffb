"""The documented doors: `config.settings`, `config.langfuse_config` and `config.langfuse_integration`.

They only hand on what `autoops` has; importing one opens no connection and starts no thread.
"""
