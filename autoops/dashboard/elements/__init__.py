"""What the pages are made of: plain tags, and the three elements that have a script of their own."""
