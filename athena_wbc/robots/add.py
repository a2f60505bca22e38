"""Add a robot of one's own: build its folder, and make it known by name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from athena_wbc.embodiment import embodiment_names, load_embodiment, robot_origin
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_text
from athena_wbc.resources import user_robot_files, user_robots_folder
from athena_wbc.robots.build import Built, build_robot, check_name
from athena_wbc.robots.source import read_source
from athena_wbc.robots.write import write_robot


def add(
    model: str | Path,
    name: str,
    out: str | Path | None = None,
    ignore_meshes: bool = False,
    roles: Mapping[str, str] | None = None,
    replace: bool = False,
) -> tuple[Built, Path]:
    """Build a robot from its model and register it for every later command.

    Args:
        model: MJCF or URDF.
        name: of the robot.
        out: folder to make; the user's robots folder where None.
        ignore_meshes: do without meshes.
        roles: role -> body, for what the tree does not tell.
        replace: put it in the place of a robot of that name that was added before.

    Returns:
        What was found, and the robot.yaml.

    Raises:
        AthenaError: a name that is taken or will not do, a folder that exists, a model that is no humanoid.
    """
    check_name(name)
    added = user_robot_files()
    if name in embodiment_names() and not (replace and name in added):
        remedy = "give --replace, or choose another name" if name in added else "choose another name"
        raise AthenaError(f"--name: robot '{name}' is known already ({robot_origin(name)}); {remedy}")
    folder = Path(out) if out is not None else user_robots_folder() / name
    ours = name in added and added[name].parent.resolve() == folder.resolve()
    if folder.exists() and not (ours and replace) and (not folder.is_dir() or any(folder.iterdir())):
        raise AthenaError(f"{folder}: exists already; choose another folder with --out, or remove it")
    source = read_source(model, ignore_meshes)
    built = build_robot(source, name, dict(roles or {}))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Built beside its place and moved there whole: a failure on the way leaves no half of a robot.
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder.parent) as temporary:
            made = Path(temporary) / name
            made.mkdir()
            load_embodiment(write_robot(source, built, made))
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    except OSError as error:
        raise AthenaError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
    link = user_robots_folder() / f"{name}.link"
    link.unlink(missing_ok=True)
    if out is not None:
        write_text(link, f"{folder.resolve()}\n")
    return built, folder / "robot.yaml"
