"""Pictures of a robot and its reference, and files made of them.

Drawing needs OpenGL without a window: ``MUJOCO_GL=egl`` (any GPU, or Mesa in software) or ``osmesa``. The choice is
read when MuJoCo is first imported, so :func:`choose_backend` comes before that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path

if TYPE_CHECKING:
    import mujoco

GHOST_COLOUR = (0.25, 0.6, 1.0, 0.35)
"""Red, green, blue and opacity of the reference where both are drawn."""
_STRIP_ASPECT = 0.6
"""Width of a picture in a strip, as a share of its height."""
_CAMERA_DISTANCE = 2.3
_CAMERA_AZIMUTH = 125.0
_CAMERA_ELEVATION = -14.0
_CAMERA_HEIGHT = 0.75
_STATURE = 1.29
"""Height of the G1 in its default pose, m, which distance and height of the camera suit; others in proportion."""
CAMERA_SMOOTHING = 0.1
"""In a video the camera follows softly, so that it does not shake with every step."""


def choose_backend() -> None:
    """Let MuJoCo draw without a window where there is no display and the user has chosen nothing."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")


class SceneRenderer:
    """Draws one robot, and its reference as a translucent ghost, on a chequered floor. Close it after use.

    Args:
        embodiment: the robot of both.
        width, height: of the pictures, pixels.
        smoothing: share of the way to the robot that the camera goes in a picture; 1 keeps it in the middle.

    Raises:
        AthenaError: OpenGL without a window is not to be had; the message says what to install.
    """

    def __init__(
        self, embodiment: Embodiment, width: int = 480, height: int = 360, smoothing: float = CAMERA_SMOOTHING
    ) -> None:
        import mujoco

        self._mujoco = mujoco
        self._model = _scene_model(mujoco, embodiment, width, height)
        self._robot = mujoco.MjData(self._model)
        self._ghost = mujoco.MjData(self._model)
        self._options = mujoco.MjvOption()
        self._perturbation = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        root = (0.0, 0.0, embodiment.default_root_height, 0.0, 0.0, 0.0, 1.0)
        self._place(self._robot, np.concatenate((root, embodiment.default_joint_pos)))
        # As large in the picture as the robot that the numbers above were chosen for.
        self._scale = stature(self._model, self._robot) / _STATURE
        self._camera.distance = _CAMERA_DISTANCE * self._scale
        self._camera.azimuth = _CAMERA_AZIMUTH
        self._camera.elevation = _CAMERA_ELEVATION
        self._smoothing = smoothing
        self._looked_at: np.ndarray | None = None
        try:
            self._renderer = mujoco.Renderer(self._model, height, width)
        except Exception as error:  # every OpenGL backend has exceptions of its own
            backend = os.environ.get("MUJOCO_GL", "the default backend")
            raise AthenaError(
                f"MUJOCO_GL: {backend} cannot draw here ({type(error).__name__}); install libegl1, libegl-mesa0 "
                "and libgl1-mesa-dri for MUJOCO_GL=egl, or libosmesa6 for MUJOCO_GL=osmesa"
            ) from error

    def draw(self, robot: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
        """Draw one moment.

        Args:
            robot: (7 + J,) root position m, root quaternion (x, y, z, w), joints in canonical order, rad.
            reference: the same of the ghost, or None for no ghost.

        Returns:
            (height, width, 3) uint8 RGB.
        """
        mujoco = self._mujoco
        self._place(self._robot, robot)
        self._follow(robot[:3])
        self._renderer.update_scene(self._robot, self._camera)
        if reference is not None:
            self._place(self._ghost, reference)
            scene = self._renderer.scene
            first = scene.ngeom
            mujoco.mjv_addGeoms(
                self._model,
                self._ghost,
                self._options,
                self._perturbation,
                mujoco.mjtCatBit.mjCAT_DYNAMIC,
                scene,
            )
            for index in range(first, scene.ngeom):
                scene.geoms[index].rgba = GHOST_COLOUR
        return self._renderer.render().copy()

    def look_from(self, azimuth: float) -> None:
        """Turn the camera to an azimuth in degrees; at 180 a robot that heads along x looks into it."""
        self._camera.azimuth = azimuth

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._renderer.close()

    def _place(self, data: mujoco.MjData, pose: np.ndarray) -> None:
        data.qpos[:3] = pose[:3]
        data.qpos[3:7] = pose[[6, 3, 4, 5]]
        data.qpos[7:] = pose[7:]
        self._mujoco.mj_kinematics(self._model, data)
        self._mujoco.mj_camlight(self._model, data)

    def _follow(self, position: np.ndarray) -> None:
        target = np.array([position[0], position[1], _CAMERA_HEIGHT * self._scale])
        if self._looked_at is None:
            self._looked_at = target
        self._looked_at = self._looked_at + self._smoothing * (target - self._looked_at)
        self._camera.lookat = self._looked_at


def write_pictures(path: str | os.PathLike[str], pictures: Iterable[np.ndarray], fps: float) -> None:
    """Write pictures to a video (``.mp4``), or side by side to a strip (``.png``).

    Raises:
        AthenaError: another suffix, or a video where there is no ffmpeg.
    """
    path = Path(path)
    if path.suffix == ".mp4":
        _write_video(path, pictures, fps)
    elif path.suffix == ".png":
        write_strips(path, [list(pictures)])
    else:
        raise AthenaError(f"{path}: unknown kind of file; end the name in .mp4 for a video or .png for a strip")


def stature(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the top of a robot's geoms above the ground, m, in the pose in ``data`` after its kinematics."""
    robot = model.geom_bodyid > 0
    centre, half = model.geom_aabb[robot, :3], model.geom_aabb[robot, 3:]
    up = data.geom_xmat[robot].reshape(-1, 3, 3)[:, 2]
    return float((data.geom_xpos[robot, 2] + (up * centre).sum(1) + (np.abs(up) * half).sum(1)).max())


def strip_choice(count: int, most: int = 8) -> list[int]:
    """Return the indices of at most ``most`` of ``count`` pictures, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(int)).tolist()


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, an output that :func:`write_pictures` would refuse."""
    if Path(path).suffix not in (".mp4", ".png"):
        write_pictures(path, (), 1.0)
    if Path(path).suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise AthenaError(f"{path}: a video needs ffmpeg; install it, or end the name in .png for a strip")


def check_picture(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a picture that is no PNG."""
    if Path(path).suffix != ".png":
        raise AthenaError(f"{path}: unknown kind of picture; end the name in .png")


def _write_video(path: Path, pictures: Iterable[np.ndarray], fps: float) -> None:
    check_output(path)
    encoder: subprocess.Popen[bytes] | None = None
    with atomic_path(path) as temporary:
        for picture in pictures:
            if encoder is None:
                height, width = picture.shape[:2]
                source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
                source += ["-framerate", f"{fps:g}", "-i", "-"]
                # Widths and heights of common players' colour format are even.
                target = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4"]
                encoder = subprocess.Popen(
                    ["ffmpeg", "-loglevel", "error", "-y", *source, *target, str(temporary)],
                    stdin=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            try:
                encoder.stdin.write(np.ascontiguousarray(picture).tobytes())
            except BrokenPipeError:
                break
        if encoder is None:
            raise AthenaError(f"{path}: there is nothing to show; choose a longer motion")
        _, complaint = encoder.communicate()
        if encoder.returncode != 0:
            said = complaint.decode(errors="replace").strip().splitlines()
            raise AthenaError(f"{path}: ffmpeg failed ({said[-1] if said else encoder.returncode})")


def write_strips(path: str | os.PathLike[str], rows: Sequence[Sequence[np.ndarray]]) -> None:
    """Write rows of pictures of one size below each other; a row with fewer pictures ends in white.

    Raises:
        AthenaError: nothing to show.
    """
    from PIL import Image

    if not rows or not all(rows):
        raise AthenaError(f"{path}: there is nothing to show; choose a longer motion")
    height, width = rows[0][0].shape[:2]
    # A standing robot is narrow: upright pictures leave it large where a whole strip is shown on one line.
    margin = max(0, (width - round(_STRIP_ASPECT * height)) // 2)
    strips = [np.concatenate([picture[:, margin : width - margin] for picture in row], axis=1) for row in rows]
    sheet = np.full((height * len(strips), max(strip.shape[1] for strip in strips), 3), 255, dtype=np.uint8)
    for number, strip in enumerate(strips):
        sheet[number * height : (number + 1) * height, : strip.shape[1]] = strip
    with atomic_path(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="png")


def _scene_model(mujoco, embodiment: Embodiment, width: int, height: int) -> mujoco.MjModel:
    spec = mujoco.MjSpec.from_file(str(embodiment.model_path))
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.quality.shadowsize = 4096
    # The scene's extent scales the shadow map: that of the robot, not of the endless floor.
    spec.stat.extent = 2.0
    spec.visual.map.shadowclip = 3.0
    spec.stat.center = [0.0, 0.0, _CAMERA_HEIGHT]
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.92, 0.94, 0.97],
        rgb2=[0.70, 0.76, 0.84],
        width=64,
        height=384,
    )
    spec.add_texture(
        name="floor",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.80, 0.82, 0.84],
        rgb2=[0.72, 0.74, 0.77],
        width=256,
        height=256,
    )
    material = spec.add_material(name="floor", texrepeat=[1, 1], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    floor = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.5], material="floor")
    floor.rgba = [1, 1, 1, 1]
    root = spec.body(embodiment.root)
    root.add_light(
        pos=[-1, -1, 3],
        dir=[0.3, 0.3, -1],
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
    )
    return spec.compile()
