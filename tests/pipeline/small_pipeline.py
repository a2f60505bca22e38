"""A whole pipeline that takes seconds: two clips of half a second, networks of a few neurons, two iterations."""

from __future__ import annotations

import io
import itertools
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from athena_wbc.pipeline import pictures
from athena_wbc.pipeline.run import run_pipeline
from tests.learning.tiny import TINY, sway

PROTOCOL = """
inherit: athena
protocol: strict
rollouts: 1
randomisation: light
limits: {height: 0.05, key_body: 1.0, yaw: 1.0}
"""
"""So strict that untrained policies fail the clip that swings far, and no other."""

CONFIG: dict[str, Any] = {
    "num_envs": 4,
    "overrides": [*TINY, "ppo.save_interval=1"],
    "policies": {
        "general": {"recipe": "general", "iterations": 2},
        "dynamic": {"recipe": "dynamic", "motions": "residual", "init_from": "general", "iterations": 2},
        "student": {"recipe": "student", "teachers": ["general", "dynamic"], "iterations": 2},
        "finetune": {"recipe": "finetune", "init_from": "student", "iterations": 2},
    },
    "mining": {"rollouts": 1},
    "routing": {"rollouts": 1},
    "evaluation": {"rollouts": 1, "sets": ["full", "residual"]},
    "compare": [["dynamic", "general"]],
}


def write_config(home: Path, **changes: Any) -> Path:
    """Motions, a protocol and a configuration in ``home``; dotted keys use ``__``."""
    sway("elbow", "left_elbow_joint", 0.1, seconds=0.5).save(home / "motions" / "elbow.npz")
    sway("knee", "left_knee_joint", 0.9, seconds=0.5).save(home / "motions" / "knee.npz")
    (home / "strict.yaml").write_text(PROTOCOL)
    config = json.loads(json.dumps(CONFIG)) | {"motions": [str(home / "motions")]}
    for part in ("mining", "routing", "evaluation"):
        config[part]["protocol"] = str(home / "strict.yaml")
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        if value is None:
            del node[last]
        else:
            node[last] = value
    path = home / "pipeline.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def run(out: Path, config: Path | None = None, **options: Any) -> str:
    """Run a pipeline and return what it printed."""
    stream = io.StringIO()
    run_pipeline(out, None if config is None else str(config), console=Console(file=stream, width=200), **options)
    return stream.getvalue()


def stages(out: Path) -> dict[str, dict[str, Any]]:
    """What the manifest says of every stage."""
    return json.loads((out / "manifest.json").read_text())["stages"]


def started(text: str) -> dict[str, str]:
    """Stage -> why, of all that a run has started."""
    lines = [line.split(maxsplit=2) for line in text.splitlines() if " starts (" in line]
    return {name: rest.removeprefix("starts (").removesuffix(")") for _, name, rest in lines}


def results(out: Path) -> dict[str, str]:
    """The bytes of every record that the pipeline made, by their place."""
    files = [*out.glob("evaluation/*/*/metrics.json"), *out.glob("evaluation/*/*/clips.csv")]
    files += [out / "residual.json", out / "routing.json", *out.glob("pictures/*")]
    return {str(path.relative_to(out)): path.read_text() for path in files}


def fake_play(command: list[str], **options: Any) -> types.SimpleNamespace:
    """Like ``athena play``, without drawing: leaves what it was asked for."""
    asked = dict(itertools.pairwise(command))
    chosen = json.loads(Path(asked["--motions"]).read_text())
    Path(asked["--out"]).write_text(f"{asked['--checkpoint']} on {chosen['clips']}\n")
    return types.SimpleNamespace(returncode=0, stdout="", stderr="")


def fake_report(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace report and drawing by files of one line; returns the folders that it is asked for in this process."""
    folders: list[Path] = []

    def write_pipeline_report(folder: Path) -> Path:
        folders.append(folder)
        (folder / "report.html").write_text("<title>report</title>\n")
        return folder / "report.html"

    monkeypatch.setattr(pictures, "subprocess", types.SimpleNamespace(run=fake_play))
    module = types.ModuleType("athena_wbc.pipeline.report")
    module.write_pipeline_report = module.write_study_report = write_pipeline_report
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return folders
