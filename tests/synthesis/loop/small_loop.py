"""A whole loop that takes seconds: arms that swing, networks of a few neurons, two iterations."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.body import pose_body
from athena_wbc.synthesis.generators import registry as generators
from athena_wbc.synthesis.judges import registry as judges
from athena_wbc.synthesis.loop.run import run_synthesis
from athena_wbc.synthesis.motion import JOINT_NAMES, LEFT_FOOT, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import Judgement
from tests.learning.tiny import TINY, sway

CONFIG: dict[str, Any] = {
    "loops": 2,
    "per_domain": 2,
    "frames": 24,
    "domains": ["dance", "sport"],
    "generator": {"name": "arms", "batch": 2},
    "judge": {"name": "nodding", "batch": 2},
    "scheduler": {"name": "rule"},
    "training": {
        "iterations": 2, "num_envs": 4, "overrides": [*TINY, "ppo.save_interval=1"], "init_from": "fixed",
    },
    "fixed": {"iterations": 2, "num_envs": 4, "overrides": [*TINY, "ppo.save_interval=1"], "motions": ["motions"]},
    "evaluation": {"rollouts": 1},
    "heldout": ["builtin:wave"],
    "analysis": {"source": ["motions"], "points": 60},
}  # fmt: skip


@dataclasses.dataclass
class ArmsConfig:
    """Settings of the generator of the tests."""

    hover: list[str] = dataclasses.field(default_factory=list)
    """Domains whose motions hover a metre above the floor."""
    closed: str = ""
    """File that makes it refuse domain sport while it is there."""


class ArmsGenerator:
    """A person who stands and swings an arm, wider for harder prompts."""

    name = "arms"
    is_learned = False

    def __init__(self, config: ArmsConfig) -> None:
        self.config = config

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        if self.config.closed and Path(self.config.closed).exists() and any(p.domain == "sport" for p in prompts):
            raise AthenaError("arms: the gym is closed; open it")
        return [self._motion(prompt, frames, seed) for prompt in prompts]

    def _motion(self, prompt: Prompt, frames: int, seed: int) -> SyntheticMotion:
        rng = np.random.default_rng(int(prompt.id, 16) + seed)
        poses = np.zeros((frames, 66))
        shoulder = JOINT_NAMES.index("left_shoulder")
        swing = np.sin(2.0 * np.pi * np.arange(frames) / 20.0 + rng.uniform(0.0, 6.0))
        poses[:, 3 * shoulder + 2] = -1.2 + (0.4 + 0.15 * prompt.tier) * swing
        poses[:, 3 * JOINT_NAMES.index("right_shoulder") + 2] = 1.2
        positions = pose_body(poses, np.zeros((frames, 3)))[0][..., [2, 0, 1]]
        positions[..., 2] -= positions[..., LEFT_FOOT, 2].min()
        if prompt.domain in self.config.hover:
            positions[frames // 3 :, :, 2] += 1.0
        return SyntheticMotion(prompt.id, positions, self.name, self.is_learned, seed)


class NoddingJudge:
    """Finds everything aligned, and as difficult as it was meant; refuses sport while its file `closed` is there."""

    name = "nodding"

    def __init__(self, options: Any) -> None:
        self.closed = Path(options.get("closed", "nowhere"))
        self.score = float(options.get("score", 90.0))

    def judge(self, motions: Sequence[SyntheticMotion], prompts: Sequence[Prompt]) -> list[Judgement]:
        if self.closed.exists() and any(prompt.domain == "sport" for prompt in prompts):
            raise AthenaError("judge: http://127.0.0.1:9: connection refused; start the server")
        return [Judgement(self.name, "aligned", self.score, min(10.0, 3.0 * prompt.tier)) for prompt in prompts]


def use_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make generator and judge of the tests known."""
    entry = generators.GeneratorEntry(__name__, "ArmsConfig", "ArmsGenerator", False, "swings an arm")
    monkeypatch.setitem(generators.GENERATORS, "arms", entry)
    real = judges.make_judge

    def make_judge(name: str, options: Any, where: str) -> Any:
        return NoddingJudge(options) if name == "nodding" else real(name, options, where)

    monkeypatch.setattr(judges, "make_judge", make_judge)


def write_config(home: Path, **changes: Any) -> Path:
    """Motions and a configuration in ``home``; dotted keys use ``__``."""
    sway("elbow", "left_elbow_joint", 0.3, seconds=1.0).save(home / "motions" / "elbow.npz")
    sway("shoulder", "left_shoulder_pitch_joint", 0.5, seconds=1.0).save(home / "motions" / "shoulder.npz")
    config = json.loads(json.dumps(CONFIG)) | {"motions_root": str(home)}
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = config
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    path = home / "loop.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def run(out: Path, config: Path | None = None, **options: Any) -> str:
    """Run a loop and return what it printed."""
    stream = io.StringIO()
    run_synthesis(out, None if config is None else str(config), console=Console(file=stream, width=200), **options)
    return stream.getvalue()


def manifest(out: Path) -> dict[str, Any]:
    """The manifest of a run."""
    return json.loads((out / "manifest.json").read_text())


def figures(out: Path) -> list[dict[str, Any]]:
    """The figures of all loops, without times."""
    return [{key: value for key, value in loop.items() if key != "seconds"} for loop in manifest(out)["loops"]]


def started(text: str) -> dict[str, str]:
    """Stage -> why, of all that a run has started."""
    lines = [line.split(maxsplit=2) for line in text.splitlines() if " starts (" in line]
    return {name: rest.removeprefix("starts (").removesuffix(")") for _, name, rest in lines}
