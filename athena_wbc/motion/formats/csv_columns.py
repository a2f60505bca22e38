"""CSV of plain columns: root position, root quaternion, joints in the order of the model; no header.

For the 29-joint G1 these are the 36 columns in which LAFAN1 retargets, BeyondMimic, g1-moves, Unitree, ProtoMotions and
Kimodo publish. The same columns come in two quaternion orders and at two frame rates, and the file says neither:

| source            | fps | quaternion |
|-------------------|-----|------------|
| lafan, beyondmimic| 30  | xyzw       |
| g1_moves, unitree | 60  | xyzw       |
| protomotions, kimodo | 30 | wxyz     |

The source is taken from `--format csv:SOURCE`, else from the path (a twin of the file as npz, a rate in the file's
name, names of sources in the file's and its folders' names, the nearest first), else the quaternion order is decided
by the motion, and the rate by how it falls.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.raw import QUATERNION_ORDERS, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip


@dataclasses.dataclass(frozen=True)
class Source:
    """What a publisher's files leave out, and how its paths look."""

    fps: float
    quaternion: str
    pattern: str


SOURCES = {
    "lafan": Source(30.0, "xyzw", r"lafan|_subject\d+"),
    "beyondmimic": Source(30.0, "xyzw", r"beyond_?mimic|whole_body_tracking"),
    "g1_moves": Source(60.0, "xyzw", r"g1_moves"),
    "unitree": Source(60.0, "xyzw", r"unitree"),
    "protomotions": Source(30.0, "wxyz", r"proto_?motions"),
    "kimodo": Source(30.0, "wxyz", r"kimodo"),
}
RATES = (30.0, 60.0)
"""Frame rates that evidence chooses from: those of the sources."""

_ROOT_COLUMNS = (
    "root x",
    "root y",
    "root z",
    "root quaternion 1",
    "root quaternion 2",
    "root quaternion 3",
    "root quaternion 4",
)
_RATE = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*_?(?:hz|fps)(?![a-z])", re.IGNORECASE)
_LEVELS = 4
_TWIN_TOLERANCE = 1e-3


def recognise(path: Path) -> str | None:
    """By the ending .csv and a first line of numbers; a few damaged ones leave it a line of numbers."""
    if path.suffix.lower() != ".csv":
        return None
    with open(path, "rb") as stream:
        first = stream.readline(1 << 16)
    fields = first.decode("utf-8-sig", errors="replace").strip().split(",")
    if len(fields) > 1 and sum(_is_number(field) for field in fields) > 0.5 * len(fields):
        return f"{len(fields)} columns of numbers"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    table = read_table(path, options.robot)
    fps, quaternion = conventions(path, table, options.source)
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=table[:, :3],
        root_quat=table[:, 3:7],
        joint_pos=table[:, 7:],
        fps=stated(options.fps, "--fps", fps),
        quaternion=stated(options.quaternion, "--quaternion", quaternion),
        joints=Choice.of(_joint_names(options), "columns in the order of the model"),
        source=path.name,
    )
    return [resolve(raw, options)]


def _joint_names(options: ReadOptions) -> tuple[str, ...]:
    if options.joint_order == "isaac":
        from athena_wbc.motion.evidence import breadth_first_joints

        return breadth_first_joints(options.robot)
    return options.robot.joint_names


def read_table(path: Path, robot: Embodiment) -> np.ndarray:
    """(T, 7 + J) numbers of the file.

    Raises:
        AthenaError: not text, a line with another number of columns (a cut file when it is the last), a field that is
            no number, NaN or infinity; with line and column.
    """
    columns = 7 + robot.num_joints
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AthenaError(f"{path}: is no text at byte {error.start}; a CSV file of numbers is expected") from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise AthenaError(f"{path}: is empty; copy or write it again")
    for number, line in enumerate(lines):
        if line.count(",") != columns - 1:
            raise _wrong_columns(path, lines, number, columns, robot)
    try:
        table = np.array([line.split(",") for line in lines], dtype=np.float64)
    except ValueError:
        raise _no_number(path, lines, robot) from None
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        raise AthenaError(
            f"{path}: line {row + 1}, column {column + 1} ({_column_name(column, robot)}): is {table[row, column]}; "
            "repair the file or cut the motion there"
        )
    return table


