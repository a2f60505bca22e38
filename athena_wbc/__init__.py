"""Athena-WBC: train, evaluate and improve humanoid whole-body trackers."""

__version__ = "0.1.0"
