"""What a stage of a loop is made from, and where everything lies."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import ZERO, checkpoint_file
from athena_wbc.files import sha256_file, sha256_json
from athena_wbc.learning.checkpoint import FOLDER
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import corpus_hash, load_clips, specs_from
from athena_wbc.pipeline.config import rooted_specs
from athena_wbc.pipeline.folders import move_aside
from athena_wbc.pipeline.graph import TRAIN, Stage
from athena_wbc.pipeline.manifest import SETTINGS, Manifest, settings_hash
from athena_wbc.pipeline.plan import Motions, check_heldout
from athena_wbc.pipeline.work import Work
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.bank_file import bank_hash, load_bank
from athena_wbc.synthesis.config import FIXED, SynthesisConfig, generator_options, plain, scheduler_options, to_dict
from athena_wbc.synthesis.generators.sources import sources_digest
from athena_wbc.synthesis.language.config import ADVISER
from athena_wbc.synthesis.loop import graph
from athena_wbc.synthesis.loop.graph import LoopStage, build_graph, loop_folder
from athena_wbc.synthesis.loop.resolve import Resolved, check_parts, generator_sources, replayed_recordings
from athena_wbc.synthesis.loop.trained import trained_clips

_LOGGER = logging.getLogger(__name__)

TRACKER, PIPELINE = "tracker", "pipeline"
"""Folders of a loop's training, within the loop's."""
GENERATED_FOLDER, CORPUS_FOLDER = "generated", "corpus"
JUDGEMENTS_FILE, RETARGET_FILE = "judgements.jsonl", "retarget.jsonl"
"""What a loop's stages leave piece by piece."""

_GOES_ON = (TRAIN, graph.GENERATE, graph.JUDGE, graph.RETARGET)
"""Kinds that keep what an interrupted try has finished."""
_PIECES = {
    graph.GENERATE: (GENERATED_FOLDER,),
    graph.JUDGE: (JUDGEMENTS_FILE,),
    graph.RETARGET: (CORPUS_FOLDER, RETARGET_FILE),
}
"""Where they keep it, within the loop's folder; trainings have checkpoints."""
_ASKED = {graph.PROMPTS: ("scheduler",), graph.GENERATE: ("judge", ADVISER), graph.JUDGE: ("judge",)}
"""Kinds -> parts whose recordings they depend on; motions only where they are refined."""