def _wrong_columns(path: Path, lines: list[str], number: int, columns: int, robot: Embodiment) -> AthenaError:
    found = len(lines[number].split(","))
    if number == len(lines) - 1 and number > 0:
        return AthenaError(
            f"{path}: line {number + 1}: ends after {found} of {columns} columns; the file is truncated, copy it again"
        )
    if number == 0 and not any(_is_number(field) for field in lines[0].split(",")):
        return _header(path, robot)
    return AthenaError(
        f"{path}: line {number + 1}: has {found} columns, {columns} are expected for robot '{robot.name}' "
        f"(3 position, 4 quaternion, {robot.num_joints} joints); correct the file or name its robot with --robot"
    )


def _header(path: Path, robot: Embodiment) -> AthenaError:
    return AthenaError(
        f"{path}: line 1: is no line of numbers; {7 + robot.num_joints} columns without a header are expected "
        f"for robot '{robot.name}'"
    )


def _no_number(path: Path, lines: list[str], robot: Embodiment) -> AthenaError:
    if not any(_is_number(field) for field in lines[0].split(",")):
        return _header(path, robot)
    for row, line in enumerate(lines):
        for column, field in enumerate(line.split(",")):
            if not _is_number(field):
                cut = "; the file is truncated" if row == len(lines) - 1 and not field.strip() else ""
                return AthenaError(
                    f"{path}: line {row + 1}, column {column + 1} ({_column_name(column, robot)}): "
                    f"'{field.strip()[:30]}' is no number{cut}; correct the file"
                )
    return AthenaError(f"{path}: is no table of numbers; correct the file")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _column_name(column: int, robot: Embodiment) -> str:
    return _ROOT_COLUMNS[column] if column < 7 else robot.joint_names[column - 7]


def conventions(path: Path, table: np.ndarray, source: str | None) -> tuple[Choice[float], Choice[str]]:
    """Frame rate and quaternion order of a file, as its source, its path and its neighbours state them."""
    if source is not None:
        known = SOURCES[source]
        origin = f"default of {source}"
        return Choice.of(known.fps, origin), Choice.of(known.quaternion, origin)
    path = path.resolve()
    fps, quaternion = _from_twin(path, table)
    for name in (path.stem, *(parent.name for parent in list(path.parents)[:_LEVELS])):
        rates, orders = _named_conventions(name)
        origin = f"'{name}' in its path"
        if fps.is_open and len(rates) == 1:
            fps = Choice.of(rates.pop(), origin)
        if quaternion.is_open and len(orders) == 1:
            quaternion = Choice.of(orders.pop(), origin)
    return fps, quaternion


def _named_conventions(name: str) -> tuple[set[float], set[str]]:
    """What a file's or folder's name says; sets of more than one where it names sources that differ."""
    plain = name.lower().replace("-", "_")
    named = [source for source in SOURCES.values() if re.search(source.pattern, plain)]
    explicit = {float(rate) for rate in _RATE.findall(plain)}
    return explicit or {source.fps for source in named}, {source.quaternion for source in named}


def _from_twin(path: Path, table: np.ndarray) -> tuple[Choice[float], Choice[str]]:
    """Conventions from an npz of the same name that holds the same motion with its frame rate."""
    fps, quaternion = Choice(RATES, ""), Choice(QUATERNION_ORDERS, "")
    twin = path.with_suffix(".npz")
    if not twin.is_file() or not looks_like_zip(twin):
        return fps, quaternion
    try:
        archive = Npz(twin)
        if not {"fps", "body_pos_w", "body_quat_w"} <= set(archive):
            return fps, quaternion
        rate = archive.number("fps")
        first = archive.numbers("body_quat_w", (None, None, 4))[0, 0]
        position = archive.numbers("body_pos_w", (None, None, 3))[0, 0]
    except (AthenaError, IndexError):
        return fps, quaternion  # a damaged twin says nothing about this file
    if np.abs(position - table[0, :3]).max() > _TWIN_TOLERANCE:
        return fps, quaternion
    fps = Choice.of(rate, f"its twin {twin.name}")
    own = table[0, 3:7]
    for order, candidate in (("wxyz", own), ("xyzw", np.roll(own, 1))):
        if min(np.abs(candidate - first).max(), np.abs(candidate + first).max()) < _TWIN_TOLERANCE:
            quaternion = Choice.of(order, f"its twin {twin.name}")
    return fps, quaternion


FORMAT = register_format(
    Format(
        name="csv",
        description="columns of numbers without a header: root position 3, quaternion 4, joints in model order",
        extensions=(".csv",),
        recognise=recognise,
        read=read,
        sources=tuple(SOURCES),
        aliases=("csv36",),
    )
)
