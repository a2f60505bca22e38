"""``report.html`` of a pipeline or of a study over seeds, and the same numbers as JSON and Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.text import Text

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json, write_text
from athena_wbc.pipeline import clip_tables, page, panels, report_tables
from athena_wbc.pipeline.comparison import Comparison
from athena_wbc.pipeline.curves import last_step
from athena_wbc.pipeline.figures import to_svg
from athena_wbc.pipeline.findings import (
    SEED_FOLDERS,
    Findings,
    flatten,
    is_pipeline,
    is_study,
    mapping,
    mixed_seeds,
    read_findings,
    seed_folders,
    study_notes,
)
from athena_wbc.pipeline.page import Section
from athena_wbc.pipeline.smoothness import SOURCE, ablation_set, orderings, variants
from athena_wbc.pipeline.tabular import counted, seconds_text, to_html, to_markdown, to_rich
from athena_wbc.pipeline.verdict import FINAL, over_runs, verdict, with_recipe

HTML, JSON, COMPARISON, MARKDOWN = "report.html", "report.json", "comparison.json", "table.md"

_VALUES = (
    *("SR", "TIS", "MPJPE_mm", "MPJPE_W_mm", "MPJPE_world_mm", "success_only.MPJPE_mm", "frames_evaluated"),
    *("action_rate", "action_jerk", "high_frequency_ratio", "clips", "clips_failed", "rollouts_cut"),
)
"""Values of ``metrics.json`` that ``report.json`` repeats for every policy and set."""


def write_pipeline_report(folder: Path) -> Path:
    """Write report.html, report.json, comparison.json and table.md of one pipeline into its folder.

    Args:
        folder: what ``athena pipeline`` wrote to. Stages, policies and sets that are missing are left out and told.

    Returns:
        The path of report.html.

    Raises:
        AthenaError: the folder holds no pipeline.
    """
    folder = Path(folder)
    return _write(folder, [read_findings(folder)])


def write_study_report(folder: Path) -> Path:
    """The same over the seeds of a study, into the study's folder.

    Args:
        folder: holds a pipeline in ``seed_<k>`` for every seed.

    Raises:
        AthenaError: there is no seed with a pipeline in it.
    """
    folder = Path(folder)
    return _write(folder, _study(folder))


def write_report(folder: Path) -> Path:
    """The report of a pipeline or of a study, whichever the folder holds."""
    folder = Path(folder)
    return write_study_report(folder) if is_study(folder) else write_pipeline_report(folder)


def print_summary(folder: Path, console: Console) -> None:
    """Print the headline's table, the verdict, what is missing, and where the report is."""
    folder = Path(folder)
    runs = _study(folder) if is_study(folder) else [read_findings(folder)]
    table = report_tables.policy_table(runs, report_tables.HEADLINE)
    lines: list[Any] = [] if table.empty else [to_rich(table)]
    lines += [Text(sentence, style="bold") for sentence in verdict(runs)]
    lines += [Text(f"note: {note}", style="dim") for note in _notes(folder, runs)]
    if (folder / HTML).is_file():
        lines.append(Text(f"report: {folder / HTML}"))
    console.print(Group(*lines), soft_wrap=True)


def _study(folder: Path) -> list[Findings]:
    runs = [read_findings(path, path.name) for path in seed_folders(folder) if is_pipeline(path)]
    if not runs:
        raise AthenaError(
            f"{folder}: holds no {SEED_FOLDERS} with a pipeline in it; name what athena pipeline wrote to"
        )
    return runs


def _notes(folder: Path, runs: Sequence[Findings]) -> list[str]:
    """What is missing or does not fit: of the study, and of its pipelines."""
    of_study = study_notes(folder) + mixed_seeds(runs) if is_study(folder) else []
    return of_study + flatten({run.name: run.notes for run in runs})


