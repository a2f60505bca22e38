"""Released checkpoints of MDM: what their args.json says, their weights, and HumanML3D's statistics.

Nothing but tensors is unpickled. What the network here cannot run is refused by key and value.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.motion.formats.human.arrays import load_npy
from athena_wbc.motion.formats.human.humanml3d import FEATURES
from athena_wbc.synthesis.generators.mdm.network import ARCHITECTURES, DECODER, MotionDenoiser, NetworkShape
from athena_wbc.synthesis.generators.mdm.text import CLIP, DISTILBERT

ARGUMENTS = "args.json"

_NEEDED: Mapping[str, Any] = {
    "dataset": "humanml",
    "noise_schedule": "cosine",
    "sigma_small": True,
    "unconstrained": False,
    "emb_trans_dec": False,
    "emb_policy": "add",
    "context_len": 0,
    "pred_len": 0,
}
"""What the network and the diffusion here do. A key that a file does not have is at this value."""

_REMEDY = "take humanml_enc_512_50steps or humanml_trans_dec_512_bert-50steps"

_TEXT_WIDTHS = {CLIP: 512, DISTILBERT: 768}


@dataclasses.dataclass(frozen=True)
class ReleasedModel:
    """What args.json says, as far as it matters for sampling."""

    shape: NetworkShape
    text: str
    """``clip`` or ``distilbert``."""
    steps: int
    """Steps of the diffusion."""
    averaged: bool
    """Whether the averaged weights are the ones to use."""
    unconditional: bool
    """Whether it was trained to do without the text too, which guidance needs."""


def read_arguments(path: Path) -> ReleasedModel:
    """Read args.json.

    Raises:
        AthenaError: missing, damaged, or of a model that is not run here: which key, and which checkpoints to take.
    """
    if not path.is_file():
        raise AthenaError(f"{path}: is missing; it belongs beside the checkpoint, copy it from the same release")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise AthenaError(f"{path}: is no readable JSON; copy it from the release again") from error
    if not isinstance(content, dict):
        raise AthenaError(f"{path}: must be a table of settings; copy it from the release again")
    architecture = content.get("arch", ARCHITECTURES[0])
    if architecture not in ARCHITECTURES:
        raise AthenaError(f"{path}: arch: is '{architecture}', run are {' and '.join(ARCHITECTURES)}; {_REMEDY}")
    for key, wanted in _NEEDED.items():
        if content.get(key, wanted) != wanted:
            raise AthenaError(f"{path}: {key}: is '{content[key]}', only '{wanted}' is run; {_REMEDY}")
    text = {"clip": CLIP, "bert": DISTILBERT}.get(content.get("text_encoder_type", "clip"))
    if text is None:
        raise AthenaError(
            f"{path}: text_encoder_type: is '{content['text_encoder_type']}', run are clip and bert; {_REMEDY}"
        )
    if text == DISTILBERT and architecture != DECODER:
        raise AthenaError(f"{path}: text_encoder_type: bert with arch '{architecture}' is not run; {_REMEDY}")
    sizes = {}
    for key, default in (("latent_dim", 512), ("layers", 8), ("diffusion_steps", 50), ("pos_embed_max_len", 5000)):
        size = content.get(key, default)
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 100_000:
            raise AthenaError(f"{path}: {key}: must be a positive whole number, is '{size}'; copy it again")
        sizes[key] = size
    if sizes["latent_dim"] % 4:
        raise AthenaError(f"{path}: latent_dim: must be a multiple of the 4 heads, is {sizes['latent_dim']}")
    shape = NetworkShape(
        architecture=architecture,
        text_width=_TEXT_WIDTHS[text],
        width=sizes["latent_dim"],
        layers=sizes["layers"],
        longest=max(sizes["pos_embed_max_len"], sizes["diffusion_steps"]),
    )
    probability = content.get("cond_mask_prob", 0.1)
    return ReleasedModel(
        shape=shape,
        text=text,
        steps=sizes["diffusion_steps"],
        averaged=bool(content.get("use_ema", False)),
        unconditional=isinstance(probability, (int, float)) and probability > 0,
    )


def read_weights(path: Path, averaged: bool) -> dict[str, Tensor]:
    """The weights of a checkpoint, on the CPU, without position codes and text encoder.

    Args:
        averaged: whether to take ``model_avg`` of a file that holds two sets.

    Raises:
        AthenaError: missing, damaged, or holding other things than tensors.
    """
    if not path.is_file():
        raise AthenaError(f"checkpoint: {path}: no such file; name a model<iteration>.pt of a release of MDM")
    content = load_tensors(path)
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        chosen = content.get("model_avg") if averaged else None
        content = chosen if isinstance(chosen, dict) else content["model"]
    if not isinstance(content, dict) or not content or not all(isinstance(part, Tensor) for part in content.values()):
        raise AthenaError(f"checkpoint: {path}: holds no table of weights; name a model<iteration>.pt of MDM")
    return {
        str(name): weight.float()
        for name, weight in content.items()
        if not str(name).endswith(".pe") and not str(name).startswith("clip_model.")
    }


def load_tensors(path: Path) -> Any:
    """What torch.save wrote, tensors and plain containers alone.

    Raises:
        AthenaError: damaged, or anything else in it.
    """
    try:
        # torch does not compare the checksums that it writes; a flipped bit in a weight would go unseen.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                broken = archive.testzip()
            if broken is not None:
                raise ValueError(f"checksum of {broken}")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, KeyError, ... by the damage
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise AthenaError(
            f"checkpoint: {path}: is damaged, or holds more than tensors ({reason}); copy it again"
        ) from error


def load_network(shape: NetworkShape, weights: Mapping[str, Tensor], path: Path) -> MotionDenoiser:
    """A network with the weights, every one of them used.

    Raises:
        AthenaError: weights that are missing, too many, or of another shape, by name.
    """
    network = MotionDenoiser(shape)
    own = network.state_dict()
    for what, names in (("lacks", own.keys() - weights.keys()), ("has also", weights.keys() - own.keys())):
        if names:
            first = ", ".join(sorted(names)[:3])
            raise AthenaError(
                f"checkpoint: {path}: {what} {len(names)} weights ({first}) that {ARGUMENTS} does not speak of; "
                "the two are of different models: copy both from the same release"
            )
    for name, weight in own.items():
        if weight.shape != weights[name].shape:
            raise AthenaError(
                f"checkpoint: {path}: {name}: has the shape {tuple(weights[name].shape)}, {ARGUMENTS} says "
                f"{tuple(weight.shape)}; the two are of different models: copy both from the same release"
            )
        if not torch.isfinite(weights[name]).all():
            raise AthenaError(f"checkpoint: {path}: {name}: is not finite; copy the file again")
    network.load_state_dict(dict(weights), strict=True)
    return network.eval().requires_grad_(False)


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and deviation of the features, (263,) float64."""

    mean: np.ndarray
    deviation: np.ndarray
    hashes: Mapping[str, str]
    """File -> SHA-256."""

    def normalise(self, features: np.ndarray) -> np.ndarray:
        """Features (..., 263) as the network sees them."""
        return (features - self.mean) / self.deviation

    def restore(self, features: np.ndarray) -> np.ndarray:
        """The way back."""
        return features * self.deviation + self.mean


