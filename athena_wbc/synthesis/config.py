"""The schema of ``configs/synthesis/*.yaml``: what a loop is made of."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose, file_layers, override_layers
from athena_wbc.pipeline.config import JudgingConfig
from athena_wbc.synthesis.convert import ConversionConfig, check_conversion, claims_filters
from athena_wbc.synthesis.filters import FilterConfig, check_filters
from athena_wbc.synthesis.records import VERDICTS

FIXED = "fixed"
"""Name of the fixed tracker, where a training may start from it; also its stage and folder."""

RULE, LLM = "rule", "llm"
"""Names of the schedulers that read what the loops found."""

ONE_SHOT = "one_shot"
"""Name of the scheduler that is the control of the others: it has as many prompts, from where they start."""

MDM_LITE = "mdm_lite"
"""Name of the generator that learns on the spot, by default from motions for the prompts of a bank."""

_SHARED = {ONE_SHOT: ("start_tier",), "random": ("rehearsal",)}
"""Scheduler -> options that mean the same for it as for the rule, which has more of them."""

_SERVED = ("endpoint", "members")
"""Options that name what servers know; none of them is a path."""

EARLIER = ("rehearsal", "all", "none")
"""Which clips of earlier loops are trained again."""

GO_ON, STOP = "go_on", "stop"
EMPTY_DOMAIN = (GO_ON, STOP)

MOST_FRAMES = 4000
"""At 20 a second, 200 s: longer motions are a mistake."""


@dataclass
class PartConfig:
    """A part by its name, with what it takes."""

    name: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    """Its own settings; see docs/synthesis.md."""


@dataclass
class GeneratorConfig(PartConfig):
    """What makes motions of prompts."""

    name: str = "library"
    """``library``, ``mdm``, ``mdm_lite``, ``folder``, ``http`` or ``irg``."""
    batch: int = 20
    """Prompts at a time; a kill loses at most these."""


@dataclass
class JudgeConfig(PartConfig):
    """Who looks at the motions."""

    name: str = "kinematic"
    """``kinematic``, ``vlm`` or ``ensemble``."""
    batch: int = 10
    """Motions at a time; a kill loses at most these."""
    accept: list[str] = field(default_factory=lambda: ["aligned", "partial"])
    """Verdicts with which a motion is kept. CLAIMS drops ``mismatch`` alone."""


@dataclass
class SchedulerConfig(PartConfig):
    """Who chooses the prompts of the next loop."""

    name: str = "rule"
    """``rule``, ``llm``, ``random`` or ``one_shot``."""
    ablation: str = ""
    """``without_variables``, ``without_judge``, ``without_metrics`` or ``without_both``; empty for none."""


@dataclass
class RefineSwitch:
    """Generation interleaved with assessment and refinement."""

    on: bool = False
    """Whether motions are refined before they are filtered."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the refinement; see docs/synthesis_scheduler.md."""


@dataclass
class TrainingConfig:
    """How the tracker of a loop is trained."""

    recipe: str = "general"
    """Name in ``configs/recipe``, or a YAML file."""
    iterations: int = 1000
    """Iterations in every loop."""
    num_envs: int = 512
    """Parallel environments."""
    overrides: list[str] = field(default_factory=list)
    """``key=value`` changes to the recipe; of a pipeline, to the recipes of all its trainings in place of its own."""
    warm_start: bool = True
    """Whether a loop starts with the networks of the loop before; else every loop starts as the first does."""
    init_from: str | None = None
    """What the first loop starts with: ``fixed`` for the fixed tracker, a checkpoint or a run's folder; null for
    nothing."""
    earlier: str = "rehearsal"
    """Clips of earlier loops that are trained again: ``rehearsal`` for those that the scheduler names, ``all`` or
    ``none``."""
    pipeline: str | None = None
    """Name in ``configs/pipeline``, or a YAML file: every loop then runs the whole pipeline on its clips instead of
    one recipe. It starts from scratch in every loop."""
    policy: str | None = None
    """Of that pipeline, the policy that is the loop's tracker; null: the last one."""


