"""BVH: a skeleton and Euler angles as text, read by pybvh (extra ``[formats]``).

Any channel order, the root's rotation before or behind its position, any decimal form of the frame time. Joints other
than the root may have positions too (SOMA, BONES-SEED): pybvh refuses those, so they are taken out of the text before
it sees them, and stand for the joint's offset, frame by frame.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.body import forward
from athena_wbc.motion.formats.human.raw import OPEN_UNITS, HumanOptions, RawHuman, as_fps
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice

_MOST_JOINTS = 1000


def recognise(path: Path) -> str | None:
    """By the word HIERARCHY at its start."""
    with open(path, "rb") as stream:
        head = stream.read(200)
    return "it starts with HIERARCHY" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"HIERARCHY") else None


def read(path: Path, options: HumanOptions) -> list[RawHuman]:
    """The motion of a file; ends of chains become joints of their own, named after their parents."""
    text, moved = _plain_text(path, path.read_bytes().decode("utf-8", errors="replace"))
    skeleton = _parse(path, text)
    nodes = list(skeleton.nodes)
    index = {id(node): i for i, node in enumerate(nodes)}
    parents = tuple(-1 if node.parent is None else index[id(node.parent)] for node in nodes)
    offsets = np.array([node.offset for node in nodes], dtype=np.float64)
    frames = len(skeleton.root_pos)
    rotations = np.zeros((frames, len(nodes), 4))
    rotations[..., 3] = 1.0
    joints = [node for node in nodes if not node.is_end_site()]
    for column, node in enumerate(joints):
        angles = np.asarray(skeleton.joint_angles[:, column], dtype=np.float64)
        if not np.isfinite(angles).all():
            raise AthenaError(f"{path}: {node.name}: has an angle that is not finite; repair the file")
        turn = Rotation.from_euler("".join(node.rot_channels).upper(), angles)  # upper case: about the turned axes
        rotations[:, index[id(node)]] = turn.as_quat()
    varying = {index[id(joints[joint])]: local for joint, local in moved.items()}
    positions, world = _forward(parents, offsets, rotations, np.asarray(skeleton.root_pos, dtype=np.float64), varying)
    return [
        RawHuman(
            name=path.stem,
            where=str(path),
            positions=positions,
            joint_names=_unique_names(nodes),
            parents=parents,
            fps=as_fps(str(path), 1.0 / skeleton.frame_time, "Frame Time in the file"),
            up=Choice.of("y", "usual in BVH"),
            units=OPEN_UNITS,
            rotations=world,
            rest=_rest_pose(parents, offsets),
            ground=True,
            source=path.name,
        )
    ]


def _rest_pose(parents: tuple[int, ...], offsets: np.ndarray) -> np.ndarray:
    rest = np.zeros_like(offsets)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            rest[joint] = rest[parent] + offsets[joint]
    return rest


def _forward(
    parents: tuple[int, ...],
    offsets: np.ndarray,
    rotations: np.ndarray,
    root: np.ndarray,
    varying: dict[int, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    positions, world = forward(parents, offsets, rotations, root)
    if varying:
        for joint, parent in enumerate(parents):
            if parent >= 0:
                local = varying.get(joint, offsets[joint])
                positions[:, joint] = positions[:, parent] + Rotation.from_quat(world[:, parent]).apply(local)
    return positions, world


def _unique_names(nodes: list[Any]) -> tuple[str, ...]:
    names: list[str] = []
    for node in nodes:
        name = f"{node.parent.name}_end" if node.is_end_site() else node.name
        unique, number = name, 2
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return tuple(names)


def _plain_text(path: Path, text: str) -> tuple[str, dict[int, np.ndarray]]:
    """The text without position channels of joints, and those positions (T, 3) by the joint's number."""
    head, mark, motion = text.partition("MOTION")
    if not mark:
        raise AthenaError(f"{path}: has no MOTION section; it holds a skeleton only")
    lines = head.splitlines()
    offsets: list[list[str]] = []
    kept: list[bool] = []
    columns: dict[int, list[tuple[int, int]]] = {}
    for number, line in enumerate(lines):
        words = line.split()
        if words[:1] in (["ROOT"], ["JOINT"]):
            offsets.append([])
        elif words[:1] == ["OFFSET"] and offsets and not offsets[-1]:
            offsets[-1] = words[1:]
        elif words[:1] == ["CHANNELS"]:
            joint, channels = len(offsets) - 1, words[2:]
            places = [] if joint < 1 else [c for c in channels if c[1:].lower() == "position" and c[0] in "XYZ"]
            if places:
                columns[joint] = [(len(kept) + channels.index(place), "XYZ".index(place[0])) for place in places]
                rest = [channel for channel in channels if channel not in places]
                lines[number] = f"CHANNELS {len(rest)} {' '.join(rest)}"
            kept += [channel not in places for channel in channels]
    if len(offsets) > _MOST_JOINTS:
        raise AthenaError(f"{path}: has {len(offsets)} joints; no person does")
    if not columns:
        return text, {}
    opening, rows = _motion_rows(path, motion, len(kept))
    moved = {joint: _local(path, offsets[joint], rows, places) for joint, places in columns.items()}
    plain = "\n".join(" ".join(map(repr, row)) for row in rows[:, kept].tolist())
    return "\n".join(lines) + f"\nMOTION{opening}\n{plain}\n", moved


