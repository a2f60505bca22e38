"""Write what an evaluation found: JSON, tables, curve and plot. The same results give the same bytes."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from athena_wbc import __version__
from athena_wbc.evaluation import metrics
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.errors import ERRORS, RULES
from athena_wbc.evaluation.plot import plot_curves
from athena_wbc.evaluation.results import Results, nanmean, nanstd
from athena_wbc.evaluation.score import MEANS
from athena_wbc.files import atomic_write, write_json, write_text
from athena_wbc.motion.corpus import specs_from

SUCCESS_ONLY = MEANS[:10]
"""Those that are also reported over successful rollouts alone."""

CLIP_VALUES = tuple(name for name in MEANS if "_per_frame" not in name and name != "MPJPE_W_world_mm")
"""Values that a row of ``clips.csv`` holds."""


MEAN, SAMPLE = "mean", "sample"


@dataclass(frozen=True)
class Subject:
    """What was evaluated, for the record."""

    checkpoint_hash: str
    """SHA-256 of the checkpoint file, or the name of a built-in baseline."""
    corpus_hash: str
    robot: str
    robot_hash: str
    motions: tuple[str, ...]
    """The motion specification as the user gave it."""
    seed: int
    num_envs: int
    randomisation: dict[str, Any]
    """Resolved ranges of the domain randomisation."""
    actor: str = MEAN
    """Actions that were taken: the policy's ``mean``, or a ``sample`` of its distribution."""
    simulator: str = "mujoco"
    physics: str | None = None
    """The simulator's engine; None where it has but one."""


def summary(results: Results, config: EvaluationConfig, subject: Subject) -> dict[str, Any]:
    """Everything in ``metrics.json``. A value that is not defined is None."""
    by_clip = {name: results.by_clip(name) for name in MEANS}
    by_clip |= {"SR": results.success_by_clip(), "TIS": results.tis_by_clip()}
    succeeded = {name: results.by_clip(name, where=results.succeeded) for name in SUCCESS_ONLY}
    return {
        **{name: number(nanmean(values)) for name, values in by_clip.items()},
        "std": {name: number(nanstd(values)) for name, values in by_clip.items()},
        "success_only": {name: number(nanmean(values)) for name, values in succeeded.items()},
        "by_rule": {rule: _rates(results, rule) for rule in RULES},
        "by_label": {
            label: {
                "clips": len(part.names),
                **_rates(part),
                **{name: number(nanmean(part.by_clip(name))) for name in MEANS[:3]},
            }
            for label, part in results.by_label().items()
        },
        "clips": len(results.names),
        "clips_failed": len(results.failed_clips()),
        "rollouts_cut": int((~results.completed).sum()),
        "seconds": number(float(results.durations.sum())),
        **settings(config, subject),
    }


def settings(config: EvaluationConfig, subject: Subject) -> dict[str, Any]:
    """What was rolled out and how, as every record carries it."""
    return {
        "rollouts": config.rollouts,
        "protocol": config.protocol,
        "thresholds": {name: getattr(config.limits, name) for name in config.errors},
        "frame": "world" if any(name.endswith("_world") for name in config.errors) else "anchored",
        "cap_scale": config.cap_scale,
        "actor": subject.actor,
        "randomisation": config.randomisation,
        "randomisation_ranges": subject.randomisation,
        "observation_noise": config.observation_noise,
        "configuration": asdict(config),
        "simulator": subject.simulator,
        "physics": subject.physics,
        "seed": subject.seed,
        "num_envs": subject.num_envs,
        "motions": list(subject.motions),
        "corpus_hash": subject.corpus_hash,
        "checkpoint_hash": subject.checkpoint_hash,
        "robot": subject.robot,
        "robot_hash": subject.robot_hash,
        "library_version": __version__,
    }


