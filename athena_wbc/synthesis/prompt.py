"""A prompt: the sentence that a generator reads, and what it was made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_json
from athena_wbc.synthesis.vocabulary import PLAIN, Manner, Move
from athena_wbc.synthesis.vocabulary_file import manner_from, move_from

AXES = ("base_action", "combo_action", "detail", "speed_rhythm")
"""The axes of difficulty; the slots of a prompt."""

TIER_RANGE = (1.0, 3.0)
"""From basic to hard."""

LARGEST_SALT = 2**31
"""Beyond any draw; larger numbers are a mistake."""


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One sentence with its lineage.

    Slots hold phrases of the bank by their text. A prompt without slots is free text (the random baseline, a user's
    own): its moves were read from the words.

    Raises:
        AthenaError: a text that no encoding takes.
    """

    text: str
    domain: str = ""
    """Domain of the bank; empty for free text."""
    slots: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Axis -> phrases; of every axis at least one, or no axis at all."""
    template: str = ""
    """Identifier of the sentence template within the domain."""
    tier: float = 1.0
    """Intended difficulty, from 1 (basic) to 3 (hard): the mean over the axes of the phrases' tiers."""
    moves: tuple[Move, ...] = ()
    """What is done, in order."""
    manner: Manner = PLAIN
    """How it is done."""
    parents: tuple[str, ...] = ()
    """Identifiers of the prompts that a scheduler or a refinement made it from."""
    salt: int = 0
    """Tells apart prompts of the same content: the draw within a loop, or the round of a refinement."""

    def __post_init__(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise AthenaError(
                f"prompt: text: character {error.start} is half of a pair and no text; write the prompt as UTF-8"
            ) from None

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that change with everything but the tier."""
        return self.as_dict()["id"]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; :func:`prompt_from_dict` is the way back."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content["slots"] = {axis: list(phrases) for axis, phrases in self.slots.items()}
        content["moves"] = [_told(move) for move in self.moves]
        content["manner"] = _told(self.manner)
        content["parents"] = list(self.parents)
        identity = sha256_json({key: value for key, value in content.items() if key != "tier"})[:12]
        return content | {"id": identity}

    def replace(self, **changes: Any) -> Prompt:
        """A copy with other fields."""
        return dataclasses.replace(self, **changes)


def _told(value: Move | Manner) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }


def prompt_from_dict(content: Mapping[str, Any], where: str) -> Prompt:
    """Rebuild a prompt from :meth:`Prompt.as_dict`.

    Raises:
        AthenaError: a key that is missing or of another type; the message begins with `where`.
    """
    try:
        return Prompt(
            text=_text(content["text"], "text"),
            domain=_text(content["domain"], "domain"),
            slots={str(axis): _texts(phrases, f"slots: {axis}") for axis, phrases in content["slots"].items()},
            template=_text(content["template"], "template"),
            tier=_number(content["tier"], "tier", *TIER_RANGE),
            moves=tuple(move_from(move, f"{where}: moves") for move in content["moves"]),
            manner=manner_from(content["manner"], f"{where}: manner"),
            parents=_texts(content["parents"], "parents"),
            salt=_whole(content["salt"], "salt", LARGEST_SALT),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AthenaError(f"{where}: is no prompt ({type(error).__name__}: {error}); make it again") from None


def _texts(value: Any, key: str) -> tuple[str, ...]:
    # A text alone would become a tuple of its letters.
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{key} is no list of texts")
    return tuple(value)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _whole(value: Any, key: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{key} is no whole number from 0 to {most}")
    return value


def _number(value: Any, key: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{key} is no number from {low:g} to {high:g}")
    return float(value)