@dataclass
class LoopPlan(Work):
    """A run of the loop in its folder."""

    simulated: ClassVar[tuple[str, ...]] = (TRAIN, graph.EVALUATE, graph.MEASURE, graph.BASELINE)

    config: SynthesisConfig
    source: str
    """Where the configuration came from, for messages."""
    seed: int
    bank: Bank
    fixed_motions: Motions
    heldout: Motions
    reference: Motions
    """The source set of the analysis."""
    resolved: Resolved

    # --- where things lie, from the run's folder

    @property
    def embodiment(self) -> Embodiment:
        """The robot."""
        return get_embodiment(self.config.robot)

    def checkpoint(self, loop: int) -> str:
        """The tracker of a loop."""
        training, home = self.config.training, loop_folder(loop)
        if training.pipeline is None:
            return f"{home}/{TRACKER}/{FOLDER}/model_{training.iterations}.pt"
        iterations = self.resolved.pipeline_policies[self.resolved.policy]
        return f"{home}/{PIPELINE}/{self.resolved.policy}/{FOLDER}/model_{iterations}.pt"

    def fixed_checkpoint(self) -> str:
        """The fixed tracker: its own, the user's, or ``zero``."""
        given = self.config.fixed.checkpoint
        return given if given is not None else f"{FIXED}/{FOLDER}/model_{self.config.fixed.iterations}.pt"

    def first_init(self) -> str | None:
        """What a training starts with that does not go on from the loop before."""
        start = self.config.training.init_from
        return self.fixed_checkpoint() if start == FIXED else start

    # --- what a stage is made from

    def settings(self, stage: Stage) -> dict[str, Any]:
        """What the configuration says of a stage, with everything that its files resolve to, and its simulator."""
        return plain(self._settings(stage) | self.simulation(stage))

    def _settings(self, stage: Stage) -> dict[str, Any]:
        config, kind = self.config, stage.kind
        values = to_dict(config)
        if kind == TRAIN and stage.name == FIXED:
            return {**_without(values["fixed"], "checkpoint", "motions"), "configuration": self.resolved.fixed}
        if kind == TRAIN:
            own = {**values["training"], "seed": self.seed, "configuration": self.resolved.training}
            return own if self._starts_anew(stage) else _without(own, "init_from")
        if kind == graph.PROMPTS:
            return {
                "scheduler": values["scheduler"] | {"options": plain(scheduler_options(config))},
                "bank": bank_hash(self.bank),
                "per_domain": config.per_domain,
                "seed": self.seed,
            }
        if kind == graph.GENERATE:
            assessed = {key: values[key] for key in ("conversion", "filters")}
            assessed |= {"judge": _without(values["judge"], "batch", "accept"), "bank": bank_hash(self.bank)}
            refine = values["refine"] | (assessed if config.refine.on else {})
            generator = _without(values["generator"], "batch") | {"options": plain(generator_options(config))}
            return {"generator": generator, "refine": refine, "frames": config.frames, "seed": self.seed}
        if kind == graph.FILTER:
            return {"conversion": _without(values["conversion"], "bar", "robot_fps"), "filters": values["filters"]}
        if kind == graph.JUDGE:
            return _without(values["judge"], "batch", "accept")
        if kind == graph.RETARGET:
            bar, fps = values["conversion"]["bar"], values["conversion"]["robot_fps"]
            return {"bar": bar, "robot_fps": fps, "accept": values["judge"]["accept"], "robot": self.embodiment.hash}
        if kind == graph.CORPUS:
            return {"earlier": config.training.earlier, "on_empty_domain": config.on_empty_domain}
        if kind in (graph.EVALUATE, graph.MEASURE, graph.BASELINE):
            judging = dataclasses.asdict(config.evaluation) | self.resolved.judging | {"seed": self.judging_seed}
            return judging | {"robot": self.embodiment.hash}
        if kind == graph.RECORD:
            return {"accept": values["judge"]["accept"], "robot": self.embodiment.hash}
        return values["analysis"] | {"heldout": values["heldout"]}

    @property
    def judging_seed(self) -> int:
        """Seed of all rollouts that judge."""
        return self.seed + self.config.evaluation.seed_offset

    def inputs(self, stage: Stage, settings: Mapping[str, Any]) -> dict[str, str]:
        """Name -> hash of everything that a stage's outputs depend on."""
        inputs = {SETTINGS: settings_hash(settings)} | {name: self.output_hash(name) for name in stage.needs}
        if stage.kind == TRAIN and stage.name == FIXED:
            inputs["motions"] = self.fixed_motions.hash
        elif stage.kind == TRAIN and self._starts_anew(stage) and FIXED not in stage.needs:
            if (start := self.first_init()) is not None:
                inputs["init_from"] = _file_hash(start)
        elif stage.kind in (graph.MEASURE, graph.BASELINE) and self.config.fixed.checkpoint is not None:
            inputs[FIXED] = _file_hash(self.config.fixed.checkpoint)
        elif stage.kind == graph.GENERATE:
            files = generator_sources(self.config, self.source)
            inputs |= {"files": sources_digest(files)} if files else {}
        if recordings := self._recordings(stage):
            inputs["recordings"] = sources_digest(recordings)
        if stage.kind in (graph.EVALUATE, graph.BASELINE):
            inputs["heldout"] = self.heldout.hash
        if stage.kind == graph.REPORT:
            inputs["source"] = self.reference.hash
        return inputs

    def _recordings(self, stage: Stage) -> list[Path]:
        """What language models have answered that a stage asks nothing any more."""
        if stage.kind == graph.GENERATE and not self.config.refine.on:
            return []
        replayed = replayed_recordings(self.config, self.folder)
        return list(dict.fromkeys(replayed[part] for part in _ASKED.get(stage.kind, ()) if part in replayed))

    def _starts_anew(self, stage: Stage) -> bool:
        return graph.starts_anew(self.config, _loop(stage))

    def goes_on(self, stage: Stage) -> bool:
        """Whether a stage that was stopped can use what it has left already."""
        return stage.kind in _GOES_ON

    def clear(self, stage: Stage) -> None:
        """Move an earlier training aside, and remove motions, judgements and clips that were made from other inputs."""
        if stage.kind == TRAIN and stage.name == FIXED:
            move_aside(self.folder, FIXED)
        elif stage.kind == TRAIN:
            for name in (TRACKER, PIPELINE):
                move_aside(self.folder, f"{loop_folder(_loop(stage))}/{name}")
        for name in _PIECES.get(stage.kind, ()):
            path = self.folder / loop_folder(_loop(stage)) / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def make_loop_plan(
    config: SynthesisConfig,
    resolved: Resolved,
    source: str,
    folder: Path,
    label: str,
    seed: int,
    manifest: Manifest,
) -> LoopPlan:
    """Read bank and motions, and put together what a run needs to know before anything is made.

    Args:
        source: where the configuration came from, for messages.
        folder: of the run, absolute; nothing is written to it.

    Raises:
        AthenaError: a part, a bank or motions that are not there, or motions that are held out and trained on at once.
    """
    check_parts(config, source, folder)
    embodiment = get_embodiment(config.robot)
    bank = chosen_domains(load_bank(config.bank), config.domains, source)
    trained, clips = _read(config, config.fixed.motions, "fixed.motions", source, folder, embodiment)
    if config.fixed.checkpoint is not None:
        trained, clips = Motions((), (), ""), []
    heldout, others = _read(config, config.heldout, "heldout", source, folder, embodiment)
    check_heldout(clips, others, source)
    _check_trackers(config, others, source, embodiment)
    reference, _ = _read(config, config.analysis.source, "analysis.source", source, folder, embodiment)
    return LoopPlan(
        folder, label, build_graph(config), manifest, config, source, seed, bank, trained, heldout, reference, resolved
    )