def write_report(
    out: str | os.PathLike[str], results: Results, config: EvaluationConfig, subject: Subject
) -> dict[str, Any]:
    """Write all files of a report into the folder ``out`` and return what ``metrics.json`` holds.

    clips.csv (a row a clip), stc.csv and stc.png (success-tolerance curve), spectrum.csv (action spectrum),
    failed.json (a motion list of the clips of which a rollout failed) and metrics.json, which comes last: where
    it is new, the report is whole.
    """
    out = Path(out)
    (out / "metrics.json").unlink(missing_ok=True)
    write_text(out / "clips.csv", csv_text(clip_rows(results)))
    write_text(out / "stc.csv", csv_text(curve_rows(results, config)))
    atomic_write(out / "stc.png", curve_picture(results, config))
    write_text(out / "spectrum.csv", csv_text(spectrum_rows(results)))
    names = [results.names[clip] for clip in results.failed_clips()]
    write_json(out / "failed.json", {"motions": specs_from(subject.motions, out), "clips": names})
    content = summary(results, config, subject)
    write_json(out / "metrics.json", content)
    return content


def clip_rows(results: Results) -> list[dict[str, Any]]:
    """One row a clip, in the corpus's order."""
    success, tis, scales = results.success_by_clip(), results.tis_by_clip(), results.of("critical_scale")
    values = {name: results.by_clip(name) for name in CLIP_VALUES}
    rows = []
    for clip, name in enumerate(results.names):
        failure, time = results.first_failure(clip)
        rows.append(
            {
                "clip": name,
                "label": results.labels[clip],
                "duration_s": results.durations[clip],
                "SR": success[clip],
                "TIS": tis[clip],
                "critical_scale_mean": scales[clip].mean(),
                "critical_scale_worst": scales[clip].max(),
                "failed_by": failure,
                "failed_at_s": time,
                "completed": results.completed[clip].mean(),
                **{f"peak_{error}": results.peaks[clip, :, column].max() for column, error in enumerate(ERRORS)},
                **{key: value[clip] for key, value in values.items()},
            }
        )
    return rows


def curve_rows(results: Results, config: EvaluationConfig) -> list[dict[str, Any]]:
    """The success-tolerance curve of all clips and of each label, one row a tolerance."""
    scales, curves = _curves(results, config)
    columns = {name: curve for name, (curve, _) in curves.items()}
    return [{"scale": scale, **{name: columns[name][k] for name in columns}} for k, scale in enumerate(scales)]


def curve_picture(results: Results, config: EvaluationConfig) -> bytes:
    """The same as a PNG."""
    scales, curves = _curves(results, config)
    clips = f"{len(results.names)} clips" if len(results.names) != 1 else "1 clip"
    title = f"Success–tolerance curve, protocol {config.protocol}, {clips} × {results.rollouts}"
    rates = {name: (part.success_by_clip().mean(), part.tis_by_clip().mean()) for name, (_, part) in curves.items()}
    return plot_curves(scales, {name: curve for name, (curve, _) in curves.items()}, rates, title)


def spectrum_rows(results: Results) -> list[dict[str, Any]]:
    """Normalised power spectral density of the commands, mean and standard deviation over clips."""
    by_clip = nanmean(results.spectrum, axis=1)
    centres = (results.edges[:-1] + results.edges[1:]) / 2.0
    mean, std = nanmean(by_clip, axis=0), nanstd(by_clip, axis=0)
    return [
        {"frequency_hz": frequency, "power_per_hz": mean[k], "power_per_hz_std": std[k]}
        for k, frequency in enumerate(centres)
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a heading; numbers of six digits, nothing where a value is not defined, ``inf`` for s*."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([value if isinstance(value, str) else _cell(value) for value in row.values()])
    return buffer.getvalue()


def number(value: Any) -> float | None:
    """A number of nine digits, or None where it is not finite: JSON has no other form."""
    value = float(value)
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _cell(value: Any) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _rates(results: Results, rule: str = "") -> dict[str, float | None]:
    scales = results.scales(rule)
    return {
        "SR": number(metrics.success_rate(scales)),
        "TIS": number(metrics.threshold_integrated_success(scales)),
    }


def _curves(results: Results, config: EvaluationConfig) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, Results]]]:
    scales = np.linspace(0.0, config.curve_max, config.curve_points)
    parts = {"all": results}
    labelled = results.by_label()
    if len(labelled) > 1:
        parts |= labelled
    # Rounded, since 40 * 0.025 may be a little less than 1, and success at a tolerance is strict.
    tolerances = torch.from_numpy(scales.round(9))
    curve = metrics.success_tolerance_curve
    return tolerances.numpy(), {name: (curve(part.scales(), tolerances).numpy(), part) for name, part in parts.items()}
