"""Acclaim ASF and AMC, as the CMU motion capture database has them: the skeleton in one file, the angles in another.

A bone turns in a frame of its own (`axis`) and ends at `direction` times `length` from its start; the joints of the
motion are the ends of the bones. The skeleton of ``07_03.amc`` is looked for beside it: ``07.asf``, else the only one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.raw import HumanOptions, RawHuman
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice

CMU_FPS = 120.0
_MOST_BONES = 500
_ROOT = "root"
_INCH = 0.0254


class _Bone:
    """A bone of an ASF file: direction (3), length, axis (turn of its own frame), and its degrees of freedom."""

    def __init__(self) -> None:
        self.direction = np.zeros(3)
        self.length = 0.0
        self.axis = Rotation.identity()
        self.dof: list[str] = []
        self.parent = -1


def recognise(path: Path) -> str | None:
    """By the word :DEGREES or :FULLY-SPECIFIED among its first lines."""
    with open(path, "rb") as stream:
        head = stream.read(2000).upper()
    return "an AMC header" if b":DEGREES" in head or b":FULLY-SPECIFIED" in head or b":RADIANS" in head else None


def read(path: Path, options: HumanOptions) -> list[RawHuman]:
    """The motion of an AMC file over the skeleton beside it."""
    skeleton = _skeleton_of(path)
    bones, unit, degrees, order, root_axis = _read_asf(skeleton)
    values = _read_amc(path, bones, order)
    frames = len(values[_ROOT])
    names = tuple(bones)
    positions = np.empty((frames, len(names), 3))
    world: list[Rotation] = []
    for joint, (name, bone) in enumerate(bones.items()):
        angles = np.zeros((frames, 3))
        channels = order if name == _ROOT else bone.dof
        for column, channel in enumerate(channels):
            if channel.startswith("r"):
                angles[:, "xyz".index(channel[1])] = values[name][:, column]
        # Lower case: about fixed axes, x first, as Acclaim composes them.
        turn = Rotation.from_euler("xyz", angles, degrees=degrees)
        if name == _ROOT:
            world.append(root_axis * turn)
            for axis in "xyz":
                column = order.index(f"t{axis}") if f"t{axis}" in order else None
                positions[:, joint, "xyz".index(axis)] = 0.0 if column is None else values[name][:, column]
            continue
        world.append(world[bone.parent] * bone.axis * turn * bone.axis.inv())
        positions[:, joint] = positions[:, bone.parent] + world[joint].apply(bone.direction * bone.length)
    quaternions = np.stack([turn.as_quat() for turn in world], axis=1)
    return [
        RawHuman(
            name=path.stem,
            where=str(path),
            positions=positions,
            joint_names=names,
            parents=tuple(bone.parent for bone in bones.values()),
            fps=Choice.of(CMU_FPS, "rate of the CMU database"),
            up=Choice.of("y", "default of the format"),
            units=Choice.of(repr(unit), f"unit of {skeleton.name}"),
            rotations=quaternions,
            ground=True,
            source=path.name,
            history=(f"skeleton from {skeleton.name}",),
        )
    ]


def _skeleton_of(path: Path) -> Path:
    folder = path.parent
    subject = folder / f"{path.stem.partition('_')[0]}.asf"
    if subject.is_file():
        return subject
    found = sorted(folder.glob("*.asf"))
    if len(found) != 1:
        raise AthenaError(
            f"{path}: its skeleton {subject.name} is not beside it ({len(found)} other .asf there); put it there"
        )
    return found[0]


def _sections(path: Path) -> dict[str, list[list[str]]]:
    """Words of the lines of every section of an ASF file."""
    sections: dict[str, list[list[str]]] = {}
    lines: list[list[str]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split("#")[0].replace("(", " ").replace(")", " ").split()
        if not words:
            continue
        if words[0].startswith(":"):
            lines = sections.setdefault(words[0][1:].lower(), [])
            words = words[1:]
        if words:
            lines.append(words)
    return sections


def _numbers(path: Path, words: list[str], count: int) -> list[float]:
    try:
        values = [float(word) for word in words[:count]]
    except ValueError:
        values = []
    if len(values) != count or not all(abs(value) < 1e6 for value in values):
        raise AthenaError(f"{path}: '{' '.join(words)[:60]}' are not {count} numbers; copy the file again")
    return values


def _read_asf(path: Path) -> tuple[dict[str, _Bone], float, bool, list[str], Rotation]:
    """Bones with the root first, metres of a unit, whether angles are degrees, the root's channels and its axis."""
    sections = _sections(path)
    units = {words[0].lower(): words[1] for words in sections.get("units", []) if len(words) > 1}
    length = _numbers(path, [units.get("length", "1")], 1)[0]
    degrees = units.get("angle", "deg").lower().startswith("deg")
    root = {words[0].lower(): words[1:] for words in sections.get("root", [])}
    order = [word.lower() for word in root.get("order", [])]
    if length <= 0.0 or sorted(order) != ["rx", "ry", "rz", "tx", "ty", "tz"]:
        raise AthenaError(f"{path}: :root order must name TX TY TZ RX RY RZ, and the unit of length be positive")
    angles = _numbers(path, root.get("orientation", ["0", "0", "0"]), 3)
    bones = {_ROOT: _Bone()}
    bone, name = _Bone(), ""
    for words in sections.get("bonedata", []):
        key = words[0].lower()
        if key == "begin":
            bone, name = _Bone(), ""
        elif key == "name" and len(words) > 1:
            name = words[1]
        elif key == "direction":
            bone.direction = np.array(_numbers(path, words[1:], 3))
        elif key == "length":
            bone.length = _numbers(path, words[1:], 1)[0]
        elif key == "axis":
            if [word.upper() for word in words[4:]] not in ([], ["XYZ"]):
                raise AthenaError(f"{path}: bone {name}: axis order {words[4]} is not XYZ; convert it to BVH")
            bone.axis = Rotation.from_euler("xyz", _numbers(path, words[1:], 3), degrees=degrees)
        elif key == "dof":
            bone.dof = [word.lower() for word in words[1:]]
            if not all(re.fullmatch(r"(r|t)[xyz]|l", channel) for channel in bone.dof):
                raise AthenaError(
                    f"{path}: bone {name}: dof {' '.join(words[1:])[:40]} is unknown; copy the file again"
                )
        elif key == "end":
            bones.setdefault(name, bone)
            bone, name = _Bone(), ""
    if not 1 < len(bones) < _MOST_BONES:
        raise AthenaError(f"{path}: :bonedata holds {len(bones) - 1} bones; copy the file again")
    return _ordered(path, bones, sections), _INCH / length, degrees, order, Rotation.from_euler(
        "xyz", angles, degrees=degrees
    )  # fmt: skip


