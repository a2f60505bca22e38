"""The small model that is trained on the spot."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.mdm import lite
from athena_wbc.synthesis.generators.mdm.lite import LiteConfig, MdmLiteGenerator
from athena_wbc.synthesis.generators.mdm.post import bone_lengths
from athena_wbc.synthesis.generators.registry import GeneratorEntry, make_generator
from athena_wbc.synthesis.motion import JOINT_NAMES, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from tests.synthesis.generators.toys import CAPTIONS, FRAMES, toy_motion, write_toys

TINY = {
    "frames": FRAMES, "width": 32, "layers": 2, "heads": 2, "feedforward": 64, "text_width": 64, "batch": 16,
    "diffusion_steps": 10, "steps": 160, "learning_rate": 4e-3, "device": "cpu", "save_every": 50,
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    """Six toy motions of each kind."""
    folder = tmp_path / "toys"
    folder.mkdir()
    write_toys(folder, repetitions=6)
    return folder


def make(folder: Path, **changes) -> MdmLiteGenerator:
    """A tiny generator."""
    return make_generator("mdm_lite", {"motions": str(folder), **TINY, **changes}, "here")


def figures(motion: np.ndarray) -> np.ndarray:
    """How high the wrists go above the root, m, how much it goes up and down, and how far it gets."""
    at = {name: motion[:, JOINT_NAMES.index(name)] for name in ("left_wrist", "right_wrist", "pelvis")}
    wrists = [at[f"{side}_wrist"][:, 2].max() - at["pelvis"][:, 2].max() for side in ("left", "right")]
    way = np.linalg.norm(at["pelvis"][-1, :2] - at["pelvis"][0, :2])
    return np.array((*wrists, np.ptp(at["pelvis"][:, 2]), way))


@functools.cache
def centres() -> dict[str, np.ndarray]:
    """Mean figures of each toy kind."""
    return {kind: np.mean([figures(toy_motion(kind, n)) for n in range(6)], axis=0) for kind in CAPTIONS}


def kind_of(positions: np.ndarray) -> str:
    """The toy kind with the nearest figures."""
    return min(CAPTIONS, key=lambda kind: np.linalg.norm(figures(positions) - centres()[kind]))


def test_the_classifier_of_this_test_knows_the_toys() -> None:
    assert all(kind_of(toy_motion(kind, number)) == kind for kind in CAPTIONS for number in range(6, 9))


def test_it_learns_what_captions_say(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = make(toys)
    prompts = [Prompt(text=text, salt=salt) for text in CAPTIONS.values() for salt in range(3)]
    motions = generator.generate(prompts, 60, seed=1)
    curve = json.loads((generator.folder / "training.json").read_text())["curve"]
    assert curve[-1][0] == TINY["steps"] and curve[-1][1] < 0.35 * curve[0][1]
    kinds = {text: kind for kind, text in CAPTIONS.items()}
    right = [kind_of(motion.positions) == kinds[prompt.text] for motion, prompt in zip(motions, prompts, strict=True)]
    assert np.mean(right) >= 0.75  # chance is a quarter
    told = motions[0].provenance
    assert motions[0].is_learned and motions[0].generator == "mdm_lite"
    assert told["nearest_caption"] == prompts[0].text and told["learned_from"].startswith("24 motions")
    assert set(told["post"]) == {"smooth_frames", "bone_drift_m", "ground_shift_m"}
    # The motion ends where those that were learned end, and its bones keep their lengths.
    assert motions[0].num_frames == FRAMES - 1
    lengths = bone_lengths(motions[0].positions)
    assert np.abs(lengths - lengths[0]).max() < 1e-9

    def never(*args) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(lite, "train", never)
    again = make(toys)
    assert again.generate(prompts[3:5], 60, seed=1)[1].digest == motions[4].digest
    assert make(toys, guidance=1.0).generate(prompts[:1], 60, seed=1)[0].digest != motions[0].digest
    assert again.generate(prompts[:1], 10, seed=1)[0].num_frames == 10


def test_a_killed_training_goes_on_as_it_would_have(toys: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"steps": 12, "save_every": 5}
    whole = make(toys, **short)
    wanted = torch.load(_trained(whole) / "model.pt", weights_only=True)["averaged"]
    curve = json.loads((whole.folder / "training.json").read_text())["curve"]
    (whole.folder / "model.pt").unlink()
    saved, kept = [], lite._save

    def killed(path: Path, content: dict) -> None:
        kept(path, content)
        saved.append(content["step"])
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(lite, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        _trained(make(toys, **short))
    monkeypatch.setattr(lite, "_save", kept)
    assert saved == [5, 10] and (whole.folder / "unfinished.pt").is_file()
    resumed = _trained(make(toys, **short))
    got = torch.load(resumed / "model.pt", weights_only=True)["averaged"]
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    assert json.loads((resumed / "training.json").read_text())["curve"] == curve
    assert not (resumed / "unfinished.pt").exists()


def _trained(generator: MdmLiteGenerator) -> Path:
    generator.generate([Prompt(text="a")], 4, seed=0)
    return generator.folder


def test_a_damaged_model_is_trained_again(toys: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = _trained(make(toys, steps=3))
    (folder / "model.pt").write_bytes(b"half a fi")
    _trained(make(toys, steps=3))
    assert "training again" in caplog.text
    assert "averaged" in torch.load(folder / "model.pt", weights_only=True)


@pytest.mark.parametrize("damage", ["missing", "broken", "other"])
def test_statistics_belong_to_the_kept_model(toys: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    folder = _trained(make(toys, steps=3))
    right = (folder / "Std.npy").read_bytes()
    if damage == "missing":
        (folder / "Std.npy").unlink()
    elif damage == "broken":
        (folder / "Std.npy").write_bytes(right[:100])
    else:
        np.save(folder / "Std.npy", np.ones(263))
    _trained(make(toys, steps=3))
    assert "training again" in caplog.text and "HumanML3D" not in caplog.text
    assert (folder / "Std.npy").read_bytes() == right


def test_the_key_is_the_content(toys: Path) -> None:
    key = make(toys).folder.name
    assert make(toys, guidance=1.0, device="auto", save_every=7).folder.name == key
    assert make(toys, steps=219).folder.name != key and make(toys, seed=1).folder.name != key
    (toys / "squat_0.txt").write_text("another caption")
    assert make(toys).folder.name != key


def test_without_a_folder_it_learns_from_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    @dataclasses.dataclass
    class Settings:
        """None."""

    class Library:
        name, is_learned = "library", False

        def __init__(self, config) -> None:
            pass

        def generate(self, prompts, frames, seed):
            asked["frames"] = frames
            kinds = list(CAPTIONS)
            return [
                SyntheticMotion(p.id, toy_motion(kinds[i % 4], i), "library", False, seed, licence="CC0")
                for i, p in enumerate(prompts)
            ]

    def sample_prompts(bank, per_domain, seed):
        asked["prompts"] = (bank, per_domain, seed)
        return [Prompt(text=text, salt=salt) for salt in range(2) for text in CAPTIONS.values()]

    def load_bank(paths):
        asked["bank"] = paths
        return types.SimpleNamespace(only=lambda names: f"the bank, {names}")

    modules = {
        "athena_wbc.synthesis.bank_file": {"load_bank": load_bank},
        "athena_wbc.synthesis.sampling": {"sample_prompts": sample_prompts},
        "toy_library": {"Settings": Settings, "Library": Library},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    entry = GeneratorEntry("toy_library", "Settings", "Library", False, "a toy")
    monkeypatch.setattr("athena_wbc.synthesis.generators.registry.GENERATORS", {"library": entry})
    values = {**TINY, "steps": 3, "per_domain": 7, "seed": 5, "bank": ["own.yaml"], "domains": ["own"]}
    (motion,) = MdmLiteGenerator(LiteConfig(**values)).generate([Prompt(text="a squat")], 40, seed=0)
    prompts = ("the bank, ['own']", 7, 5)
    assert asked == {"frames": FRAMES + 1, "bank": ["own.yaml"], "prompts": prompts}
    assert motion.licence == "CC0" and motion.provenance["learned_from"] == "8 motions of the generator library"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: must be 1 or more, is 0"),
        ({"width": 30, "heads": 4}, r"width: must be even and a multiple of heads \(4\)"),
        ({"motions": "", "frames": 10}, "frames: must be from 19 to 1999 where motions names no folder.*, is 10"),
        ({"motions": "", "frames": 2000}, "frames: must be from 19 to 1999"),
        ({"drop_text": 1.0}, "drop_text: must be 0 or more and below 1"),
        ({"drop_text": 0.0}, "set guidance to 1"),
        ({"learning_rate": 0.0}, "learning_rate: must be above 0"),
        ({"velocity_weight": -1.0}, "velocity_weight: must be from 0"),
        ({"guidance": 30.0}, "guidance: must be from 0 to 20"),
        ({"post": {"smooth": 50.0}}, r"post\.smooth"),
        ({"stepps": 3}, "did you mean 'steps'"),
    ],
)
def test_settings_are_checked(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(AthenaError, match=message) as caught:
        make_generator("mdm_lite", {"motions": str(tmp_path), **TINY, **changes}, "here")
    assert str(caught.value).startswith("here: ")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AthenaError, match="holds no motion"):
        make(tmp_path / "empty").generate([Prompt(text="a")], 20, seed=0)
