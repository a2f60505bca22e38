"""Judges of alignment and difficulty: by kinematics offline, by vision-language models through an endpoint."""