@dataclass
class FixedConfig:
    """The fixed tracker, by which the difficulty of every loop's motions is measured. It never sees them."""

    checkpoint: str | None = None
    """A checkpoint or a run's folder; ``zero`` for the policy that does nothing; null trains one on ``motions``."""
    motions: list[str] = field(default_factory=lambda: ["builtin"])
    """What it is trained on, as motion specifications."""
    recipe: str = "general"
    iterations: int = 1000
    num_envs: int = 512
    overrides: list[str] = field(default_factory=list)
    seed: int = 0
    """Of its training: one tracker measures the loops of all seeds."""


@dataclass
class EvaluatingConfig(JudgingConfig):
    """How trackers are rolled out. The default is the rule of PHC and CLAIMS: mean body error below 0.5 m."""

    protocol: str = "phc"
    seed_offset: int = 1000


@dataclass
class AnalysisConfig:
    """What the report compares the loops' motions with."""

    source: list[str] = field(default_factory=lambda: ["builtin"])
    """Motion specifications of the source set."""
    neighbours: int = 5
    """k of the nearest-neighbour overlap."""
    points: int = 1500
    """Windows of motion that are embedded at most, of all sets together."""
    strips: int = 1
    """Motions that are drawn of every domain in every loop."""


@dataclass
class SynthesisConfig:
    """Everything that decides a loop, apart from the files that it names and the machine."""

    robot: str = "g1"
    """Name of a registered robot, or the path of a ``robot.yaml``."""
    seeds: list[int] = field(default_factory=lambda: [0])
    """One: the loop lies in ``--out``. Several: each lies in ``--out/seed_<k>``, with a comparison over all."""
    loops: int = 3
    """Rounds of prompts, motions and training. More may be added to a finished run."""
    per_domain: int = 40
    """Prompts of every domain in a loop."""
    frames: int = 120
    """Length of a motion at 20 frames a second; generators may give fewer."""
    bank: list[str] = field(default_factory=list)
    """YAML files, or folders of them, with domains beside or in place of those of the library."""
    domains: list[str] = field(default_factory=list)
    """Domains of the bank that are used; empty for all."""
    on_empty_domain: str = GO_ON
    """Where a domain is left without a clip in a loop: ``go_on`` with the others, or ``stop``."""
    motions_root: str | None = None
    """Folder that relative paths start at; null: where the command is run."""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    refine: RefineSwitch = field(default_factory=RefineSwitch)
    conversion: ConversionConfig = field(default_factory=ConversionConfig)
    filters: FilterConfig = field(default_factory=FilterConfig)
    """With ``conversion.claims_compat`` all are off but for the pelvis' heights, unless they are given."""
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    fixed: FixedConfig = field(default_factory=FixedConfig)
    evaluation: EvaluatingConfig = field(default_factory=EvaluatingConfig)
    heldout: list[str] = field(default_factory=list)
    """Motions that nothing is trained on, as motion specifications; every loop's tracker is rolled out on them."""
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)


def load_synthesis(
    name: str | None,
    overrides: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    recorded: tuple[str, Mapping[str, Any]] | None = None,
) -> SynthesisConfig:
    """Compose a loop's configuration.

    Args:
        name: in ``configs/synthesis``, or a YAML file of one's own; None for the recorded one.
        overrides: ``key=value`` strings; they win over all else.
        given: keys -> values of the command's own options; another generator, judge or scheduler than the file's
            loses the file's options, but for those that both schedulers know, in which they are comparable.
        recorded: where an earlier configuration was read from, and its values; used where ``name`` is None.

    Raises:
        AthenaError: an unknown key (with the nearest known one), or a value that no loop can have; names the file and
            the key.
    """
    if name is not None:
        layers = file_layers("synthesis", name)
    elif recorded is not None:
        layers = [Layer(recorded[0], _without_base(recorded[1]))]
    else:
        raise AthenaError("--preset: names no loop; give demo, or a YAML file of your own")
    source = layers[-1].source
    given = dict(given or {})
    parts = {key: given.pop(key) for key in ("generator", "judge", "scheduler") if key in given}
    if parts:
        layers = [Layer(source, _with_parts(_without_base(to_dict(_compose(layers))), parts))]
    if given:
        layers = [*layers, Layer("option", given)]
    config = _compose([*layers, *override_layers(overrides)])
    check_synthesis_config(config, source)
    return _anchored(config)


