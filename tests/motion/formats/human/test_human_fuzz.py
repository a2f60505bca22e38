"""Damaged files of human motions give a motion or the one-line error, and nothing else."""

from __future__ import annotations

import io
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import human_formats, read_human
from athena_wbc.motion.human import HumanMotion
from tests.motion.formats.human import people
from tests.motion.formats.test_fuzz import mutated

ROUNDS = 200
_MOST_MEMORY = 300 << 20


def smpl_fields() -> dict[str, np.ndarray]:
    return {"poses": people.turned_up(people.poses()), "trans": people.path(), "mocap_framerate": np.array(30.0)}


def c3d(folder: Path) -> Path:
    pytest.importorskip("c3d", reason="C3D needs the package c3d: pip install -e '.[formats]' in the checkout")
    return people.write_c3d(folder / "a.c3d", frames=12, hide={"C7": range(2)})


def bvh(folder: Path) -> Path:
    pytest.importorskip("pybvh", reason="BVH needs the package pybvh: pip install -e '.[formats]' in the checkout")
    (folder / "a.bvh").write_text(people.bvh_text())
    return folder / "a.bvh"


def wide_bvh(folder: Path) -> Path:
    bvh(folder).write_text(people.bvh_text(joint_positions=True))
    return folder / "a.bvh"


def gvhmr(folder: Path) -> Path:
    import torch

    pose, trans = people.poses(), people.path(up="y")
    fields = {"global_orient": pose[:, :3], "body_pose": pose[:, 3:], "transl": trans}
    content = {"smpl_params_global": {key: torch.tensor(value) for key, value in fields.items()}}
    torch.save(content, folder / "a.pt")
    return folder / "a.pt"


def kimodo(folder: Path) -> Path:
    np.savez(folder / "a.npz", posed_joints=people.joints())
    return folder / "a.npz"


def acclaim_skeleton(folder: Path) -> Path:
    return people.write_acclaim(folder / "a.amc").with_suffix(".asf")


def pickled(**changes: object):
    def make(folder: Path) -> Path:
        return people.write_pickle(folder / "a.pkl", smpl_fields() | changes)

    return make


def npy(array: np.ndarray):
    return lambda folder: people.write_npy(folder / "a.npy", array)


def aist(folder: Path) -> Path:
    pose = np.concatenate((people.poses(), np.zeros((people.FRAMES, 6))), axis=1)
    content = {"smpl_poses": pose, "smpl_trans": people.path(up="y"), "smpl_scaling": np.ones(1)}
    return people.write_pickle(folder / "a.pkl", content)


def asap_joints(folder: Path) -> Path:
    joints = np.concatenate((people.joints(), people.joints()[:, 20:]), axis=1)[..., [2, 0, 1]]
    return people.write_pickle(folder / "a.pkl", {"clip": {"smpl_joints": joints, "fps": 30}})


def smpl_array(columns: int) -> np.ndarray:
    array = np.zeros((people.FRAMES, columns))
    array[:, :66] = people.turned_up(people.poses())
    return array


MAKERS = {
    "smpl_npz": lambda folder: people.write_amass(folder / "a.npz"),
    "smpl_pkl": pickled(),
    "aist": aist,
    "asap_joints": asap_joints,
    "humanml3d": npy(people.encode_humanml3d(people.joints()).astype(np.float32)),
    "humanml3d_joints": npy(people.joints()),
    "joints_npy": npy(np.concatenate((people.joints(), people.joints()[:, 20:]), axis=1)),
    "phuma": npy(smpl_array(69)),
    "motion_x": npy(smpl_array(322)),
    "gvhmr": gvhmr,
    "kimodo_human": kimodo,
    "deepmimic": lambda folder: people.write_deepmimic(folder / "a.txt"),
    "acclaim": lambda folder: people.write_acclaim(folder / "a.amc"),
    "acclaim_skeleton": acclaim_skeleton,
    "bvh": bvh,
    "wide_bvh": wide_bvh,
    "c3d": c3d,
}


def test_every_format_is_here() -> None:
    assert {format.name for format in human_formats()} <= set(MAKERS)


def attempt(path: Path, where: Path, number: int) -> bool:
    """Whether a file is read; an error must be one line that names it."""
    try:
        motions = read_human(path, fps=30.0)
    except AthenaError as error:
        assert str(where) in str(error) or str(path) in str(error), (number, str(error))
        assert "\n" not in str(error), number
        assert len(str(error)) < 1500, number
        return False
    assert all(isinstance(motion, HumanMotion) for motion in motions), number
    return True


@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", MAKERS)
def test_damage_never_escapes(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        damaged = MAKERS[name](tmp_path)
    path = damaged.with_suffix(".amc") if damaged.suffix == ".asf" else damaged
    whole = damaged.read_bytes()
    assert attempt(path, damaged, -1)
    random = np.random.default_rng(11)
    tracemalloc.start()
    try:
        read = [damaged.write_bytes(mutated(whole, random)) and attempt(path, damaged, n) for n in range(ROUNDS)]
        assert tracemalloc.get_traced_memory()[1] < _MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert sum(map(bool, read)) < ROUNDS  # damage is noticed at all


@pytest.mark.parametrize("make", [smpl_fields, lambda: {"posed_joints": people.joints()}])
def test_damage_inside_an_archive_never_escapes(tmp_path: Path, make) -> None:
    arrays, random, path = make(), np.random.default_rng(12), tmp_path / "a.npz"
    read = []
    for number in range(ROUNDS):
        chosen = list(arrays)[number % len(arrays)]
        with zipfile.ZipFile(path, "w") as archive:
            for key, array in arrays.items():
                stream = io.BytesIO()
                np.save(stream, array)
                data = stream.getvalue()
                archive.writestr(f"{key}.npy", mutated(data[:400], random) + data[400:] if key == chosen else data)
        read.append(bool(attempt(path, path, number)))
    assert 0 < sum(read) < ROUNDS  # some damage does no harm, and some is noticed


def test_archives_that_point_outside_are_refused(tmp_path: Path) -> None:
    people.write_amass(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("../escape.npy", b"")
    with pytest.raises(AthenaError, match="outside"):
        read_human(tmp_path / "a.npz")
