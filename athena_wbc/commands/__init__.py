"""What each sub-command of ``athena`` does once its arguments are read: one module a group."""
