from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import HumanFormat, human_formats, read_human, recognise_human, registry
from tests.motion.formats.human import people


def test_every_format_is_told_from_the_others(tmp_path: Path) -> None:
    joints, pose, trans = people.joints(), people.turned_up(people.poses()), people.path()
    wide = np.zeros((24, 322))
    files = {
        "smpl_npz": people.write_amass(tmp_path / "amass.npz"),
        "smpl_pkl": people.write_pickle(tmp_path / "smpl.pkl", {"poses": pose, "trans": trans, "fps": 30}),
        "aist": people.write_pickle(tmp_path / "aist.pkl", {"smpl_poses": pose, "smpl_trans": trans}),
        "asap_joints": people.write_pickle(tmp_path / "asap.pkl", {"clip": {"smpl_joints": joints}}),
        "humanml3d": people.write_npy(tmp_path / "vecs.npy", people.encode_humanml3d(joints)),
        "humanml3d_joints": people.write_npy(tmp_path / "joints.npy", joints),
        "joints_npy": people.write_npy(tmp_path / "plain.npy", np.zeros((5, 53, 3))),
        "phuma": people.write_npy(tmp_path / "phuma.npy", np.concatenate((trans, pose), axis=1)),
        "motion_x": people.write_npy(tmp_path / "motion_x.npy", wide),
        "deepmimic": people.write_deepmimic(tmp_path / "deepmimic.txt"),
        "acclaim": people.write_acclaim(tmp_path / "acclaim.amc"),
    }
    (tmp_path / "skeleton.bvh").write_text(people.bvh_text())
    np.savez(tmp_path / "kimodo.npz", posed_joints=joints)
    files |= {"bvh": tmp_path / "skeleton.bvh", "kimodo_human": tmp_path / "kimodo.npz"}
    for name, file in files.items():
        format, reason = recognise_human(file)
        assert format.name == name
        assert reason
    assert {format.name for format in human_formats()} - set(files) == {"c3d", "gvhmr"}


def test_a_format_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_formats", dict(registry._formats))
    amass = registry._formats["smpl_npz"]
    registry.register_human_format(HumanFormat("mine", "own", (".mine",), lambda path: "by its ending", amass.read))
    file = people.write_amass(tmp_path / "a.npz").rename(tmp_path / "a.mine")
    (motion,) = read_human(file)
    assert motion.history[0] == "read from a.mine as mine (by its ending)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "bhv"}, "--format: unknown 'bhv'; did you mean 'bvh'"),
        ({"fps": -1.0}, "--fps: must be positive"),
        ({"up": "w"}, "--up: unknown 'w'"),
        ({"units": "ell"}, "--units: 'ell' is neither"),
        ({"height": 17.0}, "--height: must be a stature"),
        ({"handed": "both"}, "--handed: unknown 'both'"),
        ({"landmarks": "missing.json"}, "missing.json: no such file"),
    ],
)
def test_options_are_checked(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(AthenaError, match=message):
        read_human(people.write_amass(tmp_path / "a.npz"), **options)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="is a folder"):
        read_human(tmp_path)
    (tmp_path / "a.bvh").write_bytes(b"")
    with pytest.raises(AthenaError, match=r"a\.bvh: is empty"):
        read_human(tmp_path / "a.bvh")
    (tmp_path / "a.bvh").write_text("nothing")
    with pytest.raises(AthenaError, match="no reader of human motions knows this file"):
        read_human(tmp_path / "a.bvh")


def test_landmarks_from_a_file(tmp_path: Path) -> None:
    file = people.write_amass(tmp_path / "a.npz")
    (tmp_path / "l.json").write_text(json.dumps({"chest": "spine2"}))
    assert read_human(file, landmarks=tmp_path / "l.json")[0].landmarks["chest"] == "spine2"
    (tmp_path / "l.json").write_text("[1]")
    with pytest.raises(AthenaError, match=r"l\.json: must be a table"):
        read_human(file, landmarks=str(tmp_path / "l.json"))


def test_a_pickle_that_runs_something_is_refused(tmp_path: Path) -> None:
    import os

    content = {"poses": people.poses(), "trans": people.path(), "fps": os.system}
    with pytest.raises(AthenaError, match="only arrays and plain containers"):
        read_human(people.write_pickle(tmp_path / "a.pkl", content))


def test_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = people.write_amass(tmp_path / "walk.npz")
    assert cli.main(["motions", "info", str(file), "--height", "1.8"]) == 0
    printed = capsys.readouterr().out
    assert "1.80" in printed
    assert "mean skeleton of 1.8 m (option --height)" in printed
    assert cli.main(["motions", "info", str(tmp_path), "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)["humans"]
    assert (facts["name"], facts["num_frames"], len(facts["landmarks"])) == ("walk", people.FRAMES, 18)
    assert facts["height"] == pytest.approx(1.7, abs=0.01)


def test_check_sends_to_retargeting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = people.write_amass(tmp_path / "walk.npz")
    assert cli.main(["motions", "check", str(file)]) == 2
    printed = capsys.readouterr().err
    assert "is a human motion (smpl_npz: an npz with poses and trans)" in printed
    assert "athena motions retarget" in printed


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["motions", "formats"]) == 0
    printed = capsys.readouterr().out
    assert all(format.name in printed for format in human_formats())
