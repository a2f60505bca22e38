"""Key frames: which, where, and that what matters can be seen in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from athena_wbc.synthesis.keyframes import HEIGHT, WIDTH, columns_of, data_url, frame_indices, key_frames
from athena_wbc.synthesis.motion import JOINT_NAMES
from tests.synthesis.figures import jump, t_pose


def picture(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def blue(image: np.ndarray) -> np.ndarray:
    return image[..., 2] - image[..., 0] > 60


def orange(image: np.ndarray) -> np.ndarray:
    return image[..., 0] - image[..., 2] > 60


@pytest.mark.parametrize(("count", "columns", "rows"), [(15, 5, 3), (60, 10, 6)])
def test_sizes(count: int, columns: int, rows: int) -> None:
    assert columns_of(count) == columns
    motion = jump(frames=80)
    assert picture(key_frames(motion, count)).shape == (rows * HEIGHT, columns * WIDTH, 3)
    assert picture(key_frames(motion, count, is_strip=True)).shape == (HEIGHT, count * WIDTH, 3)


def test_frames_are_spread_evenly() -> None:
    assert frame_indices(120, 15).tolist() == [round(index * 119 / 14) for index in range(15)]
    assert frame_indices(4, 15).tolist() == [0, 1, 2, 3]
    assert picture(key_frames(jump(frames=4), 15)).shape == (HEIGHT, 4 * WIDTH, 3)


def test_the_same_motion_gives_the_same_bytes() -> None:
    assert key_frames(jump(), 15) == key_frames(jump(), 15)
    assert key_frames(jump(), 15) != key_frames(jump(height=0.3), 15)
    assert data_url(b"\x00").startswith("data:image/png;base64,")


def test_left_and_right_of_a_figure_that_faces_the_camera() -> None:
    motion = jump(frames=2, height=0.0)
    frame = picture(key_frames(motion, 2))[:, :WIDTH]
    assert np.argwhere(blue(frame))[:, 1].mean() > WIDTH / 2 > np.argwhere(orange(frame))[:, 1].mean()


@pytest.mark.parametrize("turn", [0.5, 2.0, -2.5])
def test_the_camera_starts_before_the_figure_wherever_it_faces(turn: float) -> None:
    motion = jump(frames=2, height=0.0)
    cosine, sine = np.cos(turn), np.sin(turn)
    matrix = np.array(((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0)))
    turned = motion.replace(positions=motion.positions @ matrix.T)
    one, other = (np.argwhere(blue(picture(key_frames(each, 2))[:, :WIDTH])) for each in (motion, turned))
    assert np.abs(one.mean(axis=0) - other.mean(axis=0)).max() < 0.5


def test_flight_lifts_the_figure_and_travel_does_not_move_it() -> None:
    pose = t_pose()
    away, raised = np.array((3.0, 1.0, 0.0)), np.array((0.0, 0.0, 0.4))
    motion = jump(frames=3).replace(positions=np.stack((pose, pose + raised, pose + away)))
    sheet = picture(key_frames(motion, 3, is_strip=True))
    rows, columns = zip(
        *((np.argwhere(blue(sheet[:, place * WIDTH : (place + 1) * WIDTH])).mean(axis=0)) for place in range(3)),
        strict=True,
    )
    # 0.4 m of 2.35 m in 180 pixels, seen from 14 degrees above.
    assert rows[0] - rows[1] == pytest.approx(0.4 * np.cos(np.radians(14.0)) * HEIGHT / 2.35, abs=0.5)
    assert rows[2] == pytest.approx(rows[0], abs=0.5) and columns[2] == pytest.approx(columns[0], abs=0.5)


def test_every_limb_shows() -> None:
    pose = t_pose()
    for joint in ("left_wrist", "right_wrist", "left_foot", "right_foot", "head"):
        moved = pose.copy()
        moved[JOINT_NAMES.index(joint)] += (0.0, 0.0, 0.15)
        motion = jump(frames=2).replace(positions=np.stack((pose, moved)))
        sheet = picture(key_frames(motion, 2))
        difference = np.abs(sheet[20:, :WIDTH] - sheet[20:, WIDTH:]).max(axis=-1) > 30
        assert difference.sum() > 60, joint