def _write(folder: Path, runs: list[Findings]) -> Path:
    comparisons = report_tables.comparisons(runs)
    notes = _notes(folder, runs)
    found = variants(runs[0])
    ablation = ablation_set(runs, found)
    smoothness = [] if ablation is None else orderings(runs, found, ablation)
    write_json(
        folder / COMPARISON,
        {
            "comparisons": [entry.record() for entry in comparisons],
            "smoothness": {"set": ablation, "orderings": [entry.record() for entry in smoothness]},
            "method": _method(runs),
        },
    )
    write_json(folder / JSON, _record(runs, notes) | {"smoothness": [entry.sentence() for entry in smoothness]})
    write_text(folder / MARKDOWN, _markdown(runs, comparisons))
    text = page.document(_title(folder, runs), _head(runs, notes), _sections(runs, comparisons), _footer())
    write_text(folder / HTML, text)
    return folder / HTML


def _title(folder: Path, runs: Sequence[Findings]) -> str:
    name = folder.resolve().name
    return f"{name}: {len(runs)} seeds of the pipeline" if len(runs) > 1 else f"{name}: report of the pipeline"


def _footer() -> str:
    return page.paragraph(
        f"Written by athena_wbc {__version__} with athena report. The same numbers: {JSON}, {COMPARISON}, {MARKDOWN}.",
        "dim",
    )


def _head(runs: Sequence[Findings], notes: Sequence[str]) -> str:
    return "\n".join(
        (
            page.box(verdict(runs), "verdict"),
            page.definitions(_facts(runs)),
            page.bullets("Missing, or to be read with care", notes, "notes"),
        )
    )


def _facts(runs: Sequence[Findings]) -> list[tuple[str, str]]:
    """What was trained on what."""
    run = runs[0]
    config = run.config
    facts = []
    motions = config.get("motions")
    robot = config.get("robot") or next((e.metrics.get("robot") for e in run.evaluations.values()), None)
    if robot:
        facts.append(("robot", str(robot)))
    if motions:
        facts.append(("motions", ", ".join(map(str, motions)) if isinstance(motions, list) else str(motions)))
    if config.get("heldout"):
        facts.append(("held out", ", ".join(map(str, config["heldout"]))))
    facts.append(("policies", "; ".join(_trained(run, policy) for policy in run.policies) or "none"))
    if len(runs) > 1:
        facts.append(("seeds", ", ".join(other.name.removeprefix("seed_") for other in runs)))
    elif run.manifest.get("seed") is not None:
        facts.append(("seed", str(run.manifest["seed"])))
    if config.get("num_envs"):
        facts.append(("environments", str(config["num_envs"])))
    first = next(iter(run.evaluations.values()), None)
    if first is not None:
        told = first.metrics
        parts = (
            f"protocol {told.get('protocol')}, {told.get('frame')} frame",
            f"{counted(told.get('rollouts') or 0, 'rollout')} of a clip",
            told.get("randomisation") or "no randomisation",
            f"seed {told.get('seed')}",
        )
        facts.append(("evaluation", ", ".join(parts)))
    times = [time for other in runs if (time := report_tables.total_seconds(other)) is not None]
    if times:
        facts.append(("time of all stages", seconds_text(sum(times))))
    return facts


def _trained(run: Findings, policy: str) -> str:
    """How a policy was trained, and on how many samples."""
    planned = mapping(mapping(run.config.get("policies")).get(policy))
    parts = []
    if planned.get("recipe") and planned["recipe"] != policy:
        parts.append(f"recipe {planned['recipe']}")
    iterations = last_step(run.curves.get(policy, {})) or planned.get("iterations")
    if iterations:
        parts.append(f"{iterations} iterations")
    environments = planned.get("num_envs") or run.config.get("num_envs")
    if iterations and environments and policy in run.steps_per_iteration:
        parts.append(f"{iterations * environments * run.steps_per_iteration[policy] / 1e6:.1f} M samples")
    if planned.get("motions"):
        parts.append(f"on {planned['motions']}")
    if planned.get("init_from"):
        parts.append(f"from {planned['init_from']}")
    if planned.get("teachers"):
        parts.append(f"taught by {', '.join(map(str, planned['teachers']))}")
    return f"{policy} ({', '.join(parts)})" if parts else policy


