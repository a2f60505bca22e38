"""Judge, scheduler and adviser of a run, by its configuration."""

from __future__ import annotations

from athena_wbc.synthesis.config import scheduler_options
from athena_wbc.synthesis.language.config import ADVISER, placed
from athena_wbc.synthesis.loop.plan import LoopPlan
from athena_wbc.synthesis.loop.resolve import LANGUAGE_FOLDER
from athena_wbc.synthesis.protocols import Judge, Scheduler
from athena_wbc.synthesis.refine.config import RefineConfig
from athena_wbc.synthesis.refine.interleaved import Adviser


def judge_of(plan: LoopPlan) -> Judge:
    """The judge; stages run in the run's folder, where its recording and its costs are kept."""
    from athena_wbc.synthesis.judges.registry import make_judge

    chosen = plan.config.judge
    return make_judge(chosen.name, placed(chosen.name, chosen.options, LANGUAGE_FOLDER), f"{plan.source}: judge")


def scheduler_of(plan: LoopPlan) -> Scheduler:
    """The scheduler with its ablation; recording and costs as for :func:`judge_of`."""
    from athena_wbc.synthesis.schedulers.registry import make_scheduler

    chosen = plan.config.scheduler
    options = placed(chosen.name, scheduler_options(plan.config), LANGUAGE_FOLDER)
    return make_scheduler(chosen.name, options, f"{plan.source}: scheduler", chosen.ablation)


def adviser_of(plan: LoopPlan, settings: RefineConfig) -> Adviser | None:
    """Who says what to do about a motion, None for the rules; recording and costs as for :func:`judge_of`."""
    from athena_wbc.synthesis.refine.adviser import make_adviser

    if not settings.adviser:
        return None
    return make_adviser(placed(ADVISER, settings.adviser, LANGUAGE_FOLDER), f"{plan.source}: refine.options.adviser")
