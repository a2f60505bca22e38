"""Key frames of a motion in one picture, for models that look at it.

A figure of capsules, one colour a limb, above its shadow on a floor of squares. The camera keeps its direction and its
height and goes along with the pelvis, so that turns, flights and travel can be seen.
"""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from athena_wbc.synthesis.motion import HEAD, JOINT_NAMES, PARENTS, PELVIS, SyntheticMotion
from athena_wbc.synthesis.palette import TRUNK_COLOUR, joint_colour

WIDTH, HEIGHT = 240, 180
"""Pixels of one frame."""

LEGEND = (
    "The picture holds key frames at equal intervals, in time from left to right and then from row to row, each with "
    "its time in seconds. A figure of capsules shows the body: its left arm and leg are blue, its right ones orange, "
    "trunk and head grey, the dark dot on the head is the face. The camera looks at it obliquely from its front at the "
    "start, never turns, and travels with it; squares of half a metre on the floor tell travel, the shadow straight "
    "below the figure tells height."
)
"""What a model is told about the picture."""

_SCALE = 2
"""Drawn larger by this and then reduced, against jagged edges."""
_METRES = 2.35
"""Height of what a frame shows."""
_BELOW = 0.42
"""How much of it lies below the floor's level at the figure."""
_AZIMUTH, _ELEVATION = math.radians(35.0), math.radians(14.0)
_TILE = 0.5

_PAPER, _FLOOR, _LINE = (250, 250, 248), (236, 235, 230), (204, 202, 194)
_SHADOW, _INK = (186, 184, 178), (40, 42, 46)

