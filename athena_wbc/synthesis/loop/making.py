"""The stages that make a loop's clips: prompts, motions, filters, judgements, retargeting, and the corpus.

Each writes its motions and lines batch by batch, and an interrupted one keeps what it has finished.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file, write_json
from athena_wbc.motion.clip import MotionClip
from athena_wbc.pipeline.records import read_record
from athena_wbc.pipeline.work import Outcome
from athena_wbc.synthesis.config import STOP, plain
from athena_wbc.synthesis.convert import RefusedClip, prepare, to_clip
from athena_wbc.synthesis.filters import run_filters
from athena_wbc.synthesis.loop.graph import loop_folder
from athena_wbc.synthesis.loop.parts import judge_of, scheduler_of
from athena_wbc.synthesis.loop.plan import CORPUS_FOLDER, GENERATED_FOLDER, JUDGEMENTS_FILE, RETARGET_FILE, LoopPlan
from athena_wbc.synthesis.loop.record import clip_name, counts, domain_of, fate, observations
from athena_wbc.synthesis.loop.store import load_motion, read_lines, save_motion, write_lines
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt, prompt_from_dict
from athena_wbc.synthesis.protocols import Schedule
from athena_wbc.synthesis.records import stood_in, told

PROMPTS_FILE, SCHEDULE_FILE, GENERATED_FILE = "prompts.jsonl", "schedule.json", "generated.jsonl"
FILTERS_FILE, PREPARED_FOLDER = "filters.jsonl", "prepared"
CORPUS_FILE, TRAINING_FILE, CLIPS_FILE = "corpus.json", "training.json", "clips.jsonl"
SCHEDULE_KIND = "schedule"

Item = TypeVar("Item")


def make_prompts(plan: LoopPlan, loop: int) -> Outcome:
    """Let the scheduler choose the prompts of a loop."""
    config, home = plan.config, Path(loop_folder(loop))
    scheduler = scheduler_of(plan)
    if loop == 0:
        schedule = scheduler.first(plan.bank, config.per_domain, plan.seed)
    else:
        seen = []
        for before in range(loop):
            path = Path(loop_folder(before)) / CLIPS_FILE
            seen += observations(read_lines(path), str(path))
        state = read_schedule(loop - 1)["state"]
        schedule = scheduler.next(seen, state, plan.bank, config.per_domain, loop, plan.seed)
    prompts = [prompt.as_dict() for prompt in schedule.prompts]
    if loop == 0 and not prompts:
        raise AthenaError(f"{plan.source}: scheduler: '{scheduler.name}' gave no prompt; raise per_domain")
    write_lines(home / PROMPTS_FILE, plain(prompts))
    write_json(home / SCHEDULE_FILE, _schedule_record(scheduler.name, schedule))
    domains = Counter(domain_of(prompt) for prompt in prompts)
    text = f"{len(prompts)} prompts"
    if schedule.rehearsal:
        text += f", {len(schedule.rehearsal)} earlier clips again"
    outputs = (f"{home}/{PROMPTS_FILE}", f"{home}/{SCHEDULE_FILE}")
    return Outcome(outputs, {"prompts": dict(sorted(domains.items())), "told": text})


def _schedule_record(name: str, schedule: Schedule) -> dict[str, Any]:
    from athena_wbc import __version__

    return plain(
        {
            "kind": SCHEDULE_KIND,
            "library_version": __version__,
            "scheduler": name,
            "rehearsal": list(schedule.rehearsal),
            "state": schedule.state,
            "log": list(schedule.log),
        }
    )


def read_schedule(loop: int) -> dict[str, Any]:
    """What the scheduler left of a loop, from the run's folder."""
    return read_record(Path(loop_folder(loop)) / SCHEDULE_FILE, SCHEDULE_KIND, "synthesize")


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a file that :func:`make_prompts` wrote."""
    return [prompt_from_dict(row, f"{path}: line {number}") for number, row in enumerate(read_lines(path), 1)]


def generate(plan: LoopPlan, loop: int, resume: bool) -> Outcome:
    """Make a motion of every prompt."""
    home = Path(loop_folder(loop))
    folder = home / GENERATED_FOLDER
    _begin(folder, resume)
    prompts = read_prompts(home / PROMPTS_FILE)
    names = [clip_name(loop, number, prompt) for number, prompt in enumerate(prompts)]
    kept = {name: prompt for name, prompt in zip(names, prompts, strict=True) if _is_made(folder, name, prompt)}
    waiting = [(name, prompt) for name, prompt in zip(names, prompts, strict=True) if name not in kept]
    done = len(kept)
    if waiting:
        from athena_wbc.synthesis.loop.producing import make_producer

        produce = make_producer(plan)
        for batch in _batches(waiting, plan.config.generator.batch):
            for name, prompt, (motion, note) in zip(
                *_columns(batch), produce([prompt for _, prompt in batch]), strict=True
            ):
                save_motion(folder / f"{name}.npz", motion, {"asked": prompt.id, **plain(note)})
            done += len(batch)
            print(f"{done} of {len(prompts)} motions", flush=True)
    rows = [_generated_row(folder, name, prompt) for name, prompt in zip(names, prompts, strict=True)]
    write_lines(home / GENERATED_FILE, rows)
    generators = sorted({row["generator"] for row in rows})
    learned = {row["is_learned"] for row in rows}
    facts = {"generators": generators, "is_learned": learned.pop() if len(learned) == 1 else None}
    kind = "learned" if facts["is_learned"] else "not learned"
    text = f"{len(rows)} motions by {', '.join(generators)} ({kind})" if rows else "no new motions"
    outputs = tuple(f"{folder}/{name}.npz" for name in names)
    return Outcome((f"{home}/{GENERATED_FILE}", *outputs), facts | {"told": text})


def _is_made(folder: Path, name: str, prompt: Prompt) -> bool:
    path = folder / f"{name}.npz"
    if not path.is_file():
        return False
    try:
        return load_motion(path)[1].get("asked") == prompt.id
    except AthenaError:
        return False


def _generated_row(folder: Path, name: str, prompt: Prompt) -> dict[str, Any]:
    motion, note = load_motion(folder / f"{name}.npz")
    return {
        "clip": name,
        "prompt": plain(note.get("prompt") or prompt.as_dict()),
        "asked": prompt.id,
        "generator": motion.generator,
        "is_learned": motion.is_learned,
        "seed": motion.seed,
        "frames": motion.num_frames,
        "fps": motion.fps,
        "digest": motion.digest,
        "licence": motion.licence,
        "provenance": plain(motion.provenance),
        "refinement": note.get("refinement"),
    }


def filter_motions(plan: LoopPlan, loop: int) -> Outcome:
    """Ground and smooth every motion, and measure what is wrong with it."""
    home = Path(loop_folder(loop))
    folder = home / PREPARED_FOLDER
    _begin(folder, resume=False)
    rows, failed = [], Counter[str]()
    for row in read_lines(home / GENERATED_FILE):
        motion, note = load_motion(home / GENERATED_FOLDER / f"{row['clip']}.npz")
        # What was refined was prepared for its assessment; smoothing it twice would change it again.
        prepared = motion if note.get("prepared") else prepare(motion, plan.config.conversion)
        results = run_filters(prepared, plan.config.filters)
        save_motion(folder / f"{row['clip']}.npz", prepared)
        bad = [result.name for result in results if not result.passed]
        failed.update(bad[:1])
        line = {"clip": row["clip"], "passed": not bad, "filters": [told(result) for result in results]}
        rows.append(plain(line | {"frames": prepared.num_frames, "fps": prepared.fps, "digest": prepared.digest}))
    write_lines(home / FILTERS_FILE, rows)
    passed = sum(row["passed"] for row in rows)
    text = f"{passed} of {len(rows)} pass" + (f" ({counts(failed)})" if failed else "")
    outputs = tuple(f"{folder}/{row['clip']}.npz" for row in rows)
    return Outcome((f"{home}/{FILTERS_FILE}", *outputs), {"told": text if rows else "no new motions"})


def judge(plan: LoopPlan, loop: int, resume: bool) -> Outcome:
    """Have every motion judged that passed the filters."""
    home = Path(loop_folder(loop))
    path = home / JUDGEMENTS_FILE
    if not resume:
        path.unlink(missing_ok=True)
    waiting = _passed(home)
    done = {row["clip"]: row for row in _lines(path)}
    # In the order of the motions, so that an interrupted stage leaves the same file as any other.
    rows = [done[row["clip"]] for row in waiting if done.get(row["clip"], {}).get("digest") == row["digest"]]
    waiting = [row for row in waiting if row["clip"] not in {line["clip"] for line in rows}]
    prompts = _prompts_of(home)
    config = plan.config.judge
    if waiting:
        judge_ = judge_of(plan)
        for batch in _batches(waiting, config.batch):
            motions = [_prepared(home, row["clip"]) for row in batch]
            judgements = judge_.judge(motions, [prompts[row["clip"]] for row in batch])
            for row, judgement in zip(batch, judgements, strict=True):
                line = {"clip": row["clip"], "digest": row["digest"], "judgement": told(judgement)}
                rows.append(plain(line))
            rows.sort(key=_number)
            write_lines(path, rows)
            print(f"{len(rows)} motions judged", flush=True)
    write_lines(path, rows)
    verdicts = Counter(row["judgement"]["verdict"] for row in rows)
    others = stood_in(row["judgement"] for row in rows)
    text = counts(verdicts)
    text += f"; '{config.name}' gave no answer for {others} of {len(rows)}: another judge stood in" if others else ""
    facts = {"verdicts": dict(sorted(verdicts.items())), "stood_in": others, "told": text}
    return Outcome((str(path),), facts)


def retarget(plan: LoopPlan, loop: int, resume: bool) -> Outcome:
    """Turn every accepted motion into a clip of the robot."""
    from athena_wbc.motion.retarget.build import robot_build

    home = Path(loop_folder(loop))
    folder, path = home / CORPUS_FOLDER, home / RETARGET_FILE
    _begin(folder, resume)
    if not resume:
        path.unlink(missing_ok=True)
    accepted = [row for row in _lines(home / JUDGEMENTS_FILE) if _is_accepted(row, plan.config.judge.accept)]
    rows = [row for row in _lines(path) if _still_there(folder, row, {other["clip"] for other in accepted})]
    waiting = [row for row in accepted if row["clip"] not in {line["clip"] for line in rows}]
    prompts = _prompts_of(home)
    build = robot_build(plan.embodiment) if waiting else None
    for batch in _batches(waiting, plan.config.judge.batch):
        for row in batch:
            name = row["clip"]
            line = {"clip": name, "written": True, "reason": "", "quality": None, "sha256": ""}
            try:
                clip, quality = to_clip(_prepared(home, name), prompts[name], build, plan.config.conversion, name=name)
                clip.save(folder / f"{name}.npz")
                line |= {"quality": quality.as_dict(), "sha256": sha256_file(folder / f"{name}.npz")}
            except RefusedClip as error:
                line |= {"written": False, "reason": str(error), "quality": error.quality.as_dict()}
            except AthenaError as error:
                line |= {"written": False, "reason": str(error)}
            rows.append(plain(line))
        rows.sort(key=_number)
        write_lines(path, rows)
        print(f"{len(rows)} of {len(accepted)} motions retargeted", flush=True)
    write_lines(path, rows)
    written = [row["clip"] for row in rows if row["written"]]
    text = f"{len(written)} of {len(accepted)} motions are clips of {plan.embodiment.name}"
    outputs = (str(path), *(f"{folder}/{name}.npz" for name in written))
    return Outcome(outputs, {"told": text if accepted else "no new motions"})


def make_corpus(plan: LoopPlan, loop: int) -> Outcome:
    """Choose what the loop's tracker is trained on.

    Raises:
        AthenaError: no clip is left of a loop that has prompts, or a domain is empty where the configuration says
            to stop then.
    """
    home = Path(loop_folder(loop))
    fates = loop_fates(home, plan.config.judge.accept)
    kept = [name for name, (reason, _) in fates.items() if not reason]
    dropped = Counter(reason for reason, _ in fates.values() if reason)
    prompts = _prompts_of(home)
    if fates and not kept:
        raise AthenaError(
            f"{plan.label}{home}: no clip is left of {len(fates)} prompts ({counts(dropped)}); see the reasons in "
            f"{plan.folder / home / FILTERS_FILE}, loosen these filters or take another generator, and go on with "
            "--resume: all that is done stays"
        )
    asked = {domain_of(prompts[name].as_dict()) for name in fates}
    empty = sorted(asked - {domain_of(prompts[name].as_dict()) for name in kept})
    if empty and plan.config.on_empty_domain == STOP:
        gone = Counter(reason for name, (reason, _) in fates.items() if domain_of(prompts[name].as_dict()) in empty)
        raise AthenaError(
            f"{plan.label}{home}: no clip is left of {', '.join(empty)} ({counts(gone)}); loosen these filters, or go "
            "on without with on_empty_domain=go_on and --resume"
        )
    earlier = _earlier(plan, loop)
    outputs = [f"{home}/{TRAINING_FILE}"]
    own = [f"{CORPUS_FOLDER}/{name}.npz" for name in kept]
    if own:
        write_json(home / CORPUS_FILE, own)
        outputs.append(f"{home}/{CORPUS_FILE}")
    else:
        (home / CORPUS_FILE).unlink(missing_ok=True)
    if not own and not earlier:
        raise AthenaError(f"{plan.label}{home}: there is nothing to train on; choose training.earlier=all")
    write_json(home / TRAINING_FILE, [*own, *(f"../{path}" for path in earlier)])
    text = f"{len(kept)} of {len(fates)} clips kept" + (f" ({counts(dropped)})" if dropped else "")
    text += f", {len(earlier)} earlier ones again" if earlier else ""
    text += f"; no clip of {', '.join(empty)}" if empty else ""
    facts = {"kept": kept, "dropped": dict(dropped), "empty": empty, "trained": len(own) + len(earlier)}
    return Outcome(tuple(outputs), facts | {"told": text})


def loop_fates(home: Path, accept: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Clip -> by what it was dropped and why, of every motion of a loop."""
    judged = {row["clip"]: row for row in _lines(home / JUDGEMENTS_FILE)}
    moved = {row["clip"]: row for row in _lines(home / RETARGET_FILE)}
    return {
        row["clip"]: fate(row, judged.get(row["clip"]), moved.get(row["clip"]), accept)
        for row in read_lines(home / FILTERS_FILE)
    }


