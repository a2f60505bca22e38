"""C3D: markers, read by the package c3d (extra ``[formats]``).

Landmarks are estimated from markers by their roles, whose names :data:`ROLES` lists for Plug-in Gait, CMU, OptiTrack
and plain anatomical labels; joint centres that a model wrote into the file are taken where they are. The motion that
comes out has one joint per landmark.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.raw import (
    OPEN_UNITS,
    OPEN_UP,
    UNITS,
    HumanOptions,
    RawHuman,
    as_fps,
)
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice
from athena_wbc.motion.human import LANDMARKS, REQUIRED, SIDED, unit_vectors

ROLES: dict[str, tuple[str, ...]] = {
    "asis": ("{s}ASI", "{s}ASIS", "{s}FWT", "WAIST{s}FRONT"),
    "psis": ("{s}PSI", "{s}PSIS", "{s}BWT", "WAIST{s}BACK"),
    "knee": ("{s}KNE", "{s}KNEE", "{s}KNEEOUT", "{s}LKNE", "{s}LEK", "{s}KNEELAT"),
    "knee_inside": ("{s}KNM", "{s}MKNE", "{s}KNEEIN", "{s}MEK", "{s}KNEEMED", "{s}KNEM"),
    "ankle": ("{s}ANK", "{s}ANKLE", "{s}ANKLEOUT", "{s}LANK", "{s}LM", "{s}ANKLELAT"),
    "ankle_inside": ("{s}ANM", "{s}MED", "{s}ANKLEIN", "{s}MANK", "{s}MM", "{s}ANKLEMED", "{s}ANKM"),
    "toe": ("{s}TOE", "{s}TOEIN", "{s}MT2", "{s}TOETIP", "{s}MT1"),
    "shoulder": ("{s}SHO", "{s}SHOULDER", "{s}SHOULDERTOP", "{s}ACR", "{s}AC"),
    "elbow": ("{s}ELB", "{s}ELBOW", "{s}ELBOWOUT", "{s}LEE", "{s}ELBLAT"),
    "elbow_inside": ("{s}ELBM", "{s}ELBOWIN", "{s}MEE", "{s}ELBMED", "{s}MELB"),
    "wrist": ("{s}WRA", "{s}WRIST", "{s}WRISTOUT", "{s}WRR", "{s}RS"),
    "wrist_inside": ("{s}WRB", "{s}WRISTIN", "{s}WRU", "{s}US"),
    "head_front": ("{s}FHD", "{s}FHEAD", "HEAD{s}"),
    "head_back": ("{s}BHD", "{s}BHEAD"),
    "hip_centre": ("{s}HJC", "{s}HIPCENTRE", "{s}FEP"),
    "knee_centre": ("{s}KJC", "{s}KNEECENTRE", "{s}FEO"),
    "ankle_centre": ("{s}AJC", "{s}ANKLECENTRE", "{s}TIO"),
    "shoulder_centre": ("{s}SJC", "{s}CLO", "{s}GHJC"),
    "elbow_centre": ("{s}EJC", "{s}HUO"),
    "wrist_centre": ("{s}WJC", "{s}RAO"),
    "sacrum": ("SACR", "SACRUM"),
    "back": ("C7", "BACKTOP"),
    "middle_back": ("T10", "T8"),
    "clavicle": ("CLAV", "IJ", "CHESTTOP"),
    "sternum": ("STRN", "STERNUM", "CHEST", "PX"),
    "head_top": ("HEADTOP", "TOPHEAD", "HEAD"),
}
"""Role -> labels; ``{s}`` is the side: L or R. Case, separators and the subject before a colon are ignored."""

LONGEST_GAP = 0.5
"""Seconds that a marker may be hidden for: a spline over a longer gap is invention."""

_BELL = (0.22, 0.14, 0.30)
"""Hip centre from the front hip marker: backwards, inwards and down, as shares of the distance between the two front
markers (Bell, Pedersen and Brand 1990)."""

_KNEE, _ANKLE, _SHOULDER = 0.21, 0.15, 0.20
"""Half widths of knee and ankle, and the depth of the shoulder below its marker, as shares of the same distance; for
0.24 m: 5 cm, 3.5 cm and 5 cm."""

_PARENT = {
    "chest": "pelvis", "neck": "chest", "head": "neck", "hip": "pelvis", "knee": "hip", "ankle": "knee",
    "toe": "ankle", "shoulder": "chest", "elbow": "shoulder", "wrist": "elbow",
}  # fmt: skip
_MOST_POINTS = 5_000_000


def recognise(path: Path) -> str | None:
    """By the C3D key byte."""
    with open(path, "rb") as stream:
        head = stream.read(2)
    return "its second byte is the key of C3D" if len(head) == 2 and head[1] == 0x50 else None


def read(path: Path, options: HumanOptions) -> list[RawHuman]:
    """The motion of a file, one joint per landmark."""
    markers, rate, unit, up = _markers(path)
    report: list[str] = []
    if options.landmarks:
        named = {
            landmark: _mean_of(path, markers, labels.split("+"), rate, report)
            for landmark, labels in options.landmarks.items()
        }
        landmarks = _from_roles(path, markers, rate, report) | named
    else:
        landmarks = _from_roles(path, markers, rate, report)
    missing = [name for name in REQUIRED if name not in landmarks]
    if missing:
        shown = ", ".join(list(markers)[:12]) + (f", ... {len(markers)} in all" if len(markers) > 12 else "")
        raise AthenaError(
            f"{path}: no markers for {', '.join(missing)} among {shown}; name them by --landmarks if they are there"
        )
    names = tuple(name for name in LANDMARKS if name in landmarks)
    units = OPEN_UNITS if unit is None else Choice.of(unit, "POINT:UNITS in the file")
    return [
        RawHuman(
            name=path.stem,
            where=str(path),
            positions=np.stack([landmarks[name] for name in names], axis=1),
            joint_names=names,
            parents=tuple(_parent(name, names) for name in names),
            fps=as_fps(str(path), rate, "point rate in the file"),
            up=OPEN_UP if up is None else Choice.of(up, "POINT:Y_SCREEN in the file"),
            units=units,
            landmarks={name: name for name in names},
            named=True,
            source=path.name,
            history=(f"{len(names)} landmarks from {len(markers)} markers", *report),
        )
    ]


def _parent(name: str, names: tuple[str, ...]) -> int:
    side, _, part = name.rpartition("_")
    while part != "pelvis":
        part = _PARENT[part]
        candidate = f"{side}_{part}" if part in SIDED else part
        if candidate in names:
            return names.index(candidate)
    return -1


def _markers(path: Path) -> tuple[dict[str, np.ndarray], float, str | None, str | None]:
    """Label -> positions (T, 3) with NaN where hidden; rate, unit and vertical that the file states."""
    try:
        import c3d
    except ImportError as error:
        raise AthenaError(f"{path}: C3D needs the package c3d; pip install -e '.[formats]' in the checkout") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = c3d.Reader(io.BytesIO(path.read_bytes()))
            count = int(reader.point_used)
            frames = int(reader.last_frame) - int(reader.first_frame) + 1
            if not 0 < count * frames < _MOST_POINTS or 12 * count * frames > 2 * path.stat().st_size + 4096:
                raise AthenaError(f"{path}: claims {frames} frames of {count} markers, which its size does not hold")
            labels = [str(label).strip() for label in reader.point_labels][:count]
            rate = float(reader.point_rate)
            unit, screen = _text(reader, "POINT:UNITS"), _text(reader, "POINT:Y_SCREEN")
            rows = [np.array(points[:, :4], dtype=np.float64) for _, points, _ in reader.read_frames(copy=False)]
    except AthenaError:
        raise
    except Exception as error:  # a parser of bytes fails in many ways, and all mean that the file is damaged
        raise AthenaError(f"{path}: not a readable C3D ({type(error).__name__}); copy or export it again") from error
    if len(rows) < 2 or len(labels) < count:
        raise AthenaError(f"{path}: holds {len(rows)} frame(s) and {len(labels)} label(s) for {count} markers")
    table = np.stack(rows)
    with np.errstate(invalid="ignore"):
        hidden = ~(table[..., 3] >= 0.0) | ~(np.abs(table[..., :3]) < 1e6).all(axis=-1)
    table[hidden] = np.nan
    markers: dict[str, np.ndarray] = {}
    for column, label in enumerate(labels):
        if label and not label.startswith("*"):
            markers.setdefault(label, table[:, column, :3])
    unit = unit.lower() if unit else None
    axis = screen.lower().lstrip("+") if screen else None
    return markers, rate, unit if unit in UNITS else None, axis if axis in ("x", "y", "z", "-x", "-y", "-z") else None


def _text(reader: Any, key: str) -> str | None:
    parameter = reader.get(key)
    return None if parameter is None else str(parameter.string_value).strip() or None


def _plain(label: str) -> str:
    return "".join(letter for letter in label.split(":")[-1].upper() if letter.isalnum())


def _filled(name: str, track: np.ndarray, rate: float, report: list[str]) -> np.ndarray | None:
    """A marker's track with its gaps filled by a monotone cubic, or None where too much is hidden."""
    seen = ~np.isnan(track[:, 0])
    if seen.all():
        return track
    if seen.sum() < 2:
        return None
    frames = np.flatnonzero(seen)
    edges = np.concatenate(([-1], frames, [len(track)]))
    gaps = np.diff(edges) - 1
    if gaps.max() > LONGEST_GAP * rate:
        return None
    inside = np.clip(np.arange(len(track)), frames[0], frames[-1])  # the ends stay where they were last seen
    report.append(
        f"marker {name}: {int((~seen).sum())} hidden frames in {int((gaps > 0).sum())} gap(s) filled, "
        f"the longest {gaps.max() / rate:.2f} s"
    )
    return PchipInterpolator(frames, track[seen], axis=0)(inside)


