"""The tracking task in pure torch: what both simulator shells share. No simulator is imported here."""
