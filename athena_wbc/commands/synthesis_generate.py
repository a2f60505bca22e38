"""``athena generate``: sentences to motions of a person."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import OmegaConf

from athena_wbc.commands.console import print_table
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path, make_folder
from athena_wbc.layers import override_layers
from athena_wbc.synthesis.free_text import read_text
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.motion import JOINT_NAMES, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt, prompt_from_dict

_LONGEST = 40
"""Letters of a prompt in the name of its file."""


def generate(arguments: argparse.Namespace) -> None:
    """Write one npz for each prompt, and what else is asked for; print what was made."""
    prompts = _prompts(arguments)
    generator = make_generator(arguments.generator, _options(arguments.overrides), "generate")
    motions = generator.generate(prompts, arguments.frames, arguments.seed)
    out = make_folder(arguments.out)
    rows = []
    for number, (prompt, motion) in enumerate(zip(prompts, motions, strict=True)):
        stem = out / f"{number:04d}_{_slug(prompt.text)}"
        _write_npz(stem.with_suffix(".npz"), motion, prompt)
        if arguments.npy:
            _write_npy(stem.with_suffix(".npy"), motion)
        if arguments.picture:
            _write_picture(stem.with_suffix(".png"), motion, prompt, arguments.view)
        rows.append((stem.name, str(motion.num_frames), f"{motion.duration:.1f}", _shown(motion), prompt.text[:60]))
    print_table(("motion", "frames", "seconds", "shows", "prompt"), rows, left=("motion", "shows", "prompt"))
    kind = "learned" if generator.is_learned else "not learned"
    print(f"{len(motions)} motion(s) by {generator.name} ({kind}), seed {arguments.seed}: {out}")


def _options(overrides: list[str]) -> Mapping[str, Any]:
    layers = override_layers(overrides, "generate")
    return cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.merge({}, *(layer.values for layer in layers))))


def _prompts(arguments: argparse.Namespace) -> list[Prompt]:
    if arguments.prompt is not None:
        return [_told(text, "--prompt") for text in arguments.prompt]
    path = Path(arguments.prompts)
    try:
        # Not splitlines(): a text may hold U+2028, U+2029 or U+0085, which JSON leaves as they are.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read ({error}); name a file of JSON lines") from None
    prompts = [_read(line, f"{path}: line {number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not prompts:
        raise AthenaError(f"{path}: has no prompts; write one as JSON on each line")
    return prompts


def _read(line: str, where: str) -> Prompt:
    """A whole prompt, an object with nothing but its text, or the text alone in quotes."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{where}: is no JSON ({error}); write a prompt, or its text in quotes") from None
    if isinstance(content, str):
        return _told(content, where)
    if isinstance(content, dict) and set(content) == {"text"}:
        return _told(content["text"], where)
    if not isinstance(content, dict):
        raise AthenaError(f"{where}: is no prompt; write an object with the key 'text'")
    return prompt_from_dict(content, where)


def _told(text: object, where: str) -> Prompt:
    if not isinstance(text, str) or not text.strip():
        raise AthenaError(f"{where}: text: must say what a person does, is {json.dumps(text)}")
    return read_text(text)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_LONGEST].strip("_") or "motion"


def _shown(motion: SyntheticMotion) -> str:
    moves = motion.provenance.get("moves", [])
    return ", ".join(part["move"] for part in moves if isinstance(part, Mapping) and "move" in part)


def _write_npz(path: Path, motion: SyntheticMotion, prompt: Prompt) -> None:
    told = {
        "prompt": prompt.as_dict(), "generator": motion.generator, "is_learned": motion.is_learned,
        "seed": motion.seed, "licence": motion.licence, "up": "z", "units": "m", "sha256": motion.digest,
        "provenance": dict(motion.provenance),
    }  # fmt: skip
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            joints=motion.positions.astype(np.float32),
            joint_names=np.array(JOINT_NAMES),
            fps=np.array(motion.fps),
            provenance=np.array(json.dumps(told)),
        )


def _write_npy(path: Path, motion: SyntheticMotion) -> None:
    """HumanML3D's axes: x left, y up, z forwards."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, motion.positions[..., [1, 2, 0]].astype(np.float32))


def _write_picture(path: Path, motion: SyntheticMotion, prompt: Prompt, view: str) -> None:
    from athena_wbc.synthesis.picture import strip

    figure = strip(motion, view=view, title=prompt.text)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80)
