"""Measurements of this machine: the environment, the motion library, the training loop."""
