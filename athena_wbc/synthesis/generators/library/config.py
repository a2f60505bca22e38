"""Settings of the library generator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from athena_wbc.errors import AthenaError


@dataclasses.dataclass(frozen=True)
class LibraryConfig:
    """Settings of :class:`LibraryGenerator`."""

    mocap: str = "auto"
    """Recordings that stand for moves: ``pybullet`` (the clips of that package), ``none``, ``auto`` (the package's
    where it is installed, else none), or a folder of DeepMimic files."""
    noise: float = 1.0
    """How much takes of one prompt differ in size and timing: a factor on the spread, 0 to 3."""


def check(config: LibraryConfig, where: str) -> None:
    """Refuse settings that mean nothing.

    Raises:
        AthenaError: the message begins with `where` and names the key.
    """
    if not 0.0 <= config.noise <= 3.0:
        raise AthenaError(f"{where}: noise: must be from 0 to 3, is {config.noise:g}")
    if config.mocap not in ("auto", "none", "pybullet") and not Path(config.mocap).is_dir():
        raise AthenaError(f"{where}: mocap: '{config.mocap}' is no folder; name one, or auto, none or pybullet")
