"""Mining: which clips a teacher cannot do, how it fails them, and the residual set that experts train on (eq. 6-8)."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console

from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.errors import ERRORS
from athena_wbc.evaluation.report import number, settings
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.run import checkpoint_file, evaluate_checkpoint, evaluation_library
from athena_wbc.files import write_json
from athena_wbc.motion.corpus import specs_from
from athena_wbc.pipeline.records import check_output_file, judging_config, read_record
from athena_wbc.pipeline.tables import print_mining

KIND = "residual"
RHO_FAIL = 0.8
"""Success rate below which a clip is residual (rho_fail of eq. 8)."""
EARLY_S = 1.0
"""A rollout whose first failure comes at this time or sooner is an early fall, s."""

MEAN_VALUES = ("MPJPE_mm", "MPJPE_W_mm", "MPJPE_world_mm", "final_drift_m", "frames_evaluated")
"""Values of a clip that the record holds as means over its rollouts."""


def select_residual(success: Sequence[float] | np.ndarray, rho: float = RHO_FAIL) -> list[int]:
    """Clips whose success rate is strictly below ``rho`` (eq. 8), in the corpus's order.

    Args:
        success: (M,) success rates, 0 to 1 (eq. 7).
        rho: above 0, at most 1.

    Raises:
        AthenaError: ``rho`` is out of range.
    """
    if not 0.0 < rho <= 1.0:
        raise AthenaError(f"--rho: must be above 0 and at most 1, is {rho:g}; the paper has {RHO_FAIL:g}")
    return np.flatnonzero(np.asarray(success) < rho).tolist()


def early_falls(failure_steps: np.ndarray, control_dt: float, early_s: float = EARLY_S) -> np.ndarray:
    """Rollouts that first failed, by whichever error, within the first ``early_s`` seconds.

    Args:
        failure_steps: (M, R) control step of the first failure, -1 for a success.
        control_dt: s.

    Returns:
        (M, R) bool.
    """
    return (failure_steps >= 0) & (failure_steps * control_dt <= early_s + 1e-9)


def clip_records(results: Results, rho: float = RHO_FAIL, early_s: float = EARLY_S) -> list[dict[str, Any]]:
    """What is known of every clip, in the corpus's order.

    A critical scale of None is infinite: the rollout was cut at the protocol's cap, or its numbers were lost.
    ``failed_by`` is the error that most of the failed rollouts first broke, ``failed_at_s`` the median time at which
    they did; both are empty (``""``, None) for a clip without a failure.
    """
    success, tis = results.success_by_clip(), results.tis_by_clip()
    scales, early = results.of("critical_scale"), early_falls(results.failure_steps, results.control_dt, early_s)
    means = {name: results.by_clip(name) for name in MEAN_VALUES}
    residual = set(select_residual(success, rho))
    records = []
    for clip, name in enumerate(results.names):
        failures = Counter(failure for failure in results.failures[clip] if failure)
        steps = results.failure_steps[clip][results.failure_steps[clip] >= 0]
        records.append(
            {
                "clip": name,
                "label": results.labels[clip],
                "duration_s": number(results.durations[clip]),
                "residual": clip in residual,
                "SR": number(success[clip]),
                "TIS": number(tis[clip]),
                "critical_scale": [number(scale) for scale in scales[clip]],
                "failed_by": failures.most_common(1)[0][0] if failures else "",
                "failed_at_s": number(np.median(steps) * results.control_dt) if len(steps) else None,
                "failures": dict(failures),
                "early_falls": number(early[clip].mean()),
                "peaks": {error: number(results.peaks[clip, :, k].max()) for k, error in enumerate(ERRORS)},
                **{name: number(values[clip]) for name, values in means.items()},
            }
        )
    return records


def mining_record(results: Results, rho: float = RHO_FAIL, early_s: float = EARLY_S) -> dict[str, Any]:
    """The part of ``residual.json`` that the rollouts alone decide."""
    success = results.success_by_clip()
    residual = select_residual(success, rho)
    early = early_falls(results.failure_steps, results.control_dt, early_s)
    failed = int((~results.succeeded).sum())
    return {
        "kind": KIND,
        "clips": [results.names[clip] for clip in residual],
        "num_clips": len(results.names),
        "coverage": number(1.0 - len(residual) / len(results.names)),
        "SR": number(success.mean()),
        "TIS": number(results.tis_by_clip().mean()),
        "early_falls": number(early.mean()),
        "early_falls_of_failures": number(early.sum() / failed) if failed else None,
        "rho_fail": rho,
        "early_s": early_s,
        "results": clip_records(results, rho, early_s),
    }


def run_mining(
    checkpoint: str | os.PathLike[str],
    motions: str | Sequence[str] | None,
    out: str | os.PathLike[str],
    rollouts: int | None = None,
    rho: float = RHO_FAIL,
    sample: bool = False,
    early_s: float = EARLY_S,
    protocol: str = "athena",
    num_envs: int | None = None,
    seed: int = 0,
    randomisation: str | None = None,
    overrides: Sequence[str] = (),
    device: str = "cpu",
    console: Console | None = None,
) -> dict[str, Any]:
    """Roll out every clip, write ``residual.json``, print what was found, and return what the file holds.

    The file is itself a motion list: ``--motions residual.json`` names the residual clips.

    Args:
        checkpoint: of the teacher: a file, a run's folder (its newest), or ``zero``.
        motions: motion specification; the built-in clips where None.
        out: the file to write.
        rollouts: of every clip; ten by default.
        rho: a clip that succeeds less often is residual.
        sample: draw actions from the policy's distribution; by default its mean acts, which is what is distilled.
        early_s: until when a first failure counts as an early fall, s.
        protocol, num_envs, seed, randomisation, overrides, device: as in ``run_evaluation``.
        console: where to print; nothing is printed where None.

    Raises:
        AthenaError: anything in the arguments that cannot be mined with.
    """
    specs = ["builtin"] if motions is None else [motions] if isinstance(motions, str) else list(motions)
    select_residual([], rho)
    if not 0.0 < early_s < math.inf:
        raise AthenaError(f"--early: must be a positive number of seconds, is {early_s:g}")
    out = check_output_file(out, specs)
    path = checkpoint_file(checkpoint)
    if path is None and sample:
        raise AthenaError("--sample: the policy 'zero' has no distribution to sample; name a checkpoint")
    config = judging_config(path, protocol, rollouts, num_envs, randomisation, overrides, sample)
    library = evaluation_library(specs, config, device)
    results, subject = evaluate_checkpoint(path, config, library, specs, seed, sample, console)
    content = mining_record(results, rho, early_s) | settings(config.evaluation, subject)
    content |= {"checkpoint": str(checkpoint), "motions": specs_from(specs, out.parent)}
    write_json(out, content)
    if console is not None:
        print_mining(content, str(out), console)
    return content


def load_residual(path: str | os.PathLike[str]) -> list[str]:
    """Names of the residual clips; empty where the teacher left none.

    Raises:
        AthenaError: no such file, a damaged one, or one of another library version.
    """
    clips = read_record(path, KIND, "mine").get("clips")
    if not isinstance(clips, list) or not all(isinstance(name, str) for name in clips):
        raise AthenaError(f"{path}: clips: must be a list of names; write it with athena mine again")
    return clips