def _method(runs: Sequence[Findings]) -> str:
    if len(runs) == 1:
        return (
            "First minus second, mean over the clips that both were evaluated on, with the 95 % percentile interval of "
            "a paired bootstrap over clips (10 000 draws, fixed seed). It covers the choice of clips, not that of the "
            "training seed: another seed may differ by more. With fewer than about ten clips it is too narrow, and of "
            "many intervals at 95 % one in twenty excludes zero by chance. Bold: the interval excludes zero."
        )
    return (
        f"First minus second, mean over {len(runs)} seeds of the mean over clips. [ ]: Student's 95 % interval over "
        "the seeds' differences; { }: 95 % percentile interval of a bootstrap over seeds and the clips within them "
        "(10 000 draws, fixed seed), clips anew in each seed. Intervals over three seeds are wide, Student's rightly; "
        "the bootstrap's is too narrow for so few. Seeds may have mined other clips. Bold: Student's excludes zero."
    )


def _sections(runs: Sequence[Findings], comparisons: Sequence[Comparison]) -> list[Section]:
    seeds = [Section("seeds", "Seeds", _seeds(runs))] if len(runs) > 1 else []
    return [
        Section("policies", "Policies and sets", _policies(runs)),
        *seeds,
        Section("comparisons", "Comparisons", _comparisons(runs, comparisons)),
        Section("tolerance", "Success over tolerance", _tolerance(runs)),
        Section("clips", "Clips", _clips(runs)),
        Section("routing", "Routing", _routing(runs)),
        Section("training", "Training", _training(runs)),
        Section("smoothness", "Smoothness", _smoothness(runs)),
        Section("pictures", "Pictures", _pictures(runs)),
        Section("stages", "Stages", _stages(runs)),
        Section("further", "Going on", _further(runs)),
    ]


def _policies(runs: Sequence[Findings]) -> str:
    table = report_tables.policy_table(runs)
    if table.empty:
        return ""
    spread = "one standard deviation over seeds" if len(runs) > 1 else "one standard deviation over clips"
    return to_html(table) + page.paragraph(
        f"Means over clips; ± {spread}. Bold: best of its column on a set. A rollout that loses the reference is cut, "
        "which flatters MPJPE: the share of evaluated frames and the error of successful rollouts stand beside it.",
        "dim",
    )


def _seeds(runs: Sequence[Findings]) -> str:
    links = "".join(
        f'<li><a href="{run.folder.name}/{HTML}">{run.name}</a></li>' for run in runs if (run.folder / HTML).is_file()
    )
    return to_html(report_tables.seed_table(runs)) + (f"<ul>{links}</ul>" if links else "")


