"""From a checkpoint to what a robot's computer runs: networks, the contract that describes them, and a controller."""

from __future__ import annotations

from athena_wbc.deployment.controller import Controller, SensorReading

__all__ = ["Controller", "SensorReading"]
