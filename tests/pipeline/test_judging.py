"""Mining and routing on the MuJoCo shell, from the command line to the files, with tiny policies."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from athena_wbc import __version__, cli
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.learning.checkpoint import load_checkpoint, save_checkpoint
from athena_wbc.learning.teachers import check_routed_clips, read_routes, route_indices
from athena_wbc.learning.train import run_training
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.pipeline.mining import load_residual, run_mining
from athena_wbc.pipeline.routing import run_routing

pytest.importorskip("mujoco.batch", reason="the MuJoCo shell needs mujoco >= 3.17")

ONE_THREAD = ["sim.threads=1"]


@pytest.fixture(scope="module")
def motions(tmp_path_factory):
    """A folder with a clip that stands still and one that leaps up as no robot can."""
    folder, robot = tmp_path_factory.mktemp("motions"), get_embodiment("g1")
    time = np.arange(21)[:, None] / 50.0
    for name, speed in (("stand", 0.0), ("leap", 2.0)):
        MotionClip(
            name=name,
            fps=50.0,
            root_pos=np.array([0.0, 0.0, robot.default_root_height]) + time * [0.0, 0.0, speed],
            root_quat=np.tile([0.0, 0.0, 0.0, 1.0], (21, 1)),
            joint_pos=np.tile(robot.default_joint_pos, (21, 1)),
            joint_names=robot.joint_names,
            label="balance" if name == "stand" else "dynamic",
        ).save(folder / f"{name}.npz")
    return folder


@pytest.fixture(scope="module")
def bank(motions, tmp_path_factory):
    """Three teachers: one that stands, a copy of it, and one that throws its limbs about and never succeeds."""
    folder = tmp_path_factory.mktemp("bank")
    overrides = ["task.observations=compact", *ONE_THREAD, "ppo.actor.hidden_dims=[8]", "ppo.critic.hidden_dims=[8]"]
    run_training(folder / "run", 1, motions=str(motions), num_envs=4, overrides=overrides, quiet=True)
    contents = load_checkpoint(folder / "run")
    save_checkpoint(folder / "copy.pt", contents)
    actor = contents["algorithm"]["actor_state_dict"]
    last = [key for key in actor if key.endswith("bias")][-1]
    assert actor[last].shape == (29,)
    actor[last] = torch.full_like(actor[last], 20.0)
    save_checkpoint(folder / "wild.pt", contents)
    return folder


@pytest.fixture(scope="module")
def mined(motions, bank, tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "residual.json"
    arguments = ["mine", "--checkpoint", str(bank / "run"), "--motions", str(motions), "--out", str(out)]
    assert cli.main([*arguments, "--rollouts", "3", "--seed", "5", *ONE_THREAD]) == 0
    return out, json.loads(out.read_text())


def test_mining_finds_what_the_teacher_cannot_do(mined, bank):
    out, record = mined
    assert record["clips"] == load_residual(out) == ["leap"]
    leap, stand = record["results"]
    assert (stand["clip"], stand["SR"], stand["failed_by"], stand["residual"]) == ("stand", 1.0, "", False)
    assert (leap["clip"], leap["SR"], leap["failed_by"], leap["residual"]) == ("leap", 0.0, "height", True)
    # Rising by 2 m/s, less the 0.5 g t^2 that the robot flies along at first: 0.20 m are passed soon after the start.
    assert 0.08 < leap["failed_at_s"] < 0.3
    assert leap["early_falls"] == 1.0
    assert len(leap["critical_scale"]) == record["rollouts"] == 3
    assert record["checkpoint_hash"] == sha256_file(bank / "run" / "checkpoints" / "model_1.pt")
    assert (record["seed"], record["actor"], record["randomisation"]) == (5, "mean", "standard")
    assert (record["library_version"], record["robot"]) == (__version__, "g1")
    assert len(record["corpus_hash"]) == 16


def test_the_residual_set_is_a_motion_list(mined):
    assert [clip.name for clip in load_clips(str(mined[0]), get_embodiment("g1"))] == ["leap"]


def test_the_same_seed_gives_the_same_bytes_and_sampling_does_not(mined, motions, bank, tmp_path):
    out, record = mined
    arguments = {"rollouts": 3, "seed": 5, "overrides": ONE_THREAD}
    run_mining(bank / "run", str(motions), tmp_path / "again.json", **arguments)
    assert (tmp_path / "again.json").read_bytes() == out.read_bytes()
    # The policy's samples come from the seed, whatever was drawn in this process before.
    sampled = []
    for name in ("a", "b"):
        torch.rand(len(sampled))
        sampled.append(run_mining(bank / "run", str(motions), tmp_path / f"{name}.json", sample=True, **arguments))
    assert sampled[0] == sampled[1]
    assert sampled[0]["actor"] == "sample"
    assert sampled[0]["results"][1]["MPJPE_mm"] != record["results"][1]["MPJPE_mm"]


def test_an_empty_residual_set_is_fine(motions, tmp_path, capsys):
    out = tmp_path / "residual.json"
    line = ["mine", "--checkpoint", "zero", "--motions", str(motions / "stand.npz"), "--out", str(out)]
    assert cli.main([*line, "--randomisation", "none", "task.observations=compact", *ONE_THREAD]) == 0
    assert "the residual set is empty" in capsys.readouterr().out
    assert load_residual(out) == []
    # Nothing is random, so that ten rollouts would be ten times the same.
    assert json.loads(out.read_text())["rollouts"] == 1
    with pytest.raises(AthenaError, match=r"residual\.json: clips: is empty"):
        load_clips(str(out), get_embodiment("g1"))


def test_every_teacher_on_every_clip(motions, bank, tmp_path, capsys):
    out = tmp_path / "routing.json"
    line = ["route", "--motions", str(motions), "--out", str(out), "--rollouts", "2", *ONE_THREAD]
    for name, place in (("general", "run"), ("wild", "wild.pt"), ("copy", "copy.pt")):
        line += ["--teacher", f"{name}={bank / place}"]
    assert cli.main(line) == 0
    record = json.loads(out.read_text())
    leap, stand = record["results"]
    assert stand["SR"] == {"general": 1.0, "wild": 0.0, "copy": 1.0}
    # The same policy on the same draws: equal to the last bit.
    assert stand["critical_scale"]["general"] == stand["critical_scale"]["copy"] > 0.0
    assert (stand["teacher"], stand["tied"]) == ("general", ["general", "copy"])
    assert (leap["teacher"], record["unsolved"], record["ties"]) == ("general", ["leap"], 2)
    teachers = {teacher["name"]: teacher for teacher in record["teachers"]}
    assert teachers["wild"]["never_succeeds"] and not teachers["general"]["never_succeeds"]
    assert teachers["copy"]["checkpoint_hash"] == sha256_file(bank / "copy.pt")
    printed = capsys.readouterr().out
    assert "wild: 0 of 2 clips" in printed and "never succeeds" in printed and "ties: 2 of 2 clips" in printed

    robot = get_embodiment("g1")
    library = MotionLibrary(load_clips(str(motions), robot), robot)
    assert route_indices(read_routes(out), library.names, ["copy", "general"], str(out)).tolist() == [1, 1]
    check_routed_clips(out, library.hash)
    other = MotionLibrary(load_clips(str(motions / "stand.npz"), robot), robot)
    with pytest.raises(AthenaError, match=r"routing\.json: routes: clip unknown 'leap'"):
        route_indices(read_routes(out), other.names, ["general"], str(out))
    with pytest.raises(AthenaError, match=r"routing\.json: corpus_hash"):
        check_routed_clips(out, other.hash)


def test_a_teacher_is_left_out(motions, bank, tmp_path):
    teachers = {"general": bank / "run", "wild": bank / "wild.pt"}
    out = tmp_path / "routing.json"
    stand = str(motions / "stand.npz")
    record = run_routing(teachers, stand, out, without=["general"], rollouts=1, overrides=ONE_THREAD)
    assert record["routes"] == {"stand": "wild"}
    assert record["without"] == ["general"]
    assert [teacher["name"] for teacher in record["teachers"]] == ["wild"]


def test_another_simulation_does_not_change_the_comparison(motions, bank, tmp_path):
    contents = load_checkpoint(bank / "copy.pt")
    contents["config"]["sim"]["iterations"] = 1
    save_checkpoint(tmp_path / "loose.pt", contents)
    teachers = {"general": bank / "copy.pt", "loose": tmp_path / "loose.pt"}
    record = run_routing(teachers, str(motions), tmp_path / "r.json", rollouts=1, overrides=ONE_THREAD)
    for clip in record["results"]:
        assert clip["critical_scale"]["general"] == clip["critical_scale"]["loose"]


def test_teachers_that_do_not_go_together_are_refused_before_anything_runs(motions, bank, tmp_path, capsys):
    contents = load_checkpoint(bank / "copy.pt")
    contents["action"]["scale"] = 0.5
    save_checkpoint(tmp_path / "strong.pt", contents)
    line = ["route", "--teacher", f"general={bank / 'run'}", "--teacher", f"strong={tmp_path / 'strong.pt'}"]
    assert cli.main([*line, "--motions", str(motions), "--out", str(tmp_path / "r.json")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "strong.pt: task.action.scale: teacher 'strong' was trained with 0.5, 'general' with 0.25" in error
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mine --checkpoint zero --out {out} --rho 1.5", "--rho: must be above 0 and at most 1, is 1.5"),
        ("mine --checkpoint zero --out {out} --early 0", "--early: must be a positive number"),
        ("mine --checkpoint zero --out {out} --sample", "--sample: the policy 'zero' has no distribution"),
        ("mine --checkpoint zero --out {folder}", "--out is a folder; name a file in it"),
        ("mine --checkpoint zero --out {list}/o.json", "list.json, which is a file; choose another folder"),
        ("mine --checkpoint zero --motions {list} --out {list}", "--out is also what --motions names"),
        ("mine --checkpoint {out} --out {out}", "no such checkpoint"),
        ("route --teacher {out} --out {out}", "is no NAME=CHECKPOINT"),
        ("route --teacher a=x.pt --without b --out {out}", "--without: unknown 'b'"),
        ("route --teacher a=x.pt --without a --out {out}", "--teacher: no teacher remains"),
        ("route --teacher a=x.pt --out {out}", "x.pt: no such checkpoint"),
        ("route --teacher a=x.pt --tie frist --out {out}", "--tie: unknown 'frist'; did you mean 'first'?"),
        ("route --out {out}", "arguments are required: --teacher"),
    ],
)
def test_a_wrong_argument_is_one_line(line, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text('["builtin:walk"]')
    places = {"out": tmp_path / "o.json", "folder": tmp_path, "list": tmp_path / "list.json"}
    assert cli.main(line.format(**places).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("athena: error: ") and error.count("\n") == 1
    assert expected in error
    assert [path.name for path in tmp_path.iterdir()] == ["list.json"]
