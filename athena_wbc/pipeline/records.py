"""Records: the JSON files by which the stages of the pipeline speak to each other."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from athena_wbc import __version__
from athena_wbc.config import Config
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import evaluation_config, is_random
from athena_wbc.motion.corpus import spec_path

K_EVAL = 10
"""Rollouts of every clip by which mining and routing judge (K_eval of eq. 7)."""


def read_record(path: str | os.PathLike[str], kind: str, command: str) -> dict[str, Any]:
    """Read a record that this version of the library wrote.

    Args:
        path: the file.
        kind: what its key ``kind`` has to say.
        command: the sub-command that writes such a file, for the remedy.

    Raises:
        AthenaError: no such file, a damaged one, another kind of file, or another library version.
    """
    path = Path(path)
    remedy = f"write it with athena {command}"
    if not path.is_file():
        raise AthenaError(f"{path}: no such file; {remedy}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: damaged, not readable as JSON ({error}); {remedy} again") from error
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise AthenaError(f"{path}: kind: is no '{kind}' record; {remedy}")
    version = content.get("library_version")
    if version != __version__:
        raise AthenaError(
            f"{path}: library_version: was written by athena_wbc {version}, this is {__version__}; {remedy} again"
        )
    return content


def check_output_file(out: str | os.PathLike[str], motions: Sequence[str]) -> Path:
    """Refuse an output that could not be written, or that would overwrite its own input, before any work is done."""
    out = Path(out)
    if out.is_dir():
        raise AthenaError(f"{out}: --out is a folder; name a file in it")
    above = next((parent for parent in out.parents if parent.exists()), out.parent)
    if above.exists() and not above.is_dir():
        raise AthenaError(f"{out}: --out lies below {above}, which is a file; choose another folder")
    for spec in map(spec_path, motions):
        if out.exists() and os.path.exists(spec) and os.path.samefile(spec, out):
            raise AthenaError(f"{out}: --out is also what --motions names; write to another file")
    return out


def judging_config(
    checkpoint: Path | None,
    protocol: str,
    rollouts: int | None,
    num_envs: int | None,
    randomisation: str | None,
    overrides: Sequence[str],
    sample: bool = False,
) -> Config:
    """The configuration that a teacher is judged with: as for an evaluation, but with K_eval rollouts of a clip.

    Args:
        rollouts: of every clip; None for :data:`K_EVAL`, or for one where nothing is random and all would be equal.
        sample: whether actions are sampled, which is random too.
        checkpoint, protocol, num_envs, randomisation, overrides: as in
            :func:`~athena_wbc.evaluation.run.evaluation_config`.
    """
    config = evaluation_config(checkpoint, protocol, rollouts or K_EVAL, num_envs, randomisation, overrides)
    if rollouts is None and not sample and not is_random(config):
        config.evaluation.rollouts = 1
    return config
