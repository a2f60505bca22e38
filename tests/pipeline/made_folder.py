"""A pipeline's folder that no training has made: small, whole, and with numbers to know beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc import __version__
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.report import Subject, clip_rows, csv_text, curve_rows, settings, spectrum_rows, summary
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.score import VALUES
from athena_wbc.pipeline.mining import mining_record
from athena_wbc.pipeline.routing import routing_record
from tests.pipeline.made import make_results

CONFIG = EvaluationConfig(rollouts=2, num_envs=4, randomisation=None, curve_points=13)
CLIPS = ("walk", "kick", "crane", "jump")
RESIDUAL = ("kick", "crane")

# Critical scales of two rollouts a clip, in the order of CLIPS.
SCALES: dict[str, list[list[float]]] = {
    "general": [[0.5, 0.5], [1.5, math.inf], [2.0, 0.8], [0.4, 0.4]],
    "residual_control": [[0.9, 1.1], [0.8, 1.2], [1.4, 0.8], [0.9, 0.9]],
    "dynamic": [[0.9, 0.9], [0.5, 0.6], [1.4, 0.7], [0.6, 0.6]],
    "balance": [[0.7, 0.9], [1.3, 0.9], [0.5, 0.6], [0.9, 1.5]],
    "student": [[0.6, 0.6], [0.7, 0.7], [0.7, 1.2], [0.6, 0.6]],
    "finetune": [[0.5, 0.5], [0.6, 0.6], [0.7, 0.9], [0.5, 0.5]],
}


def results_of(policy: str, clips: Sequence[str] = CLIPS, shift: float = 0.0, rate: float = 0.5) -> Results:
    """Results of a policy on some of the clips.

    Args:
        policy: a name of ``SCALES``; another one is as good as the general teacher.
        clips: those to roll out.
        shift: added to every critical scale, so that seeds differ.
        rate: the action rate; action jerk and high-frequency ratio are a half and a tenth of it.
    """
    scales = SCALES.get(policy, SCALES["general"])
    results = make_results({name: [scale + shift for scale in scales[CLIPS.index(name)]] for name in clips})
    for name, factor in (("action_rate", 1.0), ("action_jerk", 0.5), ("high_frequency_ratio", 0.1)):
        # Clips differ a little, as they do, so that the scatter has an extent.
        results.values[..., VALUES.index(name)] = factor * rate * (1.0 + 0.1 * np.arange(len(clips))[:, None])
    results.values[..., VALUES.index("MPJPE_W_mm")] = 50.0
    results.values[..., VALUES.index("frames_evaluated")] = 1.0
    results.spectrum[:] = 1.0 / 24.5
    return results


def write_evaluation(folder: Path, policy: str, set_name: str, results: Results, seed: int = 7) -> None:
    """What ``athena evaluate`` leaves, without its pictures."""
    out = folder / "evaluation" / policy / set_name
    write_text(out / "clips.csv", csv_text(clip_rows(results)))
    write_text(out / "stc.csv", csv_text(curve_rows(results, CONFIG)))
    write_text(out / "spectrum.csv", csv_text(spectrum_rows(results)))
    write_json(out / "metrics.json", summary(results, CONFIG, subject(results, seed)))


def write_text(path: Path, text: str) -> None:
    """Write a file at once: an atomic write of a hundred small files takes seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same for JSON."""
    write_text(path, json.dumps(content, sort_keys=True))


def subject(results: Results, seed: int) -> Subject:
    """Of an evaluation; the corpus is told by the names of its clips."""
    return Subject("abc", "-".join(results.names), "g1", "0123", ("builtin",), seed=seed, num_envs=4, randomisation={})


def make_manifest(
    recipes: Mapping[str, str], sets: Sequence[str] = ("full", "residual"), stages: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A manifest of policies with their recipes."""
    done = {"status": "done", "seconds": 30.0, "inputs": {}, "outputs": {}, "why": ""}
    names = [*recipes, "mine", "route", *(f"evaluate.{name}" for name in recipes)]
    policies = {
        name: {"recipe": recipe, "iterations": 10, "motions": "full", "init_from": None, "teachers": []}
        for name, recipe in recipes.items()
    }
    return {
        "kind": "pipeline",
        "library_version": __version__,
        "seed": 0,
        "order": names,
        "config": {
            "robot": "g1",
            "policies": policies,
            "compare": [["dynamic", "residual_control"], ["finetune", "general"]],
            "evaluation": {"sets": list(sets)},
            "seeds": [0],
            "motions": ["builtin"],
            "num_envs": 8,
        },
        "stages": {name: dict(done) for name in names} | {"report": {"status": "running"}} | dict(stages or {}),
    }


def make_pipeline(folder: Path, shift: float = 0.0) -> Path:
    """All policies on the full and the residual set, with mining, routing and a learning curve."""
    write_json(folder / "manifest.json", make_manifest({name: name for name in SCALES}))
    for policy in SCALES:
        write_evaluation(folder, policy, "full", results_of(policy, shift=shift))
        write_evaluation(folder, policy, "residual", results_of(policy, RESIDUAL, shift=shift))
    mined, bank = results_of("general"), {name: results_of(name) for name in ("general", "dynamic", "balance")}
    told = settings(CONFIG, subject(mined, 3))
    write_json(folder / "residual.json", mining_record(mined) | told)
    write_json(folder / "routing.json", routing_record(bank) | told | {"without": []})
    write_events(folder / "general", {"reward/total": [1.0, 2.0, 3.0], "sampler/entropy": [1.0, 0.9, 0.8]})
    return folder


def make_study(folder: Path, shifts: Sequence[float] = (0.0, 0.05, 0.25)) -> Path:
    """A pipeline for each seed."""
    for seed, shift in enumerate(shifts):
        make_pipeline(folder / f"seed_{seed}", shift)
    return folder


def make_ablation(folder: Path, rates: Mapping[str, float]) -> Path:
    """The smoothness ablation: recipe -> action rate."""
    write_json(folder / "manifest.json", make_manifest({name: name for name in rates}, ("full",)))
    for policy, rate in rates.items():
        write_evaluation(folder, policy, "full", results_of(policy, rate=rate))
    return folder


def write_events(folder: Path, figures: Mapping[str, Sequence[float]], start: int = 1, purge: bool = False) -> None:
    """Event files as a training writes them, one value an iteration."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=start if purge else None)
    for name, values in figures.items():
        for index, value in enumerate(values):
            writer.add_scalar(name, value, start + index)
    writer.close()


def change_json(path: Path, **values: Any) -> None:
    """Overwrite keys of a JSON file; those whose value is None go."""
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