_BONES = tuple(
    (joint, parent, joint_colour(JOINT_NAMES[joint]))
    for joint, parent in enumerate(PARENTS)
    if parent >= 0 and JOINT_NAMES[joint] not in ("left_collar", "right_collar", "left_hip", "right_hip")
)
_CROSS = tuple(
    (JOINT_NAMES.index(a), JOINT_NAMES.index(b), TRUNK_COLOUR)
    for a, b in (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
)
_RADII = {"hip": 0.075, "knee": 0.065, "ankle": 0.05, "foot": 0.045, "elbow": 0.045, "wrist": 0.04, "shoulder": 0.05}
_TRUNK_RADIUS, _HEAD_RADIUS = 0.085, 0.115
_SHADE = 0.55
"""How far colours fade towards white from the near to the far side of the body."""


def frame_indices(frames: int, count: int) -> np.ndarray:
    """Indices of `count` frames at equal intervals, the first and the last among them; all if there are fewer."""
    count = min(count, frames)
    return np.round(np.linspace(0.0, frames - 1.0, count)).astype(int)


def columns_of(count: int) -> int:
    """Frames in a row of the grid: 5 of 15, 10 of 60."""
    return math.ceil(math.sqrt(1.5 * count))


def key_frames(motion: SyntheticMotion, count: int, is_strip: bool = False) -> bytes:
    """Draw key frames into one picture.

    Args:
        motion: what to show.
        count: frames; a motion with fewer shows all of its own.
        is_strip: all in one row instead of a grid.

    Returns:
        A PNG file; the same motion gives the same bytes wherever Pillow is the same.
    """
    indices = frame_indices(motion.num_frames, count)
    columns = len(indices) if is_strip else min(columns_of(count), len(indices))
    rows = math.ceil(len(indices) / columns)
    sheet = Image.new("RGB", (columns * WIDTH, rows * HEIGHT), _PAPER)
    forward = _facing(motion.positions[0])
    for place, index in enumerate(indices):
        frame = _frame(motion.positions[index], forward, index / motion.fps)
        sheet.paste(frame, (place % columns * WIDTH, place // columns * HEIGHT))
    buffer = io.BytesIO()
    # Few colours: a palette makes the file several times smaller, and nobody sees it.
    sheet.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def data_url(png: bytes) -> str:
    """A picture as chat messages take it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _facing(pose: np.ndarray) -> float:
    """Heading of a pose in rad: where the left of the hips, turned by a quarter to the right, points."""
    left = pose[JOINT_NAMES.index("left_hip")] - pose[JOINT_NAMES.index("right_hip")]
    return math.atan2(-left[0], left[1]) if math.hypot(left[0], left[1]) > 1e-6 else 0.0


class _Camera:
    """Parallel projection to the pixels of one enlarged frame, looking at the pelvis' point on the floor."""

    def __init__(self, pelvis: np.ndarray, facing: float) -> None:
        yaw = facing + _AZIMUTH
        self.centre = np.array([pelvis[0], pelvis[1], 0.0])
        self.towards = np.array([math.cos(yaw) * math.cos(_ELEVATION), math.sin(yaw) * math.cos(_ELEVATION),
                                 math.sin(_ELEVATION)])  # fmt: skip
        self.right = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
        self.up = np.cross(self.towards, self.right)
        self.pixels = HEIGHT * _SCALE / _METRES

    def points(self, world: np.ndarray) -> np.ndarray:
        """(N, 3) m -> (N, 2) pixels, rounded so that the last bit of a sum draws no other picture."""
        relative = world - self.centre
        across = (relative * self.right).sum(axis=-1)
        upwards = (relative * self.up).sum(axis=-1)
        x = 0.5 * WIDTH * _SCALE + self.pixels * across
        y = HEIGHT * _SCALE - self.pixels * (upwards + _BELOW)
        return np.round(np.stack((x, y), axis=-1), 2)

    def depths(self, world: np.ndarray) -> np.ndarray:
        """(N, 3) m -> (N,) m towards the camera."""
        return ((world - self.centre) * self.towards).sum(axis=-1)


def _frame(pose: np.ndarray, facing: float, seconds: float) -> Image.Image:
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
    draw = ImageDraw.Draw(image)
    camera = _Camera(pose[PELVIS], facing)
    _draw_floor(draw, camera)
    shadow = pose * np.array([1.0, 1.0, 0.0])
    flat = camera.points(shadow)
    for joint, parent, _ in (*_BONES, *_CROSS):
        _capsule(draw, flat[parent], flat[joint], 0.06 * camera.pixels, _SHADOW)
    _draw_body(draw, camera, pose)
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    label = ImageDraw.Draw(small)
    label.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=_LINE)
    label.text((6, 4), f"{seconds:.2f} s", fill=_INK, font=ImageFont.load_default(14))
    return small


def _draw_floor(draw: ImageDraw.ImageDraw, camera: _Camera) -> None:
    reach = 4.0
    horizon = np.array([camera.centre - reach * camera.towards * np.array([1.0, 1.0, 0.0])])
    edge = float(camera.points(horizon)[0, 1])
    draw.rectangle((0, edge, WIDTH * _SCALE, HEIGHT * _SCALE), fill=_FLOOR)
    for axis in (0, 1):
        first = math.floor((camera.centre[axis] - reach) / _TILE)
        for step in range(first, first + int(2 * reach / _TILE) + 2):
            ends = np.tile(camera.centre, (2, 1))
            ends[:, axis] = step * _TILE
            ends[0, 1 - axis] -= 2 * reach
            ends[1, 1 - axis] += 2 * reach
            clipped = _above(camera.points(ends), edge)
            if clipped is not None:
                draw.line([tuple(point) for point in clipped], fill=_LINE, width=_SCALE)


def _above(line: np.ndarray, edge: float) -> np.ndarray | None:
    """A line without the part beyond the horizon, None if nothing is left."""
    (x0, y0), (x1, y1) = line
    if max(y0, y1) <= edge:
        return None
    if min(y0, y1) >= edge:
        return line
    share = (edge - y0) / (y1 - y0)
    cut = (x0 + share * (x1 - x0), edge)
    return np.array((cut, (x1, y1)) if y0 < edge else ((x0, y0), cut))


def _draw_body(draw: ImageDraw.ImageDraw, camera: _Camera, pose: np.ndarray) -> None:
    """Bones from the farthest to the nearest, the far ones paler."""
    points, depths = camera.points(pose), camera.depths(pose)
    middle = depths[PELVIS]
    shapes: list[tuple[float, int, int, float, tuple[int, int, int]]] = []
    for joint, parent, colour in (*_BONES, *_CROSS):
        limb = JOINT_NAMES[joint].partition("_")[2]
        radius = _RADII.get(limb, _TRUNK_RADIUS if colour == TRUNK_COLOUR else 0.05)
        shapes.append((0.5 * (depths[joint] + depths[parent]), joint, parent, radius, colour))
    for depth, joint, parent, radius, colour in sorted(shapes):
        shaded = _faded(colour, depth - middle)
        width = 2.0 * radius * camera.pixels
        _capsule(draw, points[parent], points[joint], width + 2.0 * _SCALE, _faded(_INK, depth - middle))
        _capsule(draw, points[parent], points[joint], width, shaded)
        if joint == HEAD:
            _draw_head(draw, camera, pose)


def _draw_head(draw: ImageDraw.ImageDraw, camera: _Camera, pose: np.ndarray) -> None:
    neck, head = pose[JOINT_NAMES.index("neck")], pose[HEAD]
    upwards = head - neck
    length = float(np.linalg.norm(upwards))
    upwards = upwards / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])
    left = pose[JOINT_NAMES.index("left_shoulder")] - pose[JOINT_NAMES.index("right_shoulder")]
    ahead = np.cross(left, upwards)
    length = float(np.linalg.norm(ahead))
    ahead = ahead / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    centre = head + 0.05 * upwards
    face = centre + _HEAD_RADIUS * 0.8 * ahead
    points = camera.points(np.stack((centre, face)))
    depth = float(camera.depths(centre[None])[0] - camera.depths(pose[PELVIS][None])[0])
    radius = _HEAD_RADIUS * camera.pixels
    _disc(draw, points[0], radius + _SCALE, _faded(_INK, depth))
    _disc(draw, points[0], radius, _faded(TRUNK_COLOUR, depth))
    # Seen from behind, the face is hidden.
    if float((ahead * camera.towards).sum()) > 0.0:
        _disc(draw, points[1], 0.035 * camera.pixels, _INK)


def _capsule(draw: ImageDraw.ImageDraw, a: np.ndarray, b: np.ndarray, width: float, colour: tuple[int, ...]) -> None:
    draw.line([tuple(a), tuple(b)], fill=colour, width=max(1, round(width)))
    for end in (a, b):
        _disc(draw, end, 0.5 * width, colour)


def _disc(draw: ImageDraw.ImageDraw, at: np.ndarray, radius: float, colour: tuple[int, ...]) -> None:
    draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=colour)


def _faded(colour: tuple[int, int, int], depth: float) -> tuple[int, int, int]:
    share = _SHADE * min(max(0.5 - depth / 1.0, 0.0), 1.0)
    red, green, blue = (round(channel + share * (255 - channel)) for channel in colour)
    return red, green, blue
