"""``athena demo``: the whole pipeline on the built-in motions, and how to look at what came out."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from athena_wbc.commands.console import make_console
from athena_wbc.commands.learning import INTERRUPTED
from athena_wbc.errors import AthenaError

CONFIG = "demo"
POLICY = "finetune"
"""The policy to watch: the one that could be deployed."""
OLD_MARK = "demo.json"
"""By which demos of earlier versions are known."""


def demo(arguments: argparse.Namespace) -> int:
    """Run the pipeline of ``configs/pipeline/demo.yaml``, then say what there is to see."""
    out = Path(arguments.out)
    if not arguments.resume:
        _make_room(out)
    from athena_wbc.pipeline.plan import PICTURE_FOLDER
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
    pictures = sorted((out / PICTURE_FOLDER).glob("*.png"))
    print(
        f"pictures (the ghost is the reference): {', '.join(map(str, pictures)) or 'none could be drawn here'}\n"
        f"watch it: athena play --checkpoint {out / POLICY} --motions builtin:walk --out walk.mp4"
    )
    return 0


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
