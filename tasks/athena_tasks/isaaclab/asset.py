"""The USD files that Isaac Lab spawns: made from the robot's own files when first asked for, then kept.

The cache is `$ATHENA_CACHE/usd`, or `athena_wbc/usd` in the user's cache folder. Its key is the content of all that
goes in, so a changed robot gets a file of its own; a file whose checksum no longer fits is made again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from athena_tasks.isaaclab import usd
from athena_tasks.isaaclab.backend import match_names
from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path, sha256_file, write_text

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """The folder of the USD files."""
    own = os.environ.get("ATHENA_CACHE")
    if own:
        return Path(own) / "usd"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "athena_wbc" / "usd"


def robot_usd(embodiment: Embodiment) -> Path:
    """The robot as a USD file, made where it is missing or damaged.

    Raises:
        AthenaError: the robot has no MJCF; the cache cannot be written.
    """
    if not embodiment.model_path.is_file():
        raise AthenaError(
            f"{embodiment.model_path}: robot '{embodiment.name}' has no MJCF there, and Isaac Lab's asset is made "
            "from it; bring the file back"
        )
    key = hashlib.sha256(f"{usd.VERSION}:{embodiment.hash}:{_content(embodiment.model_path)}".encode()).hexdigest()
    path = cache_folder() / f"{_plain(embodiment.name)}-{key[:16]}.usda"
    return _kept(path, lambda temporary: usd.write_robot(embodiment, temporary))


def check_names(path: Path, embodiment: Embodiment) -> None:
    """Refuse an asset whose joints or bodies are not the robot's, before Isaac Lab meets it.

    Raises:
        AthenaError: lists the names that one of the two lacks; or USD cannot read the file.
    """
    for kind, found, wanted in zip(
        ("joints", "bodies"), usd.read_names(path), (embodiment.joint_names, embodiment.body_names), strict=True
    ):
        match_names(wanted, found, f"{path}: {kind} of robot '{embodiment.name}'")


def ground_usd() -> Path:
    """The ground plane as a USD file."""
    return _kept(cache_folder() / f"ground-{usd.VERSION}.usda", usd.write_ground)


def _kept(path: Path, write: Callable[[Path], None]) -> Path:
    checksum = path.with_suffix(".sha256")
    if path.is_file() and checksum.is_file() and checksum.read_text(errors="replace").strip() == sha256_file(path):
        return path
    if path.is_file():
        _log.warning("%s: damaged; it is made again", path)
    with atomic_path(path) as temporary:
        # USD reads the format off the name's ending.
        named = temporary.with_suffix(".usda")
        try:
            write(named)
            os.replace(named, temporary)
        finally:
            named.unlink(missing_ok=True)
    write_text(checksum, sha256_file(path) + "\n")
    return path


def _content(model: Path) -> str:
    """Hash of the model's file and of all files below its folder that it may refer to."""
    digest = hashlib.sha256()
    folder = model.parent
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix.lower() in (".xml", ".stl", ".obj", ".msh", ".png") or file == model:
            digest.update(f"{file.relative_to(folder)}:{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def _plain(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
