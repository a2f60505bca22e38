"""The generator `mdm`: released weights of the motion diffusion model, which the user places."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.motion.formats.human.humanml3d import FEATURES
from athena_wbc.synthesis.generators.mdm.checkpoint import (
    ARGUMENTS,
    ReleasedModel,
    Statistics,
    load_network,
    read_arguments,
    read_statistics,
    read_weights,
    statistics_files,
)
from athena_wbc.synthesis.generators.mdm.diffusion import Diffusion, cosine_diffusion, guided, noise_source, sample
from athena_wbc.synthesis.generators.mdm.features import decode
from athena_wbc.synthesis.generators.mdm.network import MotionDenoiser
from athena_wbc.synthesis.generators.mdm.post import PostConfig, check_post, corrected
from athena_wbc.synthesis.generators.mdm.text import FolderEncoder, TextEncoder, check_encoder_folder
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt

MOST_FRAMES = 196
"""Frames of the longest motion that MDM has learned from, 9.8 s; a longer wish gets this many."""

_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


@dataclasses.dataclass
class MdmConfig:
    """Settings of `mdm`. The three paths have no default: nothing is shipped and nothing is downloaded."""

    checkpoint: str = ""
    """A file model<iteration>.pt of MDM's release, its args.json beside it."""
    statistics: str = ""
    """Folder with Mean.npy and Std.npy of HumanML3D."""
    text_encoder: str = ""
    """Folder with the text encoder that the checkpoint was trained with, as transformers saves it."""
    guidance: float = 2.5
    """How far to go beyond what the network would do without the text; 1 is the text alone, without excess."""
    post: PostConfig = dataclasses.field(default_factory=PostConfig)
    """Corrections of the samples; none by default."""
    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:<number>``, or ``auto``: a GPU where there is one."""
    licence: str = ""
    """Licence of the motions, written into their records: that of the weights and their training data."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler:
    """All that drawing a motion for a text needs."""

    network: MotionDenoiser
    diffusion: Diffusion
    statistics: Statistics
    encoder: TextEncoder
    guidance: float
    post: PostConfig
    device: str
    described: dict[str, Any]
    """Files with hashes, for provenance."""

    def draw(self, prompt: Prompt, frames: int, seed: int) -> tuple[Any, dict[str, Any]]:
        """Positions (T, 22, 3) and their provenance.

        Motions are drawn one at a time: in a batch, rounding would make one depend on how many there are.
        """
        text = self.encoder.encode(prompt.text).to(self.device)[None]
        with torch.inference_mode():
            features = sample(
                self._predictor(text),
                self.diffusion,
                (1, frames, FEATURES),
                noise_source(prompt.id, seed),
                self.device,
            )
        restored = self.statistics.restore(features[0].cpu().double().numpy())
        positions, done = corrected(decode(restored), self.post)
        settings = {"guidance": self.guidance, "diffusion_steps": self.diffusion.steps, "text": prompt.text}
        return positions, {**self.described, **settings, "post": done}

    def _predictor(self, text: Tensor) -> Callable[[Tensor, int], Tensor]:
        network, guidance = self.network, self.guidance
        both = torch.tensor([True, False], device=self.device)

        def predict(noisy: Tensor, step: int) -> Tensor:
            steps = torch.full((2,), step, device=noisy.device)
            if guidance == 1.0:
                return network(noisy, steps[:1], text)
            pair = network(noisy.expand(2, -1, -1), steps, text.expand(2, -1, -1), conditional=both)
            return guided(pair[:1], pair[1:], guidance)

        return predict