def _local(path: Path, offset: list[str], rows: np.ndarray, places: list[tuple[int, int]]) -> np.ndarray:
    """(T, 3) of a joint in its parent's frame, from its OFFSET and its position channels: (column, axis)."""
    try:
        rest = np.array(offset, dtype=np.float64).reshape(3)
    except ValueError as error:
        raise AthenaError(f"{path}: OFFSET {' '.join(offset)[:40]} is no position; correct the file") from error
    local = np.tile(rest, (len(rows), 1))
    for column, axis in places:
        local[:, axis] = rows[:, column]
    # All zero beside an offset: the channels count from the offset instead of replacing it.
    if not local[:, [axis for _, axis in places]].any():
        local[:] = rest
    return local


def _motion_rows(path: Path, motion: str, width: int) -> tuple[str, np.ndarray]:
    lines = motion.splitlines()
    first = next((i for i, line in enumerate(lines) if line.split()[:2] == ["Frame", "Time:"]), None)
    if first is None:
        raise AthenaError(f"{path}: has no Frame Time; correct the file")
    try:
        rows = np.array([line.split() for line in lines[first + 1 :] if line.strip()], dtype=np.float64)
    except ValueError as error:
        raise AthenaError(f"{path}: a line of its motion is damaged; copy or write it again") from error
    if rows.ndim != 2 or rows.shape[1] != width:
        raise AthenaError(f"{path}: its lines of motion do not have the {width} values that its skeleton declares")
    return "\n".join(lines[: first + 1]), rows


def _parse(path: Path, text: str) -> Any:
    try:
        import pybvh
    except ImportError as error:
        raise AthenaError(f"{path}: BVH needs pybvh; pip install -e '.[formats]' in the checkout") from error
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "motion.bvh"
        copy.write_text(text, encoding="utf-8", errors="replace")
        try:
            # A named axis keeps pybvh from guessing one; the vertical is decided by our own evidence.
            return pybvh.read_bvh_file(copy, world_up="+y")
        except Exception as error:  # a parser of text fails in many ways, and all mean that the file is damaged
            reason = str(error).replace(f"in file {copy}", "").replace(str(copy), path.name)
            reason = reason.splitlines()[0][:160] if reason else type(error).__name__
            raise AthenaError(f"{path}: not a readable BVH ({reason.strip()}); repair or export it again") from error


FORMAT = register_human_format(
    HumanFormat("bvh", "BVH of any skeleton with legs and arms; needs the extra formats", (".bvh",), recognise, read)
)
