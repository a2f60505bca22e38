"""What a stage of one pipeline is made from, whether it can be made at all, and why it has to be made again."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_json
from athena_wbc.learning.checkpoint import FOLDER
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import corpus_hash, load_clips, specs_from
from athena_wbc.motion.manifest import described
from athena_wbc.pipeline.config import (
    BALANCE,
    DYNAMIC,
    FULL,
    HELDOUT,
    RESIDUAL,
    JudgingConfig,
    PipelineConfig,
    PolicyConfig,
    motion_specs,
)
from athena_wbc.pipeline.folders import move_aside
from athena_wbc.pipeline.graph import EVALUATE, MANIFESTS, MINE, PICTURES, REPORT, ROUTE, TRAIN, Stage, build_graph
from athena_wbc.pipeline.manifest import SETTINGS, Manifest, settings_hash
from athena_wbc.pipeline.mining import load_residual
from athena_wbc.pipeline.resolve import Resolved
from athena_wbc.pipeline.work import Work

RESIDUAL_FILE, ROUTING_FILE, REPORT_FILE = "residual.json", "routing.json", "report.html"
REPORT_FILES = (REPORT_FILE, "report.json", "comparison.json", "table.md")
MANIFEST_FOLDER, EVALUATION_FOLDER, PICTURE_FOLDER = "manifests", "evaluation", "pictures"
_RECORDS = {MINE: RESIDUAL_FILE, ROUTE: ROUTING_FILE}
"""Kinds of stages that leave one record."""


@dataclass(frozen=True)
class Motions:
    """The clips of one list of specifications."""

    specs: tuple[str, ...]
    """As they are read from the pipeline's folder."""
    names: tuple[str, ...]
    hash: str
    """Of names, numbers and the robot; empty where there are no clips."""
    described: str = ""
    """Hash of what is said of the clips: names, texts, sources, labels; empty where there are no clips."""