class MdmGenerator:
    """Draws motions from a released checkpoint of MDM.

    The weights are read when the first motion is asked for.

    Raises:
        AthenaError: a setting that cannot be.
    """

    name = "mdm"
    is_learned = True

    def __init__(self, config: MdmConfig) -> None:
        check_sampling(config.guidance, config.device)
        check_post(config.post)
        self.config = config

    def files(self) -> list[Path]:
        """Weights and their settings, statistics, text encoder.

        What is cheap to read is read: hours may lie between this and the first motion.

        Raises:
            AthenaError: one of them is not named or not there, or belongs to a model that is not run here.
        """
        path, statistics = self._checkpoint(), self.config.statistics
        model = self._released()
        read_statistics(statistics)
        check_encoder_folder(model.text, self.config.text_encoder)
        return [path, path.parent / ARGUMENTS, *statistics_files(statistics), Path(self.config.text_encoder)]

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """One motion for each prompt; at most 196 frames.

        Raises:
            AthenaError: weights, statistics or text encoder are missing or of another kind.
        """
        length = min(frames, MOST_FRAMES)
        return draw_all(self, self._sampler, prompts, length, seed, self.config.licence)

    def _checkpoint(self) -> Path:
        if not self.config.checkpoint:
            raise AthenaError(
                "checkpoint: names no file; name a model<iteration>.pt of MDM's release, with args.json beside it "
                "(docs/synthesis_generators.md says where from)"
            )
        path = Path(self.config.checkpoint)
        if not path.is_file():
            raise AthenaError(f"checkpoint: {path}: no such file; name a model<iteration>.pt of a release of MDM")
        return path

    def _released(self) -> ReleasedModel:
        """What the release says of its model.

        Raises:
            AthenaError: it is not run here, or not with these settings.
        """
        path = self._checkpoint().parent / ARGUMENTS
        model = read_arguments(path)
        if self.config.guidance != 1.0 and not model.unconditional:
            raise AthenaError(
                f"{path}: cond_mask_prob: is 0, so the model cannot do without the text; set guidance to 1"
            )
        return model

    @functools.cached_property
    def _sampler(self) -> Sampler:
        config = self.config
        path = self._checkpoint()
        model = self._released()
        statistics = read_statistics(config.statistics)
        device = chosen_device(config.device)
        encoder = FolderEncoder(model.text, config.text_encoder, device)
        if encoder.width != model.shape.text_width:
            raise AthenaError(
                f"text_encoder: {config.text_encoder}: gives {encoder.width} numbers a token, the checkpoint takes "
                f"{model.shape.text_width}; name the encoder that it was trained with"
            )
        network = load_network(model.shape, read_weights(path, model.averaged), path).to(device)
        return Sampler(
            network=network,
            diffusion=cosine_diffusion(model.steps),
            statistics=statistics,
            encoder=encoder,
            guidance=config.guidance,
            post=config.post,
            device=device,
            described={
                "model": "MDM",
                "architecture": model.shape.architecture,
                "checkpoint": path.name,
                "checkpoint_sha256": sha256_file(path),
                "statistics_sha256": dict(statistics.hashes),
                "text_encoder": encoder.described(),
            },
        )


def draw_all(
    generator: Any, sampler: Sampler, prompts: Sequence[Prompt], frames: int, seed: int, licence: str
) -> list[SyntheticMotion]:
    """Motions of all prompts, as `generator`'s.

    Raises:
        AthenaError: fewer than two frames.
    """
    if frames < 2:
        raise AthenaError(f"frames: must be 2 or more, is {frames}")
    motions = []
    for prompt in prompts:
        positions, provenance = sampler.draw(prompt, frames, seed)
        motions.append(
            SyntheticMotion(
                prompt_id=prompt.id,
                positions=positions,
                generator=generator.name,
                is_learned=generator.is_learned,
                seed=seed,
                provenance=provenance,
                licence=licence,
            )
        )
    return motions


def check_sampling(guidance: float, device: str) -> None:
    """Raise :class:`AthenaError` where a value cannot be."""
    if not 0.0 <= guidance <= 20.0:
        raise AthenaError(f"guidance: must be from 0 to 20, is {guidance:g}")
    if device != "auto" and not _DEVICE.fullmatch(device):
        raise AthenaError(f"device: '{device[:40]}' is none; say cpu, cuda, cuda:<number> or auto")


def chosen_device(device: str) -> str:
    """The device that is meant.

    Raises:
        AthenaError: a GPU is asked for that is not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(device.partition(":")[2] or 0) >= count:
            there = f"there are {count} GPUs, from cuda:0 on" if count else "there is no GPU"
            raise AthenaError(f"device: '{device}' is not there: {there}; say cpu or auto")
    return device
