"""The pages, a file each. Each has a ``register`` that puts it at its address."""
