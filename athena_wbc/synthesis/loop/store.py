"""What the stages of a loop leave for each other: lists of records, and motions, each written in one step."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_write, write_text
from athena_wbc.synthesis.motion import SyntheticMotion

_AGAIN = "remove it and go on with --resume"


def write_lines(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write records as JSON, one a line, in one step."""
    lines = (json.dumps(row, sort_keys=True, allow_nan=False, ensure_ascii=False) for row in rows)
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read what :func:`write_lines` wrote.

    Raises:
        AthenaError: the file is missing or damaged; names the line.
    """
    path = Path(path)
    try:
        # Not splitlines(): a text may hold U+2028, U+2029 or U+0085, which JSON leaves as they are.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read ({error}); {_AGAIN}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AthenaError(f"{path}: line {number}: is no JSON ({error}); {_AGAIN}") from None
        if not isinstance(row, dict):
            raise AthenaError(f"{path}: line {number}: is no record; {_AGAIN}")
        rows.append(row)
    return rows


def save_motion(path: str | os.PathLike[str], motion: SyntheticMotion, note: Mapping[str, Any] | None = None) -> None:
    """Write a motion in full precision, with a note of plain values beside it; the same motion gives the same bytes."""
    header = {
        "prompt_id": motion.prompt_id,
        "generator": motion.generator,
        "is_learned": motion.is_learned,
        "seed": motion.seed,
        "fps": motion.fps,
        "provenance": dict(motion.provenance),
        "licence": motion.licence,
        "note": dict(note or {}),
    }
    buffer = io.BytesIO()
    text = json.dumps(header, sort_keys=True, default=_plain)
    np.savez_compressed(buffer, header=np.array(text), positions=motion.positions)
    atomic_write(path, buffer.getvalue())


def load_motion(path: str | os.PathLike[str]) -> tuple[SyntheticMotion, dict[str, Any]]:
    """Read a motion and its note.

    Raises:
        AthenaError: the file is missing or damaged.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            header, positions = json.loads(str(archive["header"])), archive["positions"]
        note = header.pop("note")
        return SyntheticMotion(positions=positions, **header), note
    except Exception as error:  # damaged bytes break zip, zlib, numpy and JSON, each in its own way
        reason = str(error) or type(error).__name__
        raise AthenaError(f"{path}: is no motion of the loop ({reason}); {_AGAIN}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