def chosen_domains(bank: Bank, names: list[str], source: str) -> Bank:
    """The bank with some of its domains; with all where none is named."""
    try:
        return bank.only(names)
    except AthenaError as error:
        raise AthenaError(f"{source}: domains: {error}") from error


def _read(
    config: SynthesisConfig, specs: list[str], key: str, source: str, folder: Path, embodiment: Embodiment
) -> tuple[Motions, list[MotionClip]]:
    if not specs:
        return Motions((), (), ""), []
    rooted = rooted_specs(config.motions_root, specs)
    try:
        clips = list(load_clips(rooted, embodiment))
    except AthenaError as error:
        raise AthenaError(f"{source}: {key}: {error} (relative paths start at {config.motions_root})") from error
    digest = sha256_json([corpus_hash(clips), embodiment.hash])
    return Motions(tuple(specs_from(rooted, folder)), tuple(clip.name for clip in clips), digest), clips


def _check_trackers(
    config: SynthesisConfig, heldout: Sequence[MotionClip], source: str, embodiment: Embodiment
) -> None:
    """Refuse to hold motions out that a given tracker was trained on, as far as its checkpoint tells."""
    given = {"fixed.checkpoint": config.fixed.checkpoint, "training.init_from": config.training.init_from}
    for key, checkpoint in given.items():
        if not heldout or checkpoint in (None, FIXED):
            continue
        try:
            clips = trained_clips(checkpoint, embodiment, config.motions_root)
        except AthenaError as error:
            _LOGGER.warning("%s: %s: %s; nobody knows whether it has seen the held-out motions", source, key, error)
            continue
        check_heldout(clips, heldout, source, f"hold another one out, or give another {key} than {checkpoint}")


def _loop(stage: Stage) -> int:
    return stage.loop if isinstance(stage, LoopStage) else -1


def _without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _file_hash(checkpoint: str) -> str:
    if checkpoint == ZERO:
        return ZERO
    path = checkpoint_file(checkpoint)
    if path is None or not path.is_file():
        raise AthenaError(f"{checkpoint}: no such checkpoint; name a file of athena train, or its run's folder")
    return sha256_file(path)
