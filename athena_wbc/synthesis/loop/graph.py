"""The stages of a loop, and what each needs. Pure: nothing is read or run here."""

from __future__ import annotations

from dataclasses import dataclass

from athena_wbc.pipeline.graph import TRAIN, Stage
from athena_wbc.synthesis.config import FIXED, SynthesisConfig

PROMPTS, GENERATE, FILTER, JUDGE, RETARGET, CORPUS = "prompts", "generate", "filter", "judge", "retarget", "corpus"
EVALUATE, MEASURE, BASELINE, RECORD, REPORT = "evaluate", "measure", "baseline", "record", "report"
"""Kinds of stages, beside `train`. `evaluate` judges the loop's own tracker, `measure` and `baseline` the fixed one."""

STAGES = (PROMPTS, GENERATE, FILTER, JUDGE, RETARGET, CORPUS, TRAIN, EVALUATE, MEASURE, RECORD)
"""Those of every loop, in their order."""


@dataclass(frozen=True)
class LoopStage(Stage):
    """A stage of one loop, or of none."""

    loop: int = -1
    """Counted from 0; -1 where it belongs to the whole."""


def stage_name(loop: int, kind: str) -> str:
    """Name of a stage of a loop: ``loop_1.judge``."""
    return f"loop_{loop}.{kind}"


def loop_folder(loop: int) -> str:
    """Folder of a loop within the run's."""
    return f"loop_{loop}"


def build_graph(config: SynthesisConfig) -> dict[str, Stage]:
    """All stages by name, each after what it needs; what is ready starts in this order."""
    stages: list[LoopStage] = []
    fixed = () if config.fixed.checkpoint is not None else (FIXED,)
    last: list[str] = []
    for loop in range(config.loops):
        needs = _needs(config, loop, fixed)
        for kind in STAGES:
            # The longest of what is ready: the first loop's motions, whose mistakes minutes show, come before it.
            if fixed and loop == 0 and kind == TRAIN:
                stages.append(LoopStage(FIXED, TRAIN, FIXED))
            stages.append(LoopStage(stage_name(loop, kind), kind, "", needs[kind], loop))
        last = [stage_name(loop, RECORD)]
    if config.heldout:
        stages.append(LoopStage(BASELINE, BASELINE, FIXED, fixed))
        last.append(BASELINE)
    # The report tells the scheduler's decisions too, which no record holds.
    shown = [stage_name(loop, kind) for loop in range(config.loops) for kind in (PROMPTS, RECORD)]
    stages.append(LoopStage(REPORT, REPORT, needs=tuple(dict.fromkeys([*shown, *last]))))
    return {stage.name: stage for stage in stages}


def starts_anew(config: SynthesisConfig, loop: int) -> bool:
    """Whether a loop's training starts with `training.init_from`, not with the loop before; a pipeline never does."""
    return config.training.pipeline is None and (loop == 0 or not config.training.warm_start)


def _needs(config: SynthesisConfig, loop: int, fixed: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What every stage of a loop needs: all that its outputs depend on, so that these are its inputs too."""

    def own(*kinds: str) -> tuple[str, ...]:
        return tuple(stage_name(loop, kind) for kind in kinds)

    def earlier(kind: str) -> tuple[str, ...]:
        return tuple(stage_name(before, kind) for before in range(loop))

    training = (*own(CORPUS, RETARGET), *earlier(RETARGET))
    if starts_anew(config, loop):
        training += fixed if config.training.init_from == FIXED else ()
    elif config.training.pipeline is None:
        training += (stage_name(loop - 1, TRAIN),)
    return {
        PROMPTS: earlier(RECORD),
        GENERATE: own(PROMPTS),
        FILTER: own(GENERATE),
        JUDGE: own(GENERATE, FILTER),
        RETARGET: own(GENERATE, FILTER, JUDGE),
        CORPUS: own(PROMPTS, GENERATE, FILTER, JUDGE, RETARGET)
        + (earlier(CORPUS) if config.training.earlier != "none" else ()),
        TRAIN: training,
        EVALUATE: own(CORPUS, RETARGET, TRAIN),
        MEASURE: own(CORPUS, RETARGET) + fixed,
        RECORD: own(GENERATE, FILTER, JUDGE, RETARGET, CORPUS, TRAIN, EVALUATE, MEASURE),
    }
