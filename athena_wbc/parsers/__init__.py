"""What the ``athena`` command accepts: one module a family of commands."""
