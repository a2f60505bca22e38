"""Text to motion, by several means: see `registry`."""
