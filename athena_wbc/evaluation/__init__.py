"""Evaluation: rollouts of a policy over a corpus, metrics, named protocols and reports."""
