"""AutoOps: every decision that software makes about prices, stock and promotions, recorded, kept and shown."""
