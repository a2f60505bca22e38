"""What a pipeline has left in its folder, read for the report. What is missing is told, never an error."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.curves import Curve, read_curves

POLICIES = (
    "sonic_base",
    "general",
    "no_smooth",
    "dynamic_caps",
    "residual_control",
    "dynamic",
    "balance",
    "single_teacher_student",
    "student",
    "finetune",
)
"""Order in which policies are shown; others follow by name."""

SETS = ("full", "residual", "dynamic", "balance", "heldout")
"""Order in which evaluation sets are shown; others follow by name."""

SEED_FOLDERS = "seed_*"
STUDY = "study.json"

_TEXTS = frozenset({"clip", "label", "failed_by"})


@dataclass(frozen=True)
class Evaluation:
    """One policy on one set."""

    metrics: dict[str, Any]
    clips: dict[str, dict[str, Any]]
    """By clip the row of ``clips.csv``; a value that is not defined is None, a rollout that was cut infinite."""
    curve: tuple[np.ndarray, np.ndarray] | None
    """Tolerances (S,) and shares of success (S,)."""
    spectrum: tuple[np.ndarray, np.ndarray] | None
    """Frequencies (C,), Hz, and normalised power densities (C,), per Hz."""


@dataclass(frozen=True)
class Findings:
    """One pipeline."""

    folder: Path
    name: str
    """``seed_3`` in a study."""
    manifest: dict[str, Any]
    policies: list[str]
    sets: list[str]
    evaluations: dict[tuple[str, str], Evaluation]
    """By policy and set."""
    residual: dict[str, Any] | None
    routing: dict[str, Any] | None
    curves: dict[str, dict[str, Curve]]
    """By policy and name."""
    actors: dict[str, str]
    """By policy the observation groups of its actor."""
    steps_per_iteration: dict[str, int]
    """By policy the control steps that an environment makes in an iteration."""
    pictures: list[Path]
    notes: list[str] = field(default_factory=list)
    """What is missing or does not fit, and why."""

    @property
    def config(self) -> dict[str, Any]:
        """The pipeline's configuration; empty where the manifest has none."""
        return mapping(self.manifest.get("config"))

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Stages by name."""
        return {name: mapping(stage) for name, stage in mapping(self.manifest.get("stages")).items()}

    def recipe(self, policy: str) -> str:
        """The recipe of a policy; its name where the configuration does not say."""
        return str(mapping(mapping(self.config.get("policies")).get(policy)).get("recipe") or policy)

    def caption(self, picture: Path) -> str:
        """What the stage that drew a picture says of it, else the name of the file."""
        told = mapping(self.stages.get("pictures", {}).get("drawn")).get(picture.name)
        return str(told or picture.stem.replace("_", " "))

    def value(self, policy: str, set_name: str, name: str) -> float | None:
        """A number of ``metrics.json``, None where it is not there; ``a.b`` for a nested one."""
        evaluation = self.evaluations.get((policy, set_name))
        found: Any = None if evaluation is None else evaluation.metrics
        for key in name.split("."):
            found = mapping(found).get(key)
        return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None


def mapping(value: Any) -> dict[str, Any]:
    """``value`` if it is a mapping, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def in_order(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Names in a given order, those that it does not know last and by name."""
    known = {name: index for index, name in enumerate(order)}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def seed_folders(folder: Path) -> list[Path]:
    """Folders of a study's seeds, in their order: those that ``study.json`` names, all that are there without it."""
    found = _numbered(folder)
    seeds = study_seeds(folder, [])
    return found if seeds is None else [path for path in found if int(path.name[5:]) in seeds]


def study_seeds(folder: Path, notes: list[str]) -> list[int] | None:
    """The seeds that a study was asked for; None where nothing says so, and the reason where that is damage."""
    content = _read_json(folder / STUDY, notes)
    if content is None:
        return None
    seeds = content.get("seeds")
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        notes.append(f"{STUDY} names no seeds: every {SEED_FOLDERS} is taken for one of the study")
        return None
    return seeds


def study_notes(folder: Path) -> list[str]:
    """Which folders of seeds a report on a study leaves out, and why."""
    notes: list[str] = []
    seeds = study_seeds(folder, notes)
    found = _numbered(folder)
    others = [path.name for path in found if seeds is not None and int(path.name[5:]) not in seeds]
    if others:
        notes.append(f"{', '.join(others)}: left out, {STUDY} does not name the seed")
    names = [path.name for path in found] if seeds is None else [f"seed_{seed}" for seed in seeds]
    empty = [name for name in names if not is_pipeline(folder / name)]
    if empty:
        notes.append(f"{', '.join(empty)}: left out, no pipeline has run there yet")
    return notes


def _numbered(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(SEED_FOLDERS) if path.is_dir() and path.name[5:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def is_study(folder: Path) -> bool:
    """Whether a folder holds pipelines of several seeds, or is to."""
    return (folder / STUDY).is_file() or bool(_numbered(folder))


def is_pipeline(folder: Path) -> bool:
    """Whether a folder holds what a pipeline leaves."""
    return (folder / "manifest.json").is_file() or (folder / "evaluation").is_dir()


def read_findings(folder: Path, name: str = "") -> Findings:
    """Read everything that a report shows.

    Raises:
        AthenaError: the folder does not hold a pipeline at all.
    """
    if not folder.is_dir():
        raise AthenaError(f"{folder}: no such folder; name what athena pipeline wrote to")
    if not is_pipeline(folder):
        raise AthenaError(
            f"{folder}: holds neither manifest.json, evaluation/ nor {SEED_FOLDERS}; name what athena pipeline wrote to"
        )
    notes: list[str] = []
    manifest = _read_json(folder / "manifest.json", notes) or {}
    if not manifest:
        notes.append("manifest.json is not there: configuration and stages are not known")
    version = manifest.get("library_version", __version__)
    if version != __version__:
        notes.append(f"the manifest was written by athena_wbc {version}, this report by {__version__}")
    evaluations = _evaluations(folder, notes)
    config = mapping(manifest.get("config"))
    planned = list(mapping(config.get("policies")))
    sets = mapping(config.get("evaluation")).get("sets")
    planned_sets = [str(name) for name in sets] if isinstance(sets, (list, dict)) else []
    policies = in_order([*planned, *(policy for policy, _ in evaluations)], POLICIES)
    set_names = in_order([*planned_sets, *(set_name for _, set_name in evaluations)], SETS)
    residual = _record(folder / "residual.json", "clips", list, notes)
    routing = _record(folder / "routing.json", "routes", dict, notes)
    curves, actors, steps = {}, {}, {}
    for policy in policies:
        try:
            curves[policy] = read_curves(folder / policy)
        except ValueError as error:
            notes.append(f"{policy}: {error}")
        run = _run_config(folder / policy / "config.yaml")
        ppo = mapping(run.get("ppo"))
        groups = mapping(ppo.get("obs_groups")).get("actor")
        if isinstance(groups, list):
            actors[policy] = " + ".join(map(str, groups))
        if isinstance(ppo.get("num_steps_per_env"), int):
            steps[policy] = ppo["num_steps_per_env"]
    findings = Findings(
        folder=folder,
        name=name or folder.name,
        manifest=manifest,
        policies=policies,
        sets=set_names,
        evaluations=evaluations,
        residual=residual,
        routing=routing,
        curves={policy: found for policy, found in curves.items() if found},
        actors=actors,
        steps_per_iteration=steps,
        pictures=sorted((folder / "pictures").glob("*.png")),
        notes=notes,
    )
    notes += _missing(findings) + _mixed_settings(findings) + _selected_by_the_same_draws(findings)
    return findings


def _read_json(path: Path, notes: list[str]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        notes.append(f"{path.name} of {path.parent.name} is damaged and left out ({error})")
        return None
    if not isinstance(content, dict):
        notes.append(f"{path.name} of {path.parent.name} holds no mapping and is left out")
        return None
    return content


def _record(path: Path, key: str, kind: type, notes: list[str]) -> dict[str, Any] | None:
    content = _read_json(path, notes)
    if content is None:
        return None
    lists = (content.get("results"), content.get("teachers", []))
    sound = all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists)
    if not sound or not isinstance(content.get(key), kind):
        notes.append(f"{path.name} has no {key} or no results and is left out; write it again")
        return None
    return content


def _run_config(path: Path) -> dict[str, Any]:
    try:
        return mapping(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _evaluations(folder: Path, notes: list[str]) -> dict[tuple[str, str], Evaluation]:
    found = {}
    for path in sorted((folder / "evaluation").glob("*/*")):
        if not path.is_dir():
            continue
        # metrics.json is written last: where it is missing, the evaluation did not end.
        metrics = _read_json(path / "metrics.json", notes)
        if metrics is None:
            continue
        policy, set_name = path.parent.name, path.name
        try:
            clips = read_clips(path / "clips.csv")
            curve = _columns(path / "stc.csv", "scale", "all")
            spectrum = _columns(path / "spectrum.csv", "frequency_hz", "power_per_hz")
        except (OSError, ValueError, KeyError, csv.Error) as error:
            notes.append(f"{policy} on {set_name}: a table is damaged ({error}); evaluate again")
            continue
        found[policy, set_name] = Evaluation(metrics, clips, curve, spectrum)
    return found


def read_clips(path: Path) -> dict[str, dict[str, Any]]:
    """By clip the row of ``clips.csv``: texts, numbers, and None for what is not defined; empty without the file."""
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as stream:
        return {
            row["clip"]: {key: value if key in _TEXTS else _float(value) for key, value in row.items() if key}
            for row in csv.DictReader(stream)
        }


def _float(text: str | None) -> float | None:
    return float(text) if text else None


def _columns(path: Path, first: str, second: str) -> tuple[np.ndarray, np.ndarray] | None:
    if not path.is_file():
        return None
    with open(path, encoding="utf-8", newline="") as stream:
        rows = [(float(row[first]), float(row[second] or "nan")) for row in csv.DictReader(stream)]
    return (np.array([row[0] for row in rows]), np.array([row[1] for row in rows])) if rows else None


def _missing(findings: Findings) -> list[str]:
    """One line for every policy that lacks sets, with what the stages say of it."""
    notes = []
    for policy in findings.policies:
        lacking = [name for name in findings.sets if (policy, name) not in findings.evaluations]
        if not lacking:
            continue
        what = "no set" if len(lacking) == len(findings.sets) else f"not on {', '.join(lacking)}"
        verb = "was evaluated on" if what == "no set" else "was evaluated, but"
        notes.append(f"{policy} {verb} {what}{_why(findings, policy, lacking)}")
    return notes


def _why(findings: Findings, policy: str, lacking: Sequence[str]) -> str:
    reasons = []
    if findings.residual is not None and not findings.residual["clips"] and "residual" in lacking:
        reasons.append("mining found no residual clip")
    for name, stage in findings.stages.items():
        if policy not in re.split(r"[.:/]", name):
            continue
        skipped = mapping(stage.get("skipped_sets"))
        reasons += [f"{set_name}: {skipped[set_name]}" for set_name in lacking if set_name in skipped]
        status = str(stage.get("status", ""))
        told = stage.get("error") or (stage.get("why") if status in ("skipped", "failed") else None)
        if status not in ("done", ""):
            reasons.append(f"stage {name}: {status}" + (f", {told}" if told else ""))
    return f" ({'; '.join(dict.fromkeys(reasons))})" if reasons else ""


_SETTINGS = {
    "protocol": "protocol",
    "thresholds": "thresholds",
    "rollouts": "rollouts of a clip",
    "randomisation": "randomisation",
    "randomisation_ranges": "ranges of the randomisation",
    "simulator": "simulator",
    "physics": "physics engine",
    "corpus_hash": "clips",
    "seed": "evaluation seed",
}
"""Of ``metrics.json``: what has to agree where two evaluations are compared, in words."""


def _differing(metrics: Sequence[Mapping[str, Any]], without: Sequence[str] = ()) -> list[str]:
    """What differs between evaluations, in words; what one of them does not tell is no difference."""
    return [
        told
        for key, told in _SETTINGS.items()
        if key not in without and len({json.dumps(entry[key], sort_keys=True) for entry in metrics if key in entry}) > 1
    ]


def _mixed_settings(findings: Findings) -> list[str]:
    """Policies that were not evaluated alike on a set cannot be compared on it."""
    notes = []
    for set_name in findings.sets:
        found = {policy: findings.evaluations.get((policy, set_name)) for policy in findings.policies}
        differing = _differing([evaluation.metrics for evaluation in found.values() if evaluation is not None])
        if differing:
            notes.append(f"on {set_name} the policies differ in {', '.join(differing)}: compare them with care")
    return notes


def mixed_seeds(runs: Sequence[Findings]) -> list[str]:
    """Seeds that were not made or evaluated alike do not average; each draws with a seed and mines clips of its own."""
    notes = []
    configs = [{key: value for key, value in run.config.items() if key != "seeds"} for run in runs if run.config]
    keys = dict.fromkeys(key for config in configs for key in config)
    changed = [key for key in keys if len({json.dumps(config.get(key), sort_keys=True) for config in configs}) > 1]
    if changed:
        notes.append(
            f"the seeds differ in {', '.join(changed)} of the configuration: their mean is of different things"
        )
    for set_name in in_order((name for run in runs for name in run.sets), SETS):
        own = ("seed", "corpus_hash") if set_name == "residual" else ("seed",)
        differing: dict[str, None] = {}
        for policy in dict.fromkeys(policy for run in runs for policy in run.policies):
            found = [run.evaluations.get((policy, set_name)) for run in runs]
            differing |= dict.fromkeys(_differing([entry.metrics for entry in found if entry is not None], own))
        if differing:
            notes.append(f"on {set_name} the seeds differ in {', '.join(differing)}: compare them with care")
    return notes


def _selected_by_the_same_draws(findings: Findings) -> list[str]:
    """A set that was chosen by failures is fairly judged only by other rollouts than those that chose it."""
    if findings.residual is None:
        return []
    seed = findings.residual.get("seed")
    for (_, set_name), evaluation in sorted(findings.evaluations.items()):
        if set_name == "residual" and seed is not None and evaluation.metrics.get("seed") == seed:
            return [
                f"the residual set was mined and evaluated with the same seed ({seed}): the general teacher's rate on "
                "it is low by selection; evaluate with another seed for a fair one"
            ]
    return []


def flatten(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """Notes of several pipelines, each told once, with the pipelines that it holds for where not for all."""
    by_note: dict[str, list[str]] = {}
    for name, lines in notes.items():
        for line in lines:
            by_note.setdefault(line, []).append(name)
    return [line if len(names) == len(notes) else f"{', '.join(names)}: {line}" for line, names in by_note.items()]