@dataclass
class Plan(Work):
    """A pipeline in its folder."""

    config: PipelineConfig
    seed: int
    corpus: Motions
    heldout: Motions
    resolved: Resolved

    def policy(self, stage: Stage) -> PolicyConfig:
        """The policy that a stage trains or evaluates."""
        return self.config.policies[stage.policy]

    def judging_seed(self, judging: JudgingConfig) -> int:
        """Seed of the rollouts of a stage that judges."""
        return self.seed + judging.seed_offset

    def checkpoint(self, policy: str) -> str:
        """The final checkpoint of a policy, from the pipeline's folder."""
        return f"{policy}/{FOLDER}/model_{self.config.policies[policy].iterations}.pt"

    def teachers(self, policy: PolicyConfig) -> list[str]:
        """The teachers that a student really has: those that were trained and that the routing does not leave out."""
        out = self.config.routing.without if len(policy.teachers) > 1 else ()
        return [name for name in policy.teachers if name not in out and not self.is_skipped(name)]

    def bank(self) -> list[str]:
        """The teachers that are routed."""
        return [
            name for name in self.config.bank if name not in self.config.routing.without and not self.is_skipped(name)
        ]

    def residual(self) -> list[str] | None:
        """Names of the residual clips; None where nothing was mined."""
        if MINE not in self.graph or self.is_skipped(MINE):
            return None
        return load_residual(self.folder / RESIDUAL_FILE)

    def mined_teacher(self) -> str | None:
        """The policy whose failures were mined; None where nothing was."""
        return None if self.residual() is None else self.config.mining.teacher

    def why_skip(self, stage: Stage) -> str | None:
        """Why a stage, all of whose needs are over, has nothing to work on; None where it has."""
        if stage.kind == TRAIN:
            return self._why_skip_training(self.policy(stage))
        if stage.kind == MINE and self.is_skipped(self.config.mining.teacher):
            return f"its teacher '{self.config.mining.teacher}' is skipped"
        if stage.kind == ROUTE and not self.bank():
            return "all teachers are skipped"
        if stage.kind in (EVALUATE, PICTURES) and self.is_skipped(stage.policy):
            return f"'{stage.policy}' is skipped"
        return None

    def _why_skip_training(self, policy: PolicyConfig) -> str | None:
        if policy.motions == RESIDUAL and self.residual() is None:
            return "nothing was mined"
        if policy.motions == RESIDUAL and not self.residual():
            return "the residual set is empty"
        if policy.init_from is not None and self.is_skipped(policy.init_from):
            return f"it starts from '{policy.init_from}', which is skipped"
        if policy.teachers and not self.teachers(policy):
            return "all of its teachers are skipped"
        return None

    def sets(self) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Motions of every set that is evaluated, and why the others are not."""
        found: dict[str, list[str]] = {}
        skipped: dict[str, str] = {}
        for name in dict.fromkeys(self.config.evaluation.sets):
            if name == FULL:
                found[name] = list(self.corpus.specs)
            elif name == HELDOUT and self.heldout.names:
                found[name] = list(self.heldout.specs)
            elif name == HELDOUT:
                skipped[name] = "no motions are held out"
            elif name == RESIDUAL and self.residual() is None:
                skipped[name] = "nothing was mined"
            elif name == RESIDUAL and not self.residual():
                skipped[name] = "the residual set is empty"
            elif name == RESIDUAL:
                found[name] = [RESIDUAL_FILE]
            elif self.manifest.stages[MANIFESTS]["clips"][name]:
                found[name] = [f"{MANIFEST_FOLDER}/{name}.json"]
            else:
                skipped[name] = f"no clip of the corpus is of this kind ({name})"
        return found, skipped

    def clear(self, stage: Stage) -> None:
        """Move an earlier training aside, so that nothing of it is mixed with a new one."""
        if stage.kind == TRAIN:
            move_aside(self.folder, stage.policy)

    def remove_shown(self, kind: str, policy: str) -> None:
        """Remove what a stage that there is no longer has left, where the report would still show it.

        A training is moved aside, as :meth:`clear` does when it is made anew.
        """
        if kind == TRAIN:
            move_aside(self.folder, policy)
        elif kind in _RECORDS:
            (self.folder / _RECORDS[kind]).unlink(missing_ok=True)
        elif kind == EVALUATE:
            shutil.rmtree(self.folder / EVALUATION_FOLDER / policy, ignore_errors=True)
        elif kind == PICTURES:
            shutil.rmtree(self.folder / PICTURE_FOLDER, ignore_errors=True)

    # --- what a stage is made from

    def settings(self, stage: Stage) -> dict[str, Any]:
        """What the configuration says of a stage, with everything that its files resolve to, and its simulator."""
        return self._settings(stage) | self.simulation(stage)

    def _settings(self, stage: Stage) -> dict[str, Any]:
        if stage.kind == TRAIN:
            return self._training_settings(stage)
        if stage.kind == MANIFESTS:
            return dataclasses.asdict(self.resolved.manifests)
        if stage.kind == MINE:
            return self._judging_settings("mining")
        if stage.kind == ROUTE:
            return self._judging_settings("routing") | {"teachers": self.bank()}
        if stage.kind == EVALUATE:
            return self._judging_settings("evaluation") | {"sets": list(self.sets()[0])}
        if stage.kind == PICTURES:
            return {"policy": stage.policy, "teacher": self.mined_teacher()}
        return {"compare": [list(pair) for pair in self.config.compare]}

    def _training_settings(self, stage: Stage) -> dict[str, Any]:
        policy = self.policy(stage)
        return {
            "recipe": policy.recipe,
            "iterations": policy.iterations,
            "num_envs": policy.num_envs or self.config.num_envs,
            "motions": policy.motions,
            "init_from": policy.init_from,
            "teachers": self.teachers(policy),
            "seed": self.seed,
            "configuration": self.resolved.with_effect(stage.policy),
        }

    def _judging_settings(self, key: str) -> dict[str, Any]:
        judging: JudgingConfig = getattr(self.config, key)
        return dataclasses.asdict(judging) | self.resolved.judging[key] | {"seed": self.judging_seed(judging)}

    def inputs(self, stage: Stage, settings: Mapping[str, Any]) -> dict[str, str]:
        """Name -> hash of everything that a stage's outputs depend on."""
        inputs = {SETTINGS: settings_hash(settings)}
        if stage.kind != REPORT:
            inputs["motions"] = self.corpus.hash
        if stage.kind == MANIFESTS:
            inputs["descriptions"] = self.corpus.described
        elif stage.kind == TRAIN:
            policy = self.policy(stage)
            sources = [policy.init_from] if policy.init_from is not None else []
            inputs |= {name: self.output_hash(name) for name in (*sources, *self.teachers(policy))}
            if policy.motions == RESIDUAL:
                inputs[RESIDUAL_FILE] = self.output_hash(MINE)
            if len(policy.teachers) > 1:
                inputs[ROUTING_FILE] = self.output_hash(ROUTE)
        elif stage.kind == MINE:
            inputs[self.config.mining.teacher] = self.output_hash(self.config.mining.teacher)
        elif stage.kind == ROUTE:
            inputs |= {name: self.output_hash(name) for name in self.bank()}
        elif stage.kind == EVALUATE:
            inputs[stage.policy] = self.output_hash(stage.policy)
            sets = self.sets()[0]
            if RESIDUAL in sets:
                inputs[RESIDUAL_FILE] = self.output_hash(MINE)
            if DYNAMIC in sets or BALANCE in sets:
                inputs[MANIFEST_FOLDER] = self.output_hash(MANIFESTS)
            if HELDOUT in sets:
                inputs["heldout"] = self.heldout.hash
        elif stage.kind in (PICTURES, REPORT):
            inputs |= {name: self.output_hash(name) for name in stage.needs}
        return inputs


