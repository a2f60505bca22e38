"""Robots of a third party."""

from __future__ import annotations

from pathlib import Path

SCOUT = Path(__file__).parent / "scout" / "robot.yaml"
