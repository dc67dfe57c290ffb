"""From the journal to Langfuse: what is due, over HTTP, until the receipt is in hand."""