def _mean_of(
    path: Path, markers: Mapping[str, np.ndarray], labels: list[str], rate: float, report: list[str]
) -> np.ndarray:
    by_label = {_plain(label): label for label in reversed(markers)}
    tracks = []
    for label in labels:
        known = by_label.get(_plain(label))
        if known is None:
            raise AthenaError(f"{path}: --landmarks: no marker '{label}' (it has {', '.join(list(markers)[:30])})")
        track = _filled(known, markers[known], rate, report)
        if track is None:
            raise AthenaError(f"{path}: marker {known} is hidden for more than {LONGEST_GAP:g} s; trim the take")
        tracks.append(track)
    return np.mean(tracks, axis=0)


def _from_roles(path: Path, markers: Mapping[str, np.ndarray], rate: float, report: list[str]) -> dict[str, np.ndarray]:
    """Landmarks that the labels allow, by their roles; see ROLES."""
    by_label = {_plain(label): label for label in reversed(markers)}
    hidden: list[str] = []

    def role(name: str, side: str = "") -> np.ndarray | None:
        for label in ROLES[name]:
            known = by_label.get(label.format(s=side))
            if known is not None:
                track = _filled(known, markers[known], rate, report)
                if track is not None:
                    return track
                hidden.append(known)
        return None

    found: dict[str, np.ndarray] = {}
    front = [role("asis", side) for side in "LR"]
    back = [track for track in (role("psis", "L"), role("psis", "R")) if track is not None]
    if not back and (sacrum := role("sacrum")) is not None:
        back = [sacrum]
    width, across = None, None
    if front[0] is not None and front[1] is not None and back:
        middle = 0.5 * (front[0] + front[1])
        behind = np.mean(back, axis=0)
        found["pelvis"] = 0.5 * (middle + behind)
        width = np.linalg.norm(front[0] - front[1], axis=1, keepdims=True)
        across = unit_vectors(front[0] - front[1])
        ahead = middle - behind
        ahead = unit_vectors(ahead - (ahead * across).sum(axis=1, keepdims=True) * across)
        down = -np.cross(ahead, across)
    for side, letter, sign, corner in (("left", "L", 1.0, front[0]), ("right", "R", -1.0, front[1])):
        if (centre := role("hip_centre", letter)) is not None:
            found[f"{side}_hip"] = centre
        elif width is not None and corner is not None:
            backwards, inwards, downwards = _BELL
            step = -backwards * ahead - inwards * sign * across + downwards * down
            found[f"{side}_hip"] = corner + width * step
        for part, depth in (("knee", _KNEE), ("ankle", _ANKLE), ("elbow", 0.0), ("wrist", 0.0)):
            outside, inside = role(part, letter), role(f"{part}_inside", letter)
            if (centre := role(f"{part}_centre", letter)) is not None:
                found[f"{side}_{part}"] = centre
            elif outside is not None and inside is not None:
                found[f"{side}_{part}"] = 0.5 * (outside + inside)
            elif outside is not None and (width is not None or depth == 0.0):
                shift = 0.0 if width is None else depth * width * sign * across
                found[f"{side}_{part}"] = outside - shift
        if (centre := role("shoulder_centre", letter)) is not None:
            found[f"{side}_shoulder"] = centre
        elif (top := role("shoulder", letter)) is not None:
            lower = 0.0
            if width is not None:
                lower = _SHOULDER * width * unit_vectors(found["pelvis"] - top)
            found[f"{side}_shoulder"] = top + lower
        if (toe := role("toe", letter)) is not None:
            found[f"{side}_toe"] = toe
    for landmark, roles in (
        ("chest", ("middle_back", "sternum", "back", "clavicle")),
        ("neck", ("back", "clavicle")),
    ):
        tracks = [track for name in roles if (track := role(name)) is not None]
        if tracks:
            found[landmark] = np.mean(tracks, axis=0)
    heads = [track for name in ("head_front", "head_back") for s in "LR" if (track := role(name, s)) is not None]
    if not heads and (top := role("head_top")) is not None:
        heads = [top]
    if heads:
        found["head"] = np.mean(heads, axis=0)
    if "pelvis" not in found and "left_hip" in found and "right_hip" in found:
        found["pelvis"] = 0.5 * (found["left_hip"] + found["right_hip"])
    if hidden:
        report.append(f"hidden for more than {LONGEST_GAP:g} s and left out: {', '.join(dict.fromkeys(hidden))}")
    report[:] = list(dict.fromkeys(report))
    missing = [name for name in REQUIRED if name not in found]
    if missing and hidden:
        raise AthenaError(
            f"{path}: markers {', '.join(dict.fromkeys(hidden))} are hidden for more than {LONGEST_GAP:g} s, and "
            f"{', '.join(missing)} need them; trim or repair the take"
        )
    return found


FORMAT = register_human_format(
    HumanFormat("c3d", "C3D markers of the whole body; needs the extra formats", (".c3d",), recognise, read)
)
