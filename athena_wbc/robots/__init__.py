"""Robots of one's own: a robot file from a model alone, and the doctor that says whether it will do."""
