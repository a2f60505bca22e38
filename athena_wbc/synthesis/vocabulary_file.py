"""Moves and manners from YAML and JSON, with errors that say what an unknown word may have meant."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.synthesis.vocabulary import FAMILY, Manner, Move
from athena_wbc.synthesis.words import MOVE_WORDS

_LARGEST = 1e6


def move_from(value: Mapping[str, Any] | str, where: str) -> Move:
    """A move from YAML or JSON: its name alone, or a mapping of :class:`Move`'s fields. Errors begin with `where`."""
    return _build(Move, {"move": value} if isinstance(value, str) else value, where)


def manner_from(value: Mapping[str, Any], where: str) -> Manner:
    """A manner from YAML or JSON. Errors begin with `where`."""
    return _build(Manner, value, where)


def _unknown(name: str) -> str:
    """What an unknown move may have meant: a name, or a word by which the dictionary knows one."""
    meanings = {" ".join(words): move.move for words, move in MOVE_WORDS.items()}
    meanings |= {move.replace("_", " "): move for move in FAMILY}
    said = " ".join(name.casefold().replace("_", " ").split())
    near = difflib.get_close_matches(said, meanings, n=1, cutoff=0.7)
    hint = f"did you mean '{meanings[near[0]]}'? " if near else ""
    return f"unknown '{_shown(name)}'; {hint}(all {len(FAMILY)} moves: docs/synthesis_bank.md)"


def _build(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise AthenaError(f"{where}: takes keys and values, not '{_shown(value)}'")
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    for key, given in value.items():
        if key not in fields:
            raise AthenaError(f"{where}: key {suggest(str(key), fields)}")
        wanted = fields[key]
        # What is so large that no range has it, infinity included, has no whole number or no float to compare.
        fits = isinstance(given, str) if wanted == "str" else isinstance(given, (int, float)) and abs(given) < _LARGEST
        if isinstance(given, bool) or not fits or (wanted == "int" and given != int(given)):
            raise AthenaError(
                f"{where}: {key}: must be {'a text' if wanted == 'str' else 'a number'}, is '{_shown(given)}'"
            )
    if kind is Move and "move" not in value:
        raise AthenaError(f"{where}: has no key 'move'")
    if kind is Move and value["move"] not in FAMILY:
        raise AthenaError(f"{where}: move: {_unknown(value['move'])}")
    try:
        return kind(**{key: int(given) if fields[key] == "int" else given for key, given in value.items()})
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from None


def _shown(value: Any) -> str:
    """The beginning of a value, for a message."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
