"""Find the files that come with the library: configurations and robots.

In a checkout (and in an editable install, which points into one) they lie in ``configs/`` and
``robots/athena_robots/`` beside the package; in a wheel they are ``athena_wbc/_configs`` and the installed
package ``athena_robots``. Everything that needs such a file asks here.
"""

from __future__ import annotations

import os
from pathlib import Path

from athena_wbc.errors import AthenaError, suggest

_PACKAGE = Path(__file__).resolve().parent


def _first_folder(*candidates: Path) -> Path:
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise AthenaError(f"{candidates[0]}: this installation is incomplete; install athena-wbc again")


def configs_folder() -> Path:
    """Return the folder that holds one sub-folder a configuration group."""
    return _first_folder(_PACKAGE / "_configs", _PACKAGE.parent / "configs")


def robots_folder() -> Path:
    """Return the folder that holds one sub-folder a robot, each with its ``robot.yaml``."""
    return _first_folder(_PACKAGE.parent / "robots" / "athena_robots", _PACKAGE.parent / "athena_robots")


def robot_files() -> dict[str, Path]:
    """Return the robots that come with the library: folder name -> its ``robot.yaml``, sorted by name."""
    return {path.parent.name: path for path in sorted(robots_folder().glob("*/robot.yaml"))}


def user_robots_folder() -> Path:
    """Return ``$XDG_CONFIG_HOME/athena_wbc/robots``, or ``~/.config/athena_wbc/robots``: robots that the user added.

    It holds a folder a robot, or a ``<name>.link`` file with the path of a folder elsewhere.
    """
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "athena_wbc" / "robots"


def user_robot_files() -> dict[str, Path]:
    """Return the robots that the user added: name -> its ``robot.yaml``, which a link may miss, sorted by name."""
    folder = user_robots_folder()
    found = {path.parent.name: path for path in folder.glob("*/robot.yaml")}
    for link in folder.glob("*.link"):
        found[link.stem] = Path(link.read_text(encoding="utf-8").strip()) / "robot.yaml"
    return dict(sorted(found.items()))


def config_names(group: str) -> list[str]:
    """Return the sorted names of the files ``configs/<group>/*.yaml``; an unknown group has none."""
    return sorted(path.stem for path in (configs_folder() / group).glob("*.yaml"))


def config_path(group: str, name: str) -> Path:
    """Return the file of the configuration ``name`` of ``group``.

    ``name`` is the stem of a file in ``configs/<group>/``, or a path of one's own that ends in ``.yaml`` or
    ``.yml``. Raises :class:`AthenaError` with the nearest known name.
    """
    if name.endswith((".yaml", ".yml")):
        own = Path(name).expanduser()
        if not own.is_file():
            known = ", ".join(config_names(group)) or "none"
            raise AthenaError(f"{name}: no such file; give a {group} file of your own or one of: {known}")
        return own
    if name not in config_names(group):
        raise AthenaError(f"{group}: {suggest(name, config_names(group))}; a file of your own ends in .yaml")
    return configs_folder() / group / f"{name}.yaml"