def _comparisons(runs: Sequence[Findings], comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    drawn = panels.differences(comparisons)
    picture = ""
    if drawn is not None:
        caption = "Differences with 95 % intervals; filled where the interval excludes zero."
        picture = page.figure(to_svg(drawn, "differences", caption), caption)
    table = to_html(report_tables.comparison_table(runs, comparisons), "differences")
    return table + page.paragraph(_method(runs), "dim") + picture


def _tolerance(runs: Sequence[Findings]) -> str:
    drawn = panels.tolerance(runs)
    if drawn is None:
        return ""
    band = " Lines are means over seeds, bands their range." if len(runs) > 1 else ""
    caption = (
        "Share of successful rollouts where all thresholds are multiplied by s; at s = 1, dashed, it is the success "
        f"rate.{band}"
    )
    return page.figure(to_svg(drawn, "tolerance", caption), caption)


def _clips(runs: Sequence[Findings]) -> str:
    table, hidden = clip_tables.clip_table(runs)
    if table.empty:
        return ""
    sentences = [] if len(runs) > 1 else [clip_tables.mining_sentence(runs[0])]
    parts = [page.paragraph(sentence) for sentence in sentences if sentence]
    parts.append(to_html(table, "heat"))
    more = f" {hidden} easier clips are not shown; clips.csv of every evaluation has them." if hidden else ""
    mean = " Means over seeds." if len(runs) > 1 else ""
    parts.append(
        page.paragraph(
            "Success rate in % and mean critical scale s*, ∞ where a rollout was cut; blue where every rollout "
            f"succeeds, the more orange the more fail.{mean}{clip_tables.early_falls_sentence(runs)}{more}",
            "dim",
        )
    )
    for set_name in ("full", "heldout"):
        changed = panels.change(runs, set_name)
        if changed is not None:
            caption = f"TIS of every clip of {set_name}, {changed[1]} against {changed[2]}, the hardest first."
            parts.append(page.figure(to_svg(changed[0], f"change-{set_name}", caption), caption))
    return "".join(parts)


def _routing(runs: Sequence[Findings]) -> str:
    table = clip_tables.routing_table(runs)
    if table.empty:
        return ""
    parts = [to_html(table)]
    for run in runs:
        sentences = clip_tables.routing_sentences(run)
        name = f"{run.name}: " if len(runs) > 1 else ""
        parts += [page.paragraph(name + sentence) for sentence in sentences]
        if run.routing is not None and len(runs) == 1:
            details = to_html(clip_tables.routing_details(run), "heat")
            parts.append(
                page.details("Every teacher on every clip: SR % and mean critical scale, the winner bold", details)
            )
    return "".join(parts)


def _training(runs: Sequence[Findings]) -> str:
    drawn = panels.training(runs)
    if drawn is None:
        return ""
    caption = (
        "Figures of the training log, smoothed over 4 % of each curve. Rewards of recipes with different terms do not "
        "compare, and each policy trains on its own clips; iterations count from the start of each stage."
    )
    return page.figure(to_svg(drawn, "training", caption), caption)


def _smoothness(runs: Sequence[Findings]) -> str:
    parts = []
    found = variants(runs[0])
    ablation = ablation_set(runs, found)
    if ablation is not None:
        parts.append(to_html(report_tables.smoothness_table(runs, found, ablation)))
        parts += [page.paragraph(f"{entry.sentence()}.") for entry in orderings(runs, found, ablation)]
        parts.append(
            page.paragraph(
                f"The paper's values: {SOURCE}. They are of another robot, other motions and a far longer training, so "
                f"only the order compares.{_different_actors(runs[0], list(found.values()))}",
                "dim",
            )
        )
    drawn_set = ablation or next((name for name in report_tables.all_sets(runs) if _has_spectrum(runs, name)), None)
    drawn = panels.spectrum(runs, drawn_set) if drawn_set else None
    if drawn is not None and drawn_set:
        caption = (
            f"Actions on {drawn_set}: normalised power spectral density, and the high-frequency ratio of each clip."
        )
        parts.append(page.figure(to_svg(drawn, "spectrum", caption), caption))
        parts += [page.paragraph(sentence) for sentence in panels.rougher_sentences(runs, drawn_set)]
    return "".join(parts)


def _has_spectrum(runs: Sequence[Findings], set_name: str) -> bool:
    return any(
        entry.spectrum is not None for run in runs for (_, name), entry in run.evaluations.items() if name == set_name
    )


def _different_actors(run: Findings, policies: Sequence[str]) -> str:
    actors = {policy: run.actors[policy] for policy in policies if policy in run.actors}
    if len(set(actors.values())) < 2:
        return ""
    told = ", ".join(f"{policy} {groups}" for policy, groups in actors.items())
    return f" The variants do not observe the same, which is part of their difference: {told}."


def _pictures(runs: Sequence[Findings]) -> str:
    many = len(runs) > 1
    shown = [
        page.picture(path, f"{run.name}: {run.caption(path)}" if many else run.caption(path))
        for run in runs
        for path in run.pictures
    ]
    told = "One rollout each, from the clip's first frame and without randomisation; the ghost is the reference."
    return page.paragraph(told, "dim") + "".join(shown) if shown else ""


def _stages(runs: Sequence[Findings]) -> str:
    parts = []
    for run in runs:
        table = report_tables.stage_table(run)
        if table.empty:
            continue
        body = to_html(table, "stages")
        total = report_tables.total_seconds(run)
        body += page.paragraph(f"All stages together: {seconds_text(total)}.", "dim") if total is not None else ""
        parts.append(page.details(run.name, body) if len(runs) > 1 else body)
    return "".join(parts)


def _further(runs: Sequence[Findings]) -> str:
    run = runs[0]
    finals = with_recipe([run], FINAL, "full") or [policy for policy in run.policies if (run.folder / policy).is_dir()]
    if not finals:
        return ""
    checkpoint = run.folder / finals[0]
    specs = " ".join(f"--motions {shlex.quote(spec)}" for spec in _motions(run))
    folder = run.folder.parent if len(runs) > 1 else run.folder
    lines = [
        f"athena evaluate --checkpoint {_quoted(checkpoint)} {specs} --rollouts 20 --seed 100 "
        f"--out {_quoted(folder / 'again')}",
        f"athena play --checkpoint {_quoted(checkpoint)} {specs} --out {_quoted(folder / 'play.png')}",
        f"athena pipeline --out {_quoted(folder)} --resume",
        f"athena report {_quoted(folder)}",
    ]
    return page.commands(lines)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _motions(run: Findings) -> list[str]:
    """The corpus as a command takes it."""
    motions, root = run.config.get("motions"), run.config.get("motions_root")
    specs = [str(spec) for spec in motions] if isinstance(motions, list) else ["builtin"]
    if not root:
        return specs
    return [spec if spec.partition(":")[0] == "builtin" else str(Path(root, spec)) for spec in specs]


def _record(runs: Sequence[Findings], notes: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for policy in report_tables.all_policies(runs):
        for set_name in report_tables.all_sets(runs):
            found = {name: over_runs(runs, policy, set_name, name) for name in _VALUES}
            entry = {name: _statistics(array) for name, array in found.items() if len(array)}
            if entry:
                values.setdefault(policy, {})[set_name] = entry
    return {
        "kind": "study_report" if len(runs) > 1 else "pipeline_report",
        "library_version": __version__,
        "runs": [
            {
                "name": run.name,
                "seconds": report_tables.total_seconds(run),
                "mined": None if run.residual is None else run.residual["clips"],
                "routed": None if run.routing is None else run.routing["routes"],
                "SR": {f"{policy}/{name}": run.value(policy, name, "SR") for policy, name in sorted(run.evaluations)},
            }
            for run in runs
        ],
        "policies": values,
        "verdict": verdict(runs),
        "notes": list(notes),
    }


def _statistics(values: np.ndarray) -> dict[str, Any]:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"mean": float(values.mean()), "std_over_seeds": deviation, "by_seed": values.tolist()}


def _markdown(runs: Sequence[Findings], comparisons: Sequence[Comparison]) -> str:
    parts = ["\n\n".join(verdict(runs)), to_markdown(report_tables.policy_table(runs))]
    if comparisons:
        parts += [to_markdown(report_tables.comparison_table(runs, comparisons)), _method(runs)]
    found = variants(runs[0])
    ablation = ablation_set(runs, found)
    if ablation is not None:
        parts.append(to_markdown(report_tables.smoothness_table(runs, found, ablation)))
        parts.append("\n".join(f"- {entry.sentence()}" for entry in orderings(runs, found, ablation)))
        parts.append(f"The paper's values: {SOURCE}.")
    return "\n\n".join(part.strip() for part in parts) + "\n"