def _compose(layers: Sequence[Layer]) -> SynthesisConfig:
    """The layers over the defaults; what the filters' defaults are depends on how motions are converted."""
    config = compose(SynthesisConfig, layers)
    if not config.conversion.claims_compat:
        return config
    base = Layer("conversion.claims_compat", {"filters": dataclasses.asdict(claims_filters())})
    return compose(SynthesisConfig, [base, *layers])


def _without_base(values: Mapping[str, Any]) -> dict[str, Any]:
    """A whole configuration less the limits of filters that its conversion gives by itself: another has others."""
    conversion, filters = values.get("conversion"), values.get("filters")
    if not isinstance(conversion, Mapping) or not isinstance(filters, Mapping):
        return dict(values)
    base = plain(dataclasses.asdict(claims_filters() if conversion.get("claims_compat") is True else FilterConfig()))
    return {**values, "filters": {key: value for key, value in filters.items() if value != base.get(key)}}


def _with_parts(values: dict[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
    """The values with other parts; a part of another name has other options, but for what schedulers share."""
    for key, name in parts.items():
        part = values[key]
        if part["name"] != name:
            options = _taken_over(part["name"], part["options"], name) if key == "scheduler" else {}
            values[key] |= {"name": name, "options": options}
    return values


def _taken_over(old: str, options: Mapping[str, Any], new: str) -> dict[str, Any]:
    """Options of a scheduler that is put in the place of another: what both know, by the names of the rule."""
    known = options.get(RULE, {}) if old == LLM else options
    shared = {key: value for key, value in known.items() if all(_knows(name, key) for name in (old, new))}
    if old == ONE_SHOT and shared.get("start_tier") is None:
        # The whole bank, which the rule has no tier for.
        shared.pop("start_tier", None)
    return {RULE: shared} if new == LLM and shared else shared


def _knows(scheduler: str, option: str) -> bool:
    """Whether an option of the rule, out of a configuration, is one of a scheduler too: a language model has a rule."""
    return scheduler in (RULE, LLM) or option in _SHARED.get(scheduler, ())


def scheduler_options(config: SynthesisConfig) -> dict[str, Any]:
    """The scheduler's options; `one_shot` has as many loops as the run where it names none."""
    options = dict(config.scheduler.options)
    if config.scheduler.name == ONE_SHOT and options.get("loops") is None:
        options["loops"] = config.loops
    return options


def generator_options(config: SynthesisConfig) -> dict[str, Any]:
    """The generator's options; `mdm_lite` learns from the bank of the run where they name no other."""
    options = dict(config.generator.options)
    if config.generator.name == MDM_LITE and not {"motions", "bank", "domains"} & options.keys():
        options |= {key: list(names) for key in ("bank", "domains") if (names := getattr(config, key))}
    return options


def check_synthesis_config(config: SynthesisConfig, source: str) -> None:
    """Refuse what no loop can be run with; the error names the file and the key."""
    if not config.seeds or len(set(config.seeds)) < len(config.seeds) or min(config.seeds) < 0:
        raise AthenaError(f"{source}: seeds: {config.seeds}: give one or more different numbers, 0 or more")
    for key, value in {
        "loops": config.loops,
        "per_domain": config.per_domain,
        "generator.batch": config.generator.batch,
        "judge.batch": config.judge.batch,
        "training.iterations": config.training.iterations,
        "training.num_envs": config.training.num_envs,
        "fixed.iterations": config.fixed.iterations,
        "fixed.num_envs": config.fixed.num_envs,
        "analysis.neighbours": config.analysis.neighbours,
        "evaluation.rollouts": config.evaluation.rollouts,
        "evaluation.num_envs": config.evaluation.num_envs,
    }.items():
        if value is not None and value < 1:
            raise AthenaError(f"{source}: {key}: must be 1 or more, is {value}")
    if not 20 <= config.frames <= MOST_FRAMES:
        raise AthenaError(f"{source}: frames: must be from 20 to {MOST_FRAMES} (at 20 a second), is {config.frames}")
    for key, value in (("analysis.points", config.analysis.points), ("analysis.strips", config.analysis.strips)):
        if value < 0:
            raise AthenaError(f"{source}: {key}: must be 0 or more, is {value}")
    for key, value, known in (
        ("on_empty_domain", config.on_empty_domain, EMPTY_DOMAIN),
        ("training.earlier", config.training.earlier, EARLIER),
    ):
        if value not in known:
            raise AthenaError(f"{source}: {key}: {suggest(value, known)}")
    for verdict in config.judge.accept:
        if verdict not in VERDICTS:
            raise AthenaError(f"{source}: judge.accept: verdict {suggest(verdict, VERDICTS)}")
    if not config.judge.accept:
        raise AthenaError(
            f"{source}: judge.accept: names no verdict, so nothing would be kept; give [aligned, partial]"
        )
    for part in ("generator", "judge", "scheduler"):
        if not getattr(config, part).name:
            raise AthenaError(f"{source}: {part}.name: is empty; see docs/synthesis.md for the names")
    if config.fixed.checkpoint is None and not config.fixed.motions:
        raise AthenaError(f"{source}: fixed.motions: names none; give some, or fixed.checkpoint")
    if config.training.init_from == FIXED and config.fixed.checkpoint == "zero":
        raise AthenaError(
            f"{source}: training.init_from: the fixed tracker is 'zero', which has no networks; give null"
        )
    if not config.analysis.source:
        raise AthenaError(f"{source}: analysis.source: names no motions; give [builtin]")
    check_filters(config.filters, f"{source}: filters")
    check_conversion(config.conversion, f"{source}: conversion")


def _anchored(config: SynthesisConfig) -> SynthesisConfig:
    """The same with absolute paths: the stages run in the loop's folder."""
    root = str(Path(config.motions_root or ".").expanduser().absolute())
    config.motions_root = root

    def own(name: str) -> str:
        expanded = os.path.expanduser(name)
        return os.path.normpath(os.path.join(root, expanded))

    def file(name: str) -> str:
        return own(name) if name.endswith((".yaml", ".yml")) else name

    config.robot, config.evaluation.protocol = file(config.robot), file(config.evaluation.protocol)
    config.training.recipe, config.fixed.recipe = file(config.training.recipe), file(config.fixed.recipe)
    if config.training.pipeline is not None:
        config.training.pipeline = file(config.training.pipeline)
    config.bank = [own(path) for path in config.bank]
    if config.training.init_from not in (None, FIXED):
        config.training.init_from = own(config.training.init_from)
    if config.fixed.checkpoint not in (None, "zero"):
        config.fixed.checkpoint = own(config.fixed.checkpoint)
    for part in (config.generator, config.judge, config.scheduler, config.refine):
        part.options = _rooted(part.options, own)
    return config


def _rooted(value: Any, own: Callable[[str], str]) -> Any:
    """Options with absolute paths: those of recordings and costs, and wherever a text names what is there.

    What servers know by its name stays as it is. Infinity is as it was read.
    """
    if isinstance(value, Mapping):
        return {key: _rooted_option(key, entry, own) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rooted(entry, own) for entry in value]
    if value in ("inf", "-inf"):
        return float(value)
    is_path = isinstance(value, str) and (os.sep in value or "." in value) and "://" not in value
    return own(value) if is_path and len(value) < 1000 and os.path.exists(own(value)) else value


def _rooted_option(key: str, value: Any, own: Callable[[str], str]) -> Any:
    if key in _SERVED:
        return value
    if key == "cassette" and isinstance(value, Mapping):
        return {name: _written(entry, own) if name == "path" else entry for name, entry in value.items()}
    return _written(value, own) if key == "costs" else _rooted(value, own)


def _written(value: Any, own: Callable[[str], str]) -> Any:
    """A file that a run writes, and that need not be there; empty for none."""
    return own(value) if isinstance(value, str) and value else value


def to_dict(config: SynthesisConfig) -> dict[str, Any]:
    """The configuration as nested plain containers that JSON can hold: what is infinite is a text."""
    return plain(dataclasses.asdict(config))


def plain(value: Any) -> Any:
    """Plain values that JSON can hold; ``inf`` and ``-inf`` as texts, which the configuration reads as numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
