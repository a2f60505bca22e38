"""Motions from a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.human import HumanMotion
from athena_wbc.synthesis.generators.folder import as_joints, captioned_motions, placed_start
from athena_wbc.synthesis.generators.registry import generator_config, make_generator
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS
from athena_wbc.synthesis.prompt import Prompt
from tests.synthesis.generators.toys import CAPTIONS, toy_motion, write_toys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One toy motion of each kind as HumanML3D joints, with captions beside them."""
    write_toys(tmp_path, repetitions=1)
    return tmp_path


def generate(folder: Path, texts: list[str], frames: int = 100, seed: int = 0, **options):
    """Motions of a folder for texts."""
    prompts = [Prompt(text=text) for text in texts]
    return make_generator("folder", {"folder": str(folder), **options}, "here").generate(prompts, frames, seed)


def test_captions_are_matched_by_their_words(folder: Path) -> None:
    motions = generate(folder, ["a person waves the LEFT arm!", "someone squats down and gets up"])
    assert [motion.provenance["file"] for motion in motions] == ["left_wave_0.npy", "squat_0.npy"]
    assert not motions[0].is_learned and motions[0].generator == "folder"
    assert motions[0].provenance["likeness"] > 0.9 and len(motions[0].provenance["file_sha256"]) == 64
    wanted = toy_motion("left_wave", 0)
    assert motions[0].positions.shape == wanted.shape
    assert np.abs(motions[0].positions - placed_start(wanted)).max() < 1e-5
    json.dumps(dict(motions[0].provenance))


def test_a_motion_is_cut_and_said_to_be_learned_where_the_user_says_so(folder: Path) -> None:
    (motion,) = generate(folder, [CAPTIONS["squat"]], frames=10, learned=True, licence="mine")
    assert motion.num_frames == 10 and motion.is_learned and motion.licence == "mine"