def _ordered(path: Path, bones: dict[str, _Bone], sections: dict[str, list[list[str]]]) -> dict[str, _Bone]:
    """The bones that hang together, parents first, with the parents' indices."""
    ordered = {_ROOT: bones[_ROOT]}
    for words in sections.get("hierarchy", []):
        parent, *children = words
        if parent not in ordered:
            continue
        for child in children:
            if child in bones and child not in ordered:
                bones[child].parent = list(ordered).index(parent)
                ordered[child] = bones[child]
    if len(ordered) < 2:
        raise AthenaError(f"{path}: :hierarchy connects no bones; copy the file again")
    return ordered


def _read_amc(path: Path, bones: dict[str, _Bone], order: list[str]) -> dict[str, np.ndarray]:
    """Bone -> values (T, channels), for every bone with degrees of freedom."""
    widths = {name: len(order) if name == _ROOT else len(bone.dof) for name, bone in bones.items()}
    values: dict[str, list[list[str]]] = {name: [] for name, width in widths.items() if width}
    frames = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            frames += 1
        elif frames and words[0] in values:
            values[words[0]].append(words[1:])
    tables: dict[str, np.ndarray] = {}
    for name, rows in values.items():
        try:
            table = np.array(rows, dtype=np.float64).reshape(len(rows), -1)
        except ValueError as error:
            raise AthenaError(f"{path}: bone {name}: a line of it is damaged; copy the file again") from error
        if table.shape != (frames, widths[name]) or frames < 2:
            raise AthenaError(
                f"{path}: bone {name}: has {table.shape} values, ({frames}, {widths[name]}) are expected; "
                "the skeleton is another one, or the file is damaged"
            )
        if not np.isfinite(table).all():
            raise AthenaError(f"{path}: bone {name}: has a value that is not finite; repair the file")
        tables[name] = table
    return tables


FORMAT = register_human_format(
    HumanFormat("acclaim", "CMU AMC, with the ASF of its skeleton beside it", (".amc",), recognise, read)
)
