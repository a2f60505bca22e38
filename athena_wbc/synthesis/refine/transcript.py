"""What was planned, shown, found and done, step by step.

The steps follow the interleaved reasoning that IRG-MotionLLM is trained on: ``[plan] [analyze] [plan]`` and then, for
every motion, ``[generate] [plan] [assess] [plan]``. The texts are this library's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Step:
    """One block of a transcript."""

    tag: str
    """``plan``, ``analyze``, ``generate`` or ``assess``."""
    text: str
    round: int = 0
    """Number of the motion that it is about, from 1; 0 before the first."""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the text says, as plain values."""


@dataclasses.dataclass(frozen=True)
class Transcript:
    """The steps of one refinement, in order."""

    steps: tuple[Step, ...]

    def text(self) -> str:
        """The steps with their tags around them, a line feed between two. Brackets in texts are escaped."""
        return "\n".join(f"[{step.tag}]{_escaped(step.text)}[/{step.tag}]" for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"steps": [dataclasses.asdict(step) for step in self.steps], "text": self.text()}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")