def test_the_index_goes_before_captions(folder: Path) -> None:
    prompt = Prompt(text="words that no caption has")
    lines = [{"file": "squat_0.npy", "prompt": prompt.id}, {"file": "step_0.npy", "text": "a march to the music"}]
    (folder / "index.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (motion,) = make_generator("folder", {"folder": str(folder)}, "here").generate([prompt], 50, 0)
    assert motion.provenance["file"] == "squat_0.npy" and motion.provenance["named_by_index"]
    assert generate(folder, ["marching to music"])[0].provenance["file"] == "step_0.npy"
    with pytest.raises(AthenaError, match="1 of 1 prompts have no motion"):
        generate(folder, ["waves the left arm"])


def test_a_text_of_the_index_may_hold_any_separator(folder: Path) -> None:
    """U+2028 ends a line for `str.splitlines`, not in JSON."""
    line = json.dumps({"file": "step_0.npy", "text": "march\u2028to music"}, ensure_ascii=False)
    (folder / "index.jsonl").write_text(f"{line}\r\n", encoding="utf-8")
    assert generate(folder, ["march to music"])[0].provenance["file"] == "step_0.npy"


def test_ties_are_drawn_by_prompt_and_seed(tmp_path: Path) -> None:
    write_toys(tmp_path, repetitions=4)
    text = [CAPTIONS["squat"]]
    files = {generate(tmp_path, text, seed=seed)[0].provenance["file"] for seed in range(12)}
    assert len(files) > 1 and all(file.startswith("squat") for file in files)
    alone = generate(tmp_path, text, seed=5)[0]
    assert generate(tmp_path, [CAPTIONS["step"], *text], seed=5)[1].digest == alone.digest


def test_a_prompt_without_a_motion_is_told_with_the_nearest_caption(folder: Path) -> None:
    with pytest.raises(
        AthenaError, match=r"2 of 3 prompts have no motion, the first is .* 'juggling'.*least_similarity"
    ):
        generate(folder, ["juggling", CAPTIONS["squat"], "перелёт"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: is no table in JSON"),
        ("[1]", "line 1: is no table in JSON"),
        ('{"file": "squat_0.npy", "txt": "a"}', "key 'txt' is unknown"),
        ('{"file": 3}', "file: must be a text"),
        ('{"text": "a"}', "names no file"),
        ('{"file": "none.npy"}', "no such file"),
        ('{"file": "../elsewhere.npy"}', "leads out of the folder"),
    ],
)
def test_wrong_lines_of_an_index(folder: Path, line: str, message: str) -> None:
    (folder / "index.jsonl").write_text(line)
    with pytest.raises(AthenaError, match=message):
        generate(folder, ["a"])


def test_wrong_settings(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="names no folder"):
        make_generator("folder", {}, "here")
    with pytest.raises(AthenaError, match="is no folder"):
        generate(tmp_path / "none", ["a"])
    with pytest.raises(AthenaError, match="holds no motion of a human format"):
        generate(tmp_path, ["a"])
    with pytest.raises(AthenaError, match=r"index: .*no such file"):
        generate(tmp_path, ["a"], index=str(tmp_path / "none.jsonl"))
    with pytest.raises(AthenaError, match="least_similarity: must be from 0 to 1"):
        generate(tmp_path, ["a"], least_similarity=2.0)


def motion_of(positions: np.ndarray, fps: float, names=JOINT_NAMES) -> HumanMotion:
    """A motion with the joints `names`."""
    landmarks = {"pelvis": names[0]}
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            landmarks[f"{side}_{part}"] = names[JOINT_NAMES.index(f"{side}_{part}")]
    return HumanMotion("a", fps, positions, tuple(names), tuple(PARENTS), landmarks)


def test_other_rates_are_resampled_and_other_skeletons_refused() -> None:
    time = np.arange(61) / 60.0
    positions = np.zeros((61, 22, 3)) + np.sin(3.0 * time)[:, None, None]
    resampled = as_joints(motion_of(positions, 60.0), "a.npz")
    assert resampled.shape == (21, 22, 3)
    assert np.allclose(resampled[:, 5, 1], np.sin(3.0 * np.arange(21) / 20.0), atol=1e-6)
    assert as_joints(motion_of(positions, 20.0), "a.npz").shape == (61, 22, 3)
    with pytest.raises(AthenaError, match=r"^a.bvh: the skeleton has no joint pelvis, left_hip"):
        as_joints(motion_of(positions, 60.0, [f"{name}_joint" for name in JOINT_NAMES]), "a.bvh")
    with pytest.raises(AthenaError, match="too short for two frames"):
        as_joints(motion_of(positions[:3], 60.0), "a.npz")


def test_motions_start_at_the_start_line_with_their_heights() -> None:
    positions = toy_motion("step", 0)
    turn = Rotation.from_rotvec((0.0, 0.0, 2.0))
    moved = turn.apply(positions.reshape(-1, 3)).reshape(positions.shape) + np.array((4.0, 5.0, 0.3))
    assert np.allclose(placed_start(moved), placed_start(positions) + np.array((0.0, 0.0, 0.3)), atol=1e-9)


def test_all_captioned_motions_for_training(folder: Path) -> None:
    examples, licence = captioned_motions(folder)
    assert sorted(example.caption for example in examples) == sorted(CAPTIONS.values())
    assert licence == "" and all(example.positions.shape[1:] == (22, 3) for example in examples)


def test_a_file_of_real_joints_needs_no_caption(shared_motions: Path, tmp_path: Path) -> None:
    sample = shared_motions / "humanml3d_sample" / "new_joint_vecs__012314.npy"
    if not sample.is_file():
        pytest.skip("the shared motions hold no HumanML3D sample")
    (tmp_path / "a_person_walks.npy").write_bytes(sample.read_bytes())
    (motion,) = generate(tmp_path, ["a person walks"], frames=200)
    assert motion.num_frames == 170 and motion.provenance["caption"] == "a person walks"


def test_the_documented_call_names_its_key() -> None:
    text = (Path(__file__).parents[3] / "docs" / "synthesis.md").read_text(encoding="utf-8")
    ((key, value),) = re.findall(r"--generator folder generator\.options\.(\w+)=(\S+)`", text)
    assert generator_config("folder", {key: value}, "docs").folder == value
