"""Routing: every frozen teacher on every clip, and for each clip the teacher that tracks it best (eq. 14, 15)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.evaluation.report import number, settings
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.run import evaluate_checkpoint, evaluation_library
from athena_wbc.files import write_json
from athena_wbc.motion.corpus import specs_from
from athena_wbc.pipeline.bank import choose_teachers, open_bank
from athena_wbc.pipeline.records import check_output_file, judging_config
from athena_wbc.pipeline.tables import print_routing

KIND = "routing"
FIRST, CRITICAL_SCALE = "first", "critical_scale"
TIES = (FIRST, CRITICAL_SCALE)
"""Who gets a clip on which several teachers succeed equally often."""


def select_routes(success: np.ndarray, critical_scale: np.ndarray, tie: str = FIRST) -> tuple[np.ndarray, np.ndarray]:
    """The teacher of every clip: the one with the highest success rate (eq. 14).

    Args:
        success: (K, M) success rates of K teachers on M clips, measured with equally many rollouts.
        critical_scale: (K, M) mean critical scales; infinite where a rollout was cut.
        tie: ``first``: among equals the teacher that stands first, the general one. ``critical_scale``: among equals
            the smallest mean critical scale, and the first of those that share it.

    Returns:
        winner (M,) indices of teachers, and tied (M,) bool: clips where several had the highest success rate.
    """
    best = success == success.max(axis=0)
    tied = best.sum(axis=0) > 1
    if tie == CRITICAL_SCALE:
        scale = np.where(best & ~np.isnan(critical_scale), critical_scale, np.inf)
        # The mask once more: where all scales are infinite, a teacher that is not among the best would fit too.
        best = best & (scale == scale.min(axis=0))
    return best.argmax(axis=0), tied


def routing_record(results: Mapping[str, Results], tie: str = FIRST) -> dict[str, Any]:
    """The part of ``routing.json`` that the rollouts alone decide.

    Args:
        results: of every teacher on the same clips, the general teacher first.
        tie: see :func:`select_routes`.
    """
    if tie not in TIES:
        raise AthenaError(f"--tie: {suggest(tie, TIES)}")
    names = list(results)
    success = np.stack([result.success_by_clip() for result in results.values()])
    tis = np.stack([result.tis_by_clip() for result in results.values()])
    scale = np.stack([result.of("critical_scale").mean(axis=1) for result in results.values()])
    winner, tied = select_routes(success, scale, tie)
    best = success.max(axis=0)
    corpus = next(iter(results.values()))
    clips = [
        {
            "clip": clip,
            "label": corpus.labels[m],
            "duration_s": number(corpus.durations[m]),
            "teacher": names[winner[m]],
            "tied": [name for k, name in enumerate(names) if success[k, m] == best[m]] if tied[m] else [],
            "SR": {name: number(success[k, m]) for k, name in enumerate(names)},
            "TIS": {name: number(tis[k, m]) for k, name in enumerate(names)},
            "critical_scale": {name: number(scale[k, m]) for k, name in enumerate(names)},
        }
        for m, clip in enumerate(corpus.names)
    ]
    teachers = [
        {
            "name": name,
            "SR": number(success[k].mean()),
            "TIS": number(tis[k].mean()),
            "routed": int((winner == k).sum()),
            "routed_alone": int(((winner == k) & ~tied).sum()),
            "never_succeeds": bool((success[k] == 0.0).all()),
        }
        for k, name in enumerate(names)
    ]
    return {
        "kind": KIND,
        "routes": {record["clip"]: record["teacher"] for record in clips},
        "teachers": teachers,
        "tie": tie,
        "ties": int(tied.sum()),
        "unsolved": [clip for clip, rate in zip(corpus.names, best, strict=True) if rate == 0.0],
        "SR_routed": number(best.mean()),
        "results": clips,
    }


def run_routing(
    teachers: Mapping[str, str | os.PathLike[str]],
    motions: str | Sequence[str] | None,
    out: str | os.PathLike[str],
    tie: str = FIRST,
    without: Sequence[str] = (),
    rollouts: int | None = None,
    protocol: str = "athena",
    num_envs: int | None = None,
    seed: int = 0,
    randomisation: str | None = None,
    overrides: Sequence[str] = (),
    device: str = "cpu",
    console: Console | None = None,
) -> dict[str, Any]:
    """Roll out every teacher on every clip, write ``routing.json``, print it, and return what the file holds.

    All teachers act by their means, in the first one's simulation, on the same draws of the randomisation.

    Args:
        teachers: name -> checkpoint file or run's folder; the general teacher first, it gets the ties.
        motions: motion specification; the built-in clips where None.
        out: the file to write.
        tie: ``first`` or ``critical_scale``; see :func:`select_routes`.
        without: names of teachers to leave out.
        rollouts: of every clip; ten by default.
        protocol, num_envs, seed, randomisation, overrides, device: as in ``run_evaluation``.
        console: where to print; nothing is printed where None.

    Raises:
        AthenaError: anything in the arguments that cannot be routed with; teachers that do not go together.
    """
    if tie not in TIES:
        raise AthenaError(f"--tie: {suggest(tie, TIES)}")
    specs = ["builtin"] if motions is None else [motions] if isinstance(motions, str) else list(motions)
    out = check_output_file(out, specs)
    bank = open_bank(choose_teachers(teachers, without))
    first = judging_config(bank[0].path, protocol, rollouts, num_envs, randomisation, overrides)
    library = evaluation_library(specs, first, device)
    results, hashes = {}, {}
    for teacher in bank:
        if console is not None:
            console.print(f"teacher {teacher.name}: {teacher.path}", markup=False, soft_wrap=True)
        config = judging_config(teacher.path, protocol, rollouts, num_envs, randomisation, overrides)
        # Eq. 14 compares like with like: one simulation, and one number of rollouts even where one alone is noisy.
        config.sim, config.evaluation.rollouts = first.sim, first.evaluation.rollouts
        results[teacher.name], subject = evaluate_checkpoint(
            teacher.path, config, library, specs, seed, console=console
        )
        hashes[teacher.name] = subject.checkpoint_hash
    content = routing_record(results, tie) | settings(first.evaluation, subject)
    del content["checkpoint_hash"]
    for record in content["teachers"]:
        name = record["name"]
        record |= {"checkpoint": str(teachers[name]), "checkpoint_hash": hashes[name]}
    content |= {"without": list(without), "motions": specs_from(specs, out.parent)}
    write_json(out, content)
    if console is not None:
        print_routing(content, str(out), console)
    return content