def statistics_files(folder: str | Path) -> list[Path]:
    """HumanML3D's Mean.npy and Std.npy.

    Raises:
        AthenaError: one is not there.
    """
    if not str(folder):
        raise AthenaError("statistics: names no folder; name the one with Mean.npy and Std.npy of HumanML3D")
    paths = [Path(folder) / name for name in ("Mean.npy", "Std.npy")]
    for path in paths:
        if not path.is_file():
            raise AthenaError(f"statistics: {path}: no such file; copy Mean.npy and Std.npy of HumanML3D there")
    return paths


def read_statistics(folder: str | Path) -> Statistics:
    """HumanML3D's Mean.npy and Std.npy.

    Raises:
        AthenaError: missing or damaged files, or the statistics of MDM's evaluators, which are others.
    """
    arrays, hashes = [], {}
    for path in statistics_files(folder):
        array = load_npy(path)
        if array.shape != (FEATURES,) or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise AthenaError(
                f"statistics: {path}: must hold {FEATURES} finite numbers, has the shape {array.shape}; copy it again"
            )
        if array.dtype.itemsize != 4:
            raise AthenaError(
                f"statistics: {path}: is {array.dtype}, as those of MDM's evaluators are, which are others; "
                "take Mean.npy and Std.npy of HumanML3D (float32)"
            )
        arrays.append(array.astype(np.float64))
        hashes[path.name] = sha256_file(path)
    if not (arrays[1] > 0.0).all():
        raise AthenaError(f"statistics: {Path(folder) / 'Std.npy'}: deviations must be positive; copy it again")
    return Statistics(*arrays, hashes)
