"""Generated clips on disk: in the user's cache folder, under a key of all that they depend on."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file, sha256_json, write_text
from athena_wbc.motion.builtin.script import Script
from athena_wbc.motion.clip import MotionClip

_LOGGER = logging.getLogger(__name__)


class UnreachableError(AthenaError):
    """A robot's joints do not allow a clip."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/athena_wbc`, or `~/.cache/athena_wbc`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "athena_wbc"


def cache_path(embodiment: Embodiment, script: Script) -> Path:
    """Where a clip is kept. The name carries a hash of the robot, its model, the script and the generator."""
    model = sha256_file(embodiment.model_path)
    key = sha256_json([embodiment.hash, model, repr(script), _generator_hash()])[:16]
    return cache_folder() / "builtin" / embodiment.name / f"{script.name}-{key}.npz"


def load_kept(path: Path, embodiment: Embodiment, script: Script) -> MotionClip | None:
    """The clip that `keep` put there; None where there is none or it is damaged.

    Raises:
        UnreachableError: it was found before that the robot cannot do the clip.
    """
    note = path.with_suffix(".txt")
    if note.is_file():
        raise UnreachableError(note.read_text())
    if not path.is_file():
        return None
    try:
        clip = MotionClip.load(path)
    except AthenaError as error:
        _LOGGER.warning("%s; generating it again", error)
        return None
    whole = (clip.name, clip.robot_hash, clip.joint_names) == (script.name, embodiment.hash, embodiment.joint_names)
    return clip if whole else None


def keep(path: Path, clip: MotionClip) -> MotionClip:
    """Write a clip, and return it as it will be read; where that fails, the clip itself."""
    try:
        clip.save(path, dtype=np.float64)
        return MotionClip.load(path)
    except (AthenaError, OSError) as error:
        _LOGGER.warning("built-in clip '%s' is not kept: %s", clip.name, error)
        return clip


def keep_refusal(path: Path, error: UnreachableError) -> None:
    """Write down that the robot cannot do a clip, so that it is not tried again."""
    try:
        write_text(path.with_suffix(".txt"), str(error))
    except (AthenaError, OSError) as failure:
        _LOGGER.warning("built-in clips: %s", failure)


@functools.cache
def _generator_hash() -> str:
    """Hash of the generator's own source, which is its version."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
