"""Pictures for the report: the clips that say most about a policy, each as a strip beside its reference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_wbc.files import write_json
from athena_wbc.motion.corpus import specs_from
from athena_wbc.sim.registry import chosen as simulator_in_use

SUFFIX = ".png"
_LIST = "clip.json"
"""Motion list of the clip that is being drawn; it goes afterwards."""
_MOST_LETTERS = 100

Rows = Mapping[str, Mapping[str, Any]]
"""By clip the row of ``clips.csv``."""


@dataclass(frozen=True)
class Picture:
    """A clip to draw, tracked by a policy."""

    file: str
    """Its name, without the folder."""
    clip: str
    policy: str
    caption: str


def choose_pictures(
    policy: str, rows: Rows, teacher: str | None = None, teacher_rows: Rows | None = None, residual: Sequence[str] = ()
) -> list[Picture]:
    """What is worth a look: at most one clip of each kind, and nothing of a kind that the policy has no clip of.

    In this order: of the residual clips that the policy solves the one that the teacher is worst at, once tracked by
    each; the solved clip that came nearest to failure; the failed clip with the lowest success rate, by TIS among
    equals. A clip is solved if every rollout succeeds.

    Args:
        policy: its name.
        rows: of the policy on the corpus.
        teacher, teacher_rows: the policy whose failures were mined, on the same rollouts; None where nothing was.
        residual: names of the clips that were mined.
    """
    chosen: list[tuple[str, str, str, str]] = []
    solved = [clip for clip, row in rows.items() if row["SR"] == 1.0]
    failed = [clip for clip in rows if clip not in solved]
    others = teacher_rows or {}
    gained = [clip for clip in residual if clip in solved and clip in others and others[clip]["SR"] < 1.0]
    if teacher is not None and gained:
        clip = min(gained, key=lambda name: _merit(others[name]))
        was = f"before: {_rate(teacher, others[clip])}; the clip was mined"
        chosen.append((clip, teacher, f"{_stem(clip)}-{teacher}", was))
        chosen.append((clip, policy, f"{_stem(clip)}-{policy}", f"after: {_rate(policy, rows[clip])}"))
    if solved:
        clip = max(solved, key=lambda name: rows[name]["critical_scale_worst"])
        told = f"{_rate(policy, rows[clip])}; of the solved clips the hardest"
        chosen += [(clip, policy, _stem(clip), told)] if not any(clip == other for other, *_ in chosen) else []
    if failed:
        clip = min(failed, key=lambda name: _merit(rows[name]))
        chosen.append((clip, policy, _stem(clip), f"{_rate(policy, rows[clip])}; its worst clip"))
    pictures: list[Picture] = []
    for clip, whose, stem, told in chosen:
        while any(f"{stem}{SUFFIX}" == picture.file for picture in pictures):
            stem += "~"
        pictures.append(Picture(f"{stem}{SUFFIX}", clip, whose, f"{clip}, {told}"))
    return pictures


def draw_pictures(
    pictures: Sequence[Picture], checkpoints: Mapping[str, str], specs: Sequence[str], folder: Path
) -> tuple[dict[str, str], str]:
    """Draw what can be drawn here, in processes of their own: without OpenGL even MuJoCo's import may fail.

    Args:
        pictures: to draw.
        checkpoints: by policy, the file.
        specs: motions that have all clips.
        folder: for the files; made if there is anything to draw.

    Returns:
        Captions of the files that were drawn, and why not all of them were; empty if they were.
    """
    drawn: dict[str, str] = {}
    problem = ""
    for picture in pictures:
        failure = _draw(picture, checkpoints[picture.policy], specs, folder)
        if failure is None:
            drawn[picture.file] = picture.caption
        else:
            problem = problem or f"{picture.clip}: {failure}"
            if not drawn:  # what the first one lacks the others lack too, and each would be simulated in vain
                break
    return drawn, problem


def _draw(picture: Picture, checkpoint: str, specs: Sequence[str], folder: Path) -> str | None:
    """Draw one; returns why it could not be."""
    chosen = folder / _LIST
    # By name among all motions: only so is a second clip of the same name the one that was evaluated.
    write_json(chosen, {"motions": specs_from(specs, folder), "clips": [picture.clip]})
    command = [sys.executable, "-m", "athena_wbc.cli", "play", "--checkpoint", checkpoint]
    command += ["--motions", str(chosen), "--out", str(folder / picture.file), *simulator_in_use().options()]
    # From a bare checkout the library is found by the path that this process has, and by nothing else.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    finally:
        chosen.unlink(missing_ok=True)
    print(done.stdout, done.stderr, sep="", end="", flush=True)
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("athena: error: ") if lines else f"ended with exit code {done.returncode}"


def _merit(row: Mapping[str, Any]) -> tuple[float, float]:
    return row["SR"], row["TIS"]


def _rate(policy: str, row: Mapping[str, Any]) -> str:
    return f"{policy} succeeds in {100.0 * row['SR']:.0f} % of the rollouts"


def _stem(clip: str) -> str:
    """A clip's name as that of a file."""
    return re.sub(r"[^\w.~+-]+|^\.", "_", clip)[:_MOST_LETTERS]