def make_plan(
    config: PipelineConfig,
    resolved: Resolved,
    source: str,
    folder: Path,
    label: str,
    seed: int,
    manifest: Manifest,
) -> Plan:
    """Read the motions, and put together what a pipeline needs to know before anything is trained.

    Args:
        resolved: what the configuration's files say.
        source: where the configuration came from, for messages.
        folder: of the pipeline, absolute; nothing is written to it.
        manifest: of an earlier run of this folder, or a new one.

    Raises:
        AthenaError: motions that are not there, or held out and trained on at once.
    """
    embodiment = get_embodiment(config.robot)
    corpus, clips = _read(config, config.motions, "motions", source, folder, embodiment)
    heldout, others = _read(config, config.heldout, "heldout", source, folder, embodiment)
    check_heldout(clips, others, source)
    return Plan(folder, label, build_graph(config, source), manifest, config, seed, corpus, heldout, resolved)


def _read(
    config: PipelineConfig, specs: list[str], key: str, source: str, folder: Path, embodiment: Embodiment
) -> tuple[Motions, list[MotionClip]]:
    if not specs:
        return Motions((), (), ""), []
    rooted = motion_specs(config, specs)
    try:
        clips = load_clips(rooted, embodiment)
    except AthenaError as error:
        hint = f"relative paths start at {config.motions_root}, or at what --motions-root names"
        raise AthenaError(f"{source}: {key}: {error} ({hint})") from error
    said = [described(clip) for clip in clips]
    names = tuple(name for name, *_ in said)
    digest = sha256_json([corpus_hash(clips), embodiment.hash])
    return Motions(tuple(specs_from(rooted, folder)), names, digest, sha256_json(said)), clips


def check_heldout(
    clips: Sequence[MotionClip],
    others: Sequence[MotionClip],
    source: str,
    remedy: str = "take it out of one list",
) -> None:
    """Refuse motions that are held out and trained on at once; names do not count."""
    trained = {corpus_hash([clip.replace(name="")]): clip.name for clip in clips}
    for clip in others:
        same = trained.get(corpus_hash([clip.replace(name="")]))
        if same is not None:
            raise AthenaError(f"{source}: heldout: '{clip.name}' is trained on too, as '{same}'; {remedy}")
