"""What was planned, shown, found and done, step by step.

The steps follow the interleaved reasoning that IRG-MotionLLM is trained on: ``[plan] [analyze] [plan]`` and then, for
every motion, ``[generate] [plan] [assess] [plan]``. The texts are this library's own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError

TAGS = ("plan", "analyze", "generate", "assess")
_OPENING = ("plan", "analyze", "plan")
_ROUND = ("generate", "plan", "assess", "plan")
_BLOCK = re.compile(rf"\[({'|'.join(TAGS)})\](.*?)\[/\1\]", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Step:
    """One block of a transcript."""

    tag: str
    """One of :data:`TAGS`."""
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
        """Plain values; :func:`transcript_from` is the way back."""
        return {"steps": [dataclasses.asdict(step) for step in self.steps], "text": self.text()}


def transcript_from(content: Any, where: str) -> Transcript:
    """Rebuild a transcript from :meth:`Transcript.as_dict`.

    Raises:
        AthenaError: no transcript, or steps in an order that none has; the message begins with `where`.
    """
    try:
        steps = tuple(
            Step(str(step["tag"]), str(step["text"]), int(step["round"]), dict(step["data"]))
            for step in content["steps"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AthenaError(f"{where}: is no transcript ({type(error).__name__}: {error}); make it again") from None
    check_order([step.tag for step in steps], where)
    return Transcript(steps)


def read_text(text: str, where: str) -> list[tuple[str, str]]:
    """(Tag, text) of the blocks of :meth:`Transcript.text`.

    Raises:
        AthenaError: something stands outside of the tags, or blocks are in an order that no transcript has.
    """
    outside = _BLOCK.sub("", text).strip()
    if outside:
        raise AthenaError(
            f"{where}: '{outside[:40]}' stands outside of {', '.join(f'[{tag}]' for tag in TAGS)}; remove it"
        )
    blocks = [(match[1], _unescaped(match[2])) for match in _BLOCK.finditer(text)]
    check_order([tag for tag, _ in blocks], where)
    return blocks


def check_order(tags: Sequence[str], where: str) -> None:
    """Refuse tags in another order than plan, analyze, plan, and rounds of generate, plan, assess, plan."""
    for index, tag in enumerate(tags):
        wanted = _OPENING[index] if index < len(_OPENING) else _ROUND[(index - len(_OPENING)) % len(_ROUND)]
        if tag != wanted:
            raise AthenaError(
                f"{where}: block {index + 1}: is [{tag}] where [{wanted}] is due; put the blocks in order"
            )
    if len(tags) < len(_OPENING) or (len(tags) - len(_OPENING)) % len(_ROUND):
        raise AthenaError(f"{where}: ends after {len(tags)} blocks, in the middle of a round; it was cut off")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")


def _unescaped(text: str) -> str:
    return text.replace("&#93;", "]").replace("&#91;", "[").replace("&amp;", "&")
