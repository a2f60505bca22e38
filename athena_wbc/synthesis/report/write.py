"""``report.html`` of a run of the loop, and the same numbers as JSON and Markdown."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc import __version__
from athena_wbc.files import write_json, write_text
from athena_wbc.pipeline import page
from athena_wbc.pipeline.figures import Line, to_svg
from athena_wbc.pipeline.page import Section
from athena_wbc.pipeline.tabular import counted, seconds_text, to_html, to_markdown
from athena_wbc.synthesis import analysis
from athena_wbc.synthesis.keyframes import key_frames
from athena_wbc.synthesis.loop.record import domain_of
from athena_wbc.synthesis.loop.store import load_motion
from athena_wbc.synthesis.report import figures, tables
from athena_wbc.synthesis.report.findings import SOURCE, LoopFindings, RunFindings, picture_of, read_run

HTML, JSON, MARKDOWN = "report.html", "report.json", "table.md"
REPORT_FILES = (HTML, JSON, MARKDOWN)

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_STRIP_FRAMES = 9
_CURVES = {
    "difficulty": ("Difficulty (1 − TIS of the fixed tracker)", 1.0),
    "fixed_tracker_success": ("Success of the fixed tracker (%)", 100.0),
    "mean_speed": ("Mean speed of the bodies (m/s)", 1.0),
    "judge_difficulty": ("Difficulty by the judge (1 to 10)", 1.0),
    "tier": ("Tier of the prompts (1 to 3)", 1.0),
    "mean_acceleration": ("Mean acceleration (m/s²)", 1.0),
}


def write_loop_report(folder: Path) -> Path:
    """Write report.html, report.json and table.md of one run into its folder.

    Args:
        folder: what ``athena synthesize`` wrote to. What is missing is left out and told.

    Raises:
        AthenaError: the folder holds no run of the loop.
    """
    folder = Path(folder)
    run = read_run(folder)
    plane, how = _plane(run)
    if how == "PCA" and importlib.util.find_spec("sklearn") is None:
        run.notes.append("scikit-learn is not installed, so the embedding is a PCA; install the extra [synthesis]")
    write_json(folder / JSON, _record(run, how))
    write_text(folder / MARKDOWN, _markdown(run))
    head = "\n".join(
        (
            page.box(verdict(run), "verdict"),
            page.definitions(_facts(run)),
            page.bullets("To be read with care", [*_cautions(run), *run.notes], "notes"),
        )
    )
    sections = [
        Section("loops", "Loops", _loops(run)),
        Section("trackers", "Trackers", _trackers(run)),
        Section("domains", "Domains", _domains(run)),
        Section("motions", "Motions", _strips(run)),
        Section("distributions", "Speeds and accelerations", _distributions(run)),
        Section("overlap", "Overlap with the source", _overlap(run, plane, how)),
        Section("dropped", "Kept and dropped", _dropped(run)),
        Section("scheduler", "The scheduler's decisions", _decisions(run)),
        Section("language", "Language models", _language(run)),
        Section("stages", "Stages", to_html(tables.stages_table(run), "stages")),
        Section("further", "Going on", _further(run)),
    ]
    footer = page.paragraph(f"Written by athena_wbc {__version__}. The same numbers: {JSON}, {MARKDOWN}.", "dim")
    title = f"{run.name}: {counted(len(run.loops), 'loop')} of motion synthesis"
    write_text(folder / HTML, page.document(title, head, sections, footer))
    return folder / HTML


def verdict(run: RunFindings) -> list[str]:
    """What came out, in a few sentences."""
    if not run.loops:
        return []
    first, last = run.loops[0].figures, run.loops[-1].figures
    kept, prompts = (sum(loop.figures[key] for loop in run.loops) for key in ("kept", "prompts"))
    sentences = [f"{kept} of {prompts} prompts became clips of the robot in {counted(len(run.loops), 'loop')}."]
    if len(run.loops) > 1 and None not in (first["difficulty"], last["difficulty"]):
        word = "rises" if last["difficulty"] > first["difficulty"] else "does not rise"
        sentences.append(
            f"Difficulty by the fixed tracker {word}: {first['difficulty']:.3f} in loop 0, {last['difficulty']:.3f} in "
            f"loop {run.loops[-1].number} (success {100 * first['fixed_tracker_success']:.0f} % and "
            f"{100 * last['fixed_tracker_success']:.0f} %); mean speed {first['mean_speed']:.2f} and "
            f"{last['mean_speed']:.2f} m/s."
        )
    heldout = last["heldout"]
    if heldout is not None and run.baseline is not None:
        sentences.append(
            f"On {counted(heldout['clips'], 'held-out clip')} the last tracker has a TIS of {heldout['TIS']:.3f} "
            f"(success {100 * heldout['SR']:.0f} %), the fixed one {run.baseline['TIS']:.3f} "
            f"({100 * run.baseline['SR']:.0f} %)."
        )
    return sentences


def _facts(run: RunFindings) -> list[tuple[str, str]]:
    config, manifest = run.config, run.manifest
    training, fixed = config["training"], config["fixed"]
    learned = {True: "a learned model", False: "not learned: compositions", None: "mixed or unknown"}
    what = f"pipeline {training['pipeline']}" if training["pipeline"] else f"recipe {training['recipe']}"
    iterations = "" if training["pipeline"] else f", {training['iterations']} iterations a loop"
    given = f"trained on {', '.join(fixed['motions'])} for {fixed['iterations']} iterations"
    return [
        ("robot", str(manifest["robot"])),
        ("generator", f"{manifest['generator']} ({learned[manifest.get('is_learned')]})"),
        ("judge", str(manifest["judge"])),
        ("scheduler", " ".join(filter(None, (manifest["scheduler"], manifest.get("ablation"))))),
        ("seed", str(manifest["seed"])),
        ("prompts", f"{config['per_domain']} of each of {', '.join(manifest['domains'])} in a loop"),
        ("training", f"{what}{iterations}, {training['num_envs']} environments; earlier clips: {training['earlier']}"),
        ("fixed tracker", f"checkpoint {fixed['checkpoint']}" if fixed["checkpoint"] else given),
        ("evaluation", f"protocol {config['evaluation']['protocol']}"),
        ("held out", ", ".join(manifest["heldout"]["clips"]) or "nothing"),
        ("time of all stages", seconds_text(tables.total_seconds(run))),
    ]


def _cautions(run: RunFindings) -> list[str]:
    found = []
    for loop in run.loops:
        empty = [name for name, figures in loop.figures["by_domain"].items() if not figures["kept"]]
        if empty:
            found.append(f"loop {loop.number} has no clip of {', '.join(empty)}")
    few = min((loop.figures["kept"] for loop in run.loops), default=0)
    if 0 < few < 100:
        found.append(
            f"a loop has as few as {counted(few, 'clip')} and this is one seed: differences of a few points of success "
            "are chance; compare several seeds with athena synthesize compare"
        )
    return found


def _loops(run: RunFindings) -> str:
    if not run.loops:
        return ""
    x = np.array([loop.number for loop in run.loops])
    panels = {}
    for key, (title, factor) in _CURVES.items():
        values = [loop.figures[key] for loop in run.loops]
        if None not in values:
            panels[title] = {title: Line(x, factor * np.array(values, dtype=float))}
    colours = dict.fromkeys((title for title, _ in _CURVES.values()), figures.loop_colour(5))
    drawn = ""
    if panels and len(run.loops) > 1:
        figure = _single_lines(panels, colours)
        caption = "How hard the motions of every loop are: by the fixed tracker, by their speed, by judge and prompt."
        drawn = page.figure(to_svg(figure, "loops", caption), caption)
    note = page.paragraph(
        "The fixed tracker never sees the loops' motions: where it does worse, they are harder for it (Table 5 of the "
        "CLAIMS paper). Difficulty is 1 minus its threshold-integrated success, which still tells clips apart that "
        "all fail. Speeds and accelerations are those of the robot's key bodies after retargeting.",
        "dim",
    )
    return to_html(tables.loops_table(run)) + drawn + note


def _single_lines(panels: dict[str, dict[str, Line]], colours: dict[str, str]) -> Any:
    """Each panel has one line of its own, so no legend is needed."""
    named = {title: {"value": next(iter(lines.values()))} for title, lines in panels.items()}
    return figures.lines_figure(named, {"value": next(iter(colours.values()))}, height=1.9)


def _trackers(run: RunFindings) -> str:
    if not run.loops:
        return ""
    parts = [to_html(tables.trackers_table(run))]
    with_heldout = [loop for loop in run.loops if loop.figures["heldout"] is not None]
    if len(with_heldout) > 1:
        x = np.array([loop.number for loop in with_heldout])
        panels = {}
        for key, title, factor in (("SR", "Success (%)", 100.0), ("TIS", "TIS", 1.0)):
            lines = {
                "on the held-out clips": Line(
                    x, np.array([factor * loop.figures["heldout"][key] for loop in with_heldout])
                ),
                "on the loop's own clips": Line(
                    x, np.array([factor * loop.figures["tracker"][key] for loop in with_heldout])
                ),
            }
            if run.baseline is not None:
                lines["fixed tracker, held out"] = Line(x, np.full(len(x), factor * run.baseline[key]))
            panels[title] = lines
        colours = {"on the held-out clips": figures.loop_colour(1), "on the loop's own clips": figures.loop_colour(0)}
        caption = "The tracker of every loop; dashed, the fixed tracker on the held-out clips."
        parts.append(page.figure(to_svg(figures.lines_figure(panels, colours), "trackers", caption), caption))
    parts.append(
        page.paragraph(
            "A loop's own clips get harder, so a falling success on them is no setback by itself; the held-out clips "
            "stay the same.",
            "dim",
        )
    )
    return "".join(parts)


def _domains(run: RunFindings) -> str:
    if not run.domains:
        return ""
    colours = {name: figures.domain_colour(index) for index, name in enumerate(run.domains)}
    panels: dict[str, dict[str, Line]] = {}
    for key in ("difficulty", "mean_speed", "judge_difficulty"):
        title, factor = _CURVES[key]
        lines = {}
        for name in run.domains:
            found = [
                (loop.number, loop.figures["by_domain"][name][key])
                for loop in run.loops
                if loop.figures["by_domain"].get(name, {}).get(key) is not None
            ]
            if found:
                lines[name] = Line(np.array([x for x, _ in found]), factor * np.array([y for _, y in found]))
        if lines:
            panels[title] = lines
    drawn = ""
    if panels and len(run.loops) > 1:
        caption = "Every domain over the loops."
        drawn = page.figure(to_svg(figures.lines_figure(panels, colours, 2.4), "domains", caption), caption)
    return drawn + to_html(tables.domains_table(run))


def _strips(run: RunFindings) -> str:
    parts = []
    most = run.config["analysis"]["strips"]
    for loop in run.loops:
        pictures = []
        for domain in run.domains:
            rows = [row for row in loop.clips if row["kept"] and domain_of(row["prompt"]) == domain]
            for row in rows[:most]:
                pictures.append(_strip(run, loop, row))
        shown = "".join(filter(None, pictures))
        if shown:
            parts.append(f"<h3>Loop {loop.number}</h3>{shown}")
    return "".join(parts)


def _strip(run: RunFindings, loop: LoopFindings, row: dict[str, Any]) -> str:
    path = picture_of(run, loop.number, row["clip"])
    if not path.is_file():
        return ""
    motion, _ = load_motion(path)
    fixed = row["fixed_metrics"]
    tracked = "" if fixed is None else f", fixed tracker TIS {fixed['tis']:.2f}"
    judged = "" if row["judgement"] is None else f", judged {row['judgement']['difficulty']:.1f}"
    caption = f"{row['clip']} (tier {row['prompt']['tier']:.2f}{judged}{tracked}): {row['text']}"
    return page.picture_bytes(key_frames(motion, _STRIP_FRAMES, is_strip=True), caption)


def _distributions(run: RunFindings) -> str:
    sets = {}
    for name, motions in _sets(run).items():
        if motions.speeds:
            speed = np.concatenate([each.speed for each in motions.speeds])
            acceleration = np.concatenate([each.acceleration for each in motions.speeds])
            sets[name] = (speed, acceleration)
    if not sets:
        return ""
    caption = "Frames of all clips of a set, at 30 a second; the last percent is not shown."
    drawn = figures.distribution_figure(sets, _set_colours(run))
    return page.figure(to_svg(drawn, "distributions", caption), caption)


def _overlap(run: RunFindings, plane: dict[str, np.ndarray], how: str) -> str:
    table = tables.overlap_table(run)
    if table.empty:
        return ""
    length, k = analysis.WINDOW_S, run.config["analysis"]["neighbours"]
    told = page.paragraph(
        f"Windows of {length:g} s, as points of body positions, root height and velocity. Inside: within the distance "
        f"of the {k}th nearest neighbour of some point of the other set. Source: "
        f"{', '.join(run.config['analysis']['source'])}.",
        "dim",
    )
    parts = [to_html(table), told]
    if plane:
        domains: dict[str, list[np.ndarray]] = {}
        for loop in run.loops:
            name = f"loop {loop.number}"
            if name not in plane:
                continue
            # Thinned as the points were.
            places = np.linspace(0, len(loop.motions.domains) - 1, len(plane[name])).round().astype(int)
            for place, point in zip(places, plane[name], strict=True):
                domains.setdefault(loop.motions.domains[place], []).append(point)
        named = [(domain, np.array(domains[domain])) for domain in sorted(domains)]
        caption = f"The same windows by {how}. For the eye alone: distances in such a plane mean little."
        drawn = figures.embedding_figure(plane, _set_colours(run), named, how)
        parts.append(page.figure(to_svg(drawn, "embedding", caption), caption))
    return "".join(parts)


def _dropped(run: RunFindings) -> str:
    if not run.loops:
        return ""
    note = page.paragraph(
        "By the first filter that a motion failed, by the judge's verdict, or in retargeting. clips.jsonl of every "
        "loop has each motion with all numbers, and corpus the clips.",
        "dim",
    )
    return to_html(tables.dropped_table(run)) + note


def _decisions(run: RunFindings) -> str:
    gates, parts = tables.gates_table(run), []
    if not gates.empty:
        parts.append(to_html(gates, "differences"))
    for heading, pairs in tables.decisions(run):
        parts.append(f"<h3>{heading}</h3>" + page.definitions(pairs))
    others = [
        f"loop {loop.number}: {entry.get('why', '')}"
        for loop in run.loops
        for entry in loop.log
        if entry.get("kind") not in ("gate", "child", "fresh", "posteriors") and entry.get("why")
    ]
    if others:
        parts.append(page.bullets("Other decisions", others[:40], ""))
    return "".join(parts)


def _language(run: RunFindings) -> str:
    table = tables.costs_table(run)
    return "" if table.empty else to_html(table)


def _further(run: RunFindings) -> str:
    out = "FOLDER"
    more = len(run.loops) + 1
    lines = [
        f"athena synthesize --out {out} --loops {more} --resume",
        f"athena train --recipe general --motions {out}/corpus.json --out runs/tracker",
        f"athena evaluate --checkpoint {out}/loop_{max(0, len(run.loops) - 1)}/tracker --motions ...",
    ]
    return page.paragraph(f"{out} is the folder of this report.", "dim") + page.commands(lines)


def _sets(run: RunFindings) -> dict[str, Any]:
    return {SOURCE: run.source} | {f"loop {loop.number}": loop.motions for loop in run.loops}


def _set_colours(run: RunFindings) -> dict[str, str]:
    loops = {f"loop {loop.number}": figures.loop_colour(loop.number) for loop in run.loops}
    return {SOURCE: figures.SOURCE_COLOUR} | loops


def _plane(run: RunFindings) -> tuple[dict[str, np.ndarray], str]:
    sets = {name: motions.points for name, motions in _sets(run).items() if len(motions.points)}
    most = run.config["analysis"]["points"]
    if len(sets) < 2 or not most:
        return {}, ""
    return analysis.embed(sets, most, int(run.manifest["seed"]))


def _record(run: RunFindings, how: str) -> dict[str, Any]:
    """Everything that the page shows in numbers."""
    found: dict[str, Any] = {}
    for name, motions in _sets(run).items():
        entry: dict[str, Any] = {}
        for key in ("speed", "acceleration"):
            values = [getattr(each, key) for each in motions.speeds]
            shares = analysis.quantiles(values, _QUANTILES)
            entry[key] = dict(zip((f"p{100 * share:g}" for share in _QUANTILES), shares, strict=False))
        if motions.overlap is not None:
            overlap = motions.overlap
            distance = overlap.distance if np.isfinite(overlap.distance) else None
            entry["overlap"] = {"inside": overlap.inside, "covered": overlap.covered, "distance": distance}
        found[name] = entry
    return {
        "kind": "synthesis_report",
        "library_version": __version__,
        "scheduler": run.manifest["scheduler"],
        "generator": run.manifest["generator"],
        "seed": run.manifest["seed"],
        "loops": [loop.figures for loop in run.loops],
        "baseline": run.baseline,
        "language": run.costs,
        "sets": found,
        "embedding": how or None,
        "verdict": verdict(run),
        "notes": [*_cautions(run), *run.notes],
    }


def _markdown(run: RunFindings) -> str:
    buffer = io.StringIO()
    parts: Sequence[str] = ["\n\n".join(verdict(run))]
    shown = [tables.loops_table(run), tables.trackers_table(run), tables.domains_table(run), tables.dropped_table(run)]
    buffer.write("\n\n".join(part.strip() for part in (*parts, *(to_markdown(table) for table in shown)) if part))
    return buffer.getvalue() + "\n"
