from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from athena_wbc.errors import AthenaError
from athena_wbc.sim.render import check_output, choose_backend, strip_choice, write_pictures

PICTURES = [np.full((6, 9, 3), level, dtype=np.uint8) for level in range(0, 200, 10)]


def test_a_strip_is_side_by_side(tmp_path: Path) -> None:
    write_pictures(tmp_path / "strip.png", PICTURES[:3], 25.0)
    strip = np.asarray(Image.open(tmp_path / "strip.png"))
    # Upright pictures: 6 high and 9 wide are cut to 5, which leaves the middle.
    assert strip.shape == (6, 15, 3)
    assert strip[0, ::5, 0].tolist() == [0, 10, 20]


def test_a_strip_shows_first_and_last_and_six_between() -> None:
    assert strip_choice(20) == [0, 3, 5, 8, 11, 14, 16, 19]
    assert strip_choice(3) == [0, 1, 2]
    assert strip_choice(1) == [0]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="a video needs ffmpeg")
def test_a_video_of_odd_size(tmp_path: Path) -> None:
    write_pictures(tmp_path / "v.mp4", iter(PICTURES), 25.0)
    assert (tmp_path / "v.mp4").read_bytes()[4:8] == b"ftyp"
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.mp4"]


def test_a_video_without_ffmpeg_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_wbc.sim.render.shutil.which", lambda name: None)
    with pytest.raises(AthenaError, match=r"v\.mp4: a video needs ffmpeg; install it, or end the name in \.png"):
        check_output(tmp_path / "v.mp4")


@pytest.mark.parametrize("name", ["v.gif", "v"])
def test_an_unknown_kind_of_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="unknown kind of file"):
        check_output(tmp_path / name)


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="nothing to show"):
        write_pictures(tmp_path / "strip.png", [], 25.0)
    assert list(tmp_path.iterdir()) == []


def test_the_users_backend_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_wbc.sim.render.sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    choose_backend()
    assert os.environ["MUJOCO_GL"] == "osmesa"
    monkeypatch.delenv("MUJOCO_GL")
    choose_backend()
    assert os.environ["MUJOCO_GL"] == "egl"


DRAWING = """
import sys
import numpy as np
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.sim.render import SceneRenderer, choose_backend
choose_backend()
robot = get_embodiment("g1")
try:
    renderer = SceneRenderer(robot, 96, 64)
except AthenaError as error:
    print(error)
    sys.exit(77)
pose = np.concatenate(([0, 0, robot.default_root_height, 0, 0, 0, 1], robot.default_joint_pos))
ahead = pose.copy()
ahead[1] += 0.6
renderer.draw(pose)  # shadows settle with the second picture
alone, with_ghost, again = renderer.draw(pose), renderer.draw(pose, ahead), renderer.draw(pose)
renderer.close()
assert alone.shape == (64, 96, 3) and alone.dtype == np.uint8
assert (alone == again).all(), "the ghost stays only where it is asked for"
blue = with_ghost.astype(int) - alone
changed = (abs(blue).sum(axis=2) > 30).mean()
assert 0.005 < changed < 0.3, changed
assert blue[..., 2].sum() > blue[..., 0].sum(), "the ghost is blue"
"""


def test_the_ghost_stands_beside_the_robot(repository: Path) -> None:
    # In a process of its own: the OpenGL backend is chosen when MuJoCo is first imported.
    paths = os.pathsep.join(str(repository / part) for part in ("", "robots"))
    done = subprocess.run(
        [sys.executable, "-c", DRAWING],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip(f"no OpenGL without a window: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
