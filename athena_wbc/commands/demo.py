"""``athena demo``: the whole pipeline on the built-in motions, and pictures of what came out."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from athena_wbc.commands.console import make_console
from athena_wbc.commands.learning import INTERRUPTED
from athena_wbc.errors import AthenaError

CONFIG = "demo"
POLICY = "finetune"
"""The policy whose clips are drawn: the one that could be deployed."""
PICTURES = "pictures"
OLD_MARK = "demo.json"
"""By which demos of earlier versions are known."""


def demo(arguments: argparse.Namespace) -> int:
    """Run the pipeline of ``configs/pipeline/demo.yaml``, then draw."""
    out = Path(arguments.out)
    if not arguments.resume:
        _make_room(out)
    from athena_wbc.pipeline.run import run_pipeline

    stopped = run_pipeline(
        out,
        CONFIG,
        seed=arguments.seed,
        jobs=arguments.jobs,
        resume=arguments.resume,
        overrides=arguments.overrides,
        console=make_console(),
    )
    if stopped:
        return INTERRUPTED
    pictures = _pictures(out)
    print(
        f"pictures (the ghost is the reference): {', '.join(map(str, pictures)) or 'none, OpenGL is missing here'}\n"
        f"watch it: athena play --checkpoint {out / POLICY} --motions builtin:walk --out walk.mp4"
    )
    return 0


def _pictures(out: Path) -> list[Path]:
    """Draw the clip that was hardest among the successes and the one that failed worst; those that could be drawn.

    In processes of their own: on a machine without OpenGL even MuJoCo's import would fail.
    """
    with open(out / "evaluation" / POLICY / "full" / "clips.csv", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["critical_scale_worst"]))
    solved = [row["clip"] for row in rows if float(row["SR"]) == 1.0]
    failed = [row["clip"] for row in rows if float(row["SR"]) < 1.0]
    drawn = []
    for name in (*solved[-1:], *failed[-1:]):
        path = out / PICTURES / f"{name}.png"
        command = [sys.executable, "-m", "athena_wbc.cli", "play", "--checkpoint", str(out / POLICY)]
        command += ["--motions", f"builtin:{name}", "--out", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            drawn.append(path)
    return drawn


def _make_room(out: Path) -> None:
    """Remove an earlier demo; anything else that is there is not ours to remove."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not _is_demo(out):
        raise AthenaError(f"{out}: exists, and is no earlier demo; choose another folder with --out")
    shutil.rmtree(out)


def _is_demo(out: Path) -> bool:
    if (out / OLD_MARK).is_file():
        return True
    try:
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and Path(str(manifest.get("source"))).stem == CONFIG