def _earlier(plan: LoopPlan, loop: int) -> list[str]:
    """Files of earlier loops' clips that are trained again, from the run's folder."""
    which = plan.config.training.earlier
    if which == "none" or loop == 0:
        return []
    wanted = set(read_schedule(loop)["rehearsal"])
    found = []
    for before in range(loop):
        for name in plan.manifest.stages[f"{loop_folder(before)}.corpus"]["kept"]:
            if which == "all" or name in wanted:
                found.append(f"{loop_folder(before)}/{CORPUS_FOLDER}/{name}.npz")
    return found


def load_clip(home: Path, name: str) -> MotionClip:
    """A clip of a loop's corpus."""
    return MotionClip.load(home / CORPUS_FOLDER / f"{name}.npz")


def _passed(home: Path) -> list[dict[str, Any]]:
    return [row for row in read_lines(home / FILTERS_FILE) if row["passed"]]


def _is_accepted(row: Mapping[str, Any], accept: Sequence[str]) -> bool:
    return row["judgement"]["verdict"] in accept


def _still_there(folder: Path, row: Mapping[str, Any], wanted: set[str]) -> bool:
    if row["clip"] not in wanted or not row["written"]:
        return row["clip"] in wanted
    path = folder / f"{row['clip']}.npz"
    return path.is_file() and sha256_file(path) == row["sha256"]


def _prepared(home: Path, name: str) -> SyntheticMotion:
    return load_motion(home / PREPARED_FOLDER / f"{name}.npz")[0]


def _prompts_of(home: Path) -> dict[str, Prompt]:
    """The prompt that every motion answers; after a refinement it may be another than was asked."""
    path = home / GENERATED_FILE
    return {row["clip"]: prompt_from_dict(row["prompt"], f"{path}: {row['clip']}") for row in read_lines(path)}


def _number(row: Mapping[str, Any]) -> int:
    """Place of a clip among the prompts of its loop."""
    return int(row["clip"].rpartition("_")[2])


def _lines(path: Path) -> list[dict[str, Any]]:
    return read_lines(path) if path.is_file() else []


def _begin(folder: Path, resume: bool) -> None:
    if not resume and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _columns(batch: Sequence[tuple[str, Prompt]]) -> tuple[list[str], list[Prompt]]:
    return [name for name, _ in batch], [prompt for _, prompt in batch]
