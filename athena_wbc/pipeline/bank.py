"""The bank of frozen teachers: which ones, and that they can be compared and distilled together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.learning.checkpoint import latest_checkpoint, load_checkpoint

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Teacher:
    """A frozen policy by name."""

    name: str
    path: Path
    """The checkpoint file."""


def parse_teachers(items: Sequence[str]) -> dict[str, str]:
    """``["general=runs/a", ...]`` as name -> path, in the order given; the first is the general teacher.

    Raises:
        AthenaError: an entry without a name or a path, or a name twice.
    """
    teachers: dict[str, str] = {}
    for item in items:
        name, sign, path = item.partition("=")
        if not sign or not path or not _NAME.fullmatch(name):
            raise AthenaError(f"--teacher: '{item}' is no NAME=CHECKPOINT; write general=runs/general, for example")
        if name in teachers:
            raise AthenaError(f"--teacher: '{name}' is named twice; give every teacher a name of its own")
        teachers[name] = path
    return teachers


def choose_teachers(
    teachers: Mapping[str, str | os.PathLike[str]], without: Sequence[str] = ()
) -> dict[str, str | os.PathLike[str]]:
    """The teachers that remain when some are left out.

    Raises:
        AthenaError: a name that is not there, or nobody remains.
    """
    for name in without:
        if name not in teachers:
            raise AthenaError(f"--without: {suggest(name, teachers)}")
    chosen = {name: path for name, path in teachers.items() if name not in without}
    if not chosen:
        raise AthenaError("--teacher: no teacher remains to route to; name one with --teacher NAME=CHECKPOINT")
    return chosen


def open_bank(teachers: Mapping[str, str | os.PathLike[str]]) -> list[Teacher]:
    """Find the checkpoint of every teacher and refuse a bank that does not go together.

    Args:
        teachers: name -> checkpoint file or run's folder (its newest).

    Raises:
        AthenaError: a checkpoint that cannot be read; see :func:`check_same_interface`.
    """
    bank, first = [], None
    for name, place in teachers.items():
        path = latest_checkpoint(place) if Path(place).is_dir() else Path(place)
        contents = load_checkpoint(path)
        teacher = Teacher(name, path)
        if first is None:
            first = teacher, contents
        else:
            check_same_interface(first[0], first[1], teacher, contents)
        bank.append(teacher)
    return bank


def check_same_interface(first: Teacher, expected: Mapping[str, Any], other: Teacher, found: Mapping[str, Any]) -> None:
    """Refuse a teacher of another robot, or whose actions mean something else than the first one's.

    A student regresses on the action means of all of them, so the same number must be the same joint target.

    Args:
        first, expected: the bank's first teacher and its checkpoint's contents.
        other, found: the teacher to compare with it.

    Raises:
        AthenaError: names the file, the key and both values.
    """
    pairs = {f"robot.{key}": (expected["robot"].get(key), found["robot"].get(key)) for key in ("name", "hash")}
    for key in dict.fromkeys((*expected["action"], *found["action"])):
        place = "sim.dt * sim.decimation" if key == "control_dt" else f"task.action.{key}"
        pairs[place] = expected["action"].get(key), found["action"].get(key)
    for key, (wanted, given) in pairs.items():
        if wanted != given:
            raise AthenaError(
                f"{other.path}: {key}: teacher '{other.name}' was trained with {given}, '{first.name}' with {wanted}; "
                "teachers of one bank must agree in it"
            )
