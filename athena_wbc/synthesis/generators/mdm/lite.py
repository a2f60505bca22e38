"""The generator `mdm_lite`: a small motion diffusion model, trained on the spot from captioned motions and kept.

It learns what it is shown and nothing else: by default motions that the generator `library` composes. Its use is to run
the whole path of a learned generator without foreign weights.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_write, sha256_file, sha256_json, write_json
from athena_wbc.motion.builtin.cache import cache_folder
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.generators.library import LibraryGenerator
from athena_wbc.synthesis.generators.mdm.checkpoint import load_network, load_tensors, read_statistics
from athena_wbc.synthesis.generators.mdm.diffusion import cosine_diffusion
from athena_wbc.synthesis.generators.mdm.generator import Sampler, check_sampling, chosen_device, draw_all
from athena_wbc.synthesis.generators.mdm.network import ENCODER, MotionDenoiser, NetworkShape
from athena_wbc.synthesis.generators.mdm.post import PostConfig, check_post
from athena_wbc.synthesis.generators.mdm.text import HashedNgrams
from athena_wbc.synthesis.generators.mdm.training import (
    Example,
    TrainingSettings,
    begin,
    encoded,
    make_dataset,
    measured,
    train,
)
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt

VERSION = 1
"""Of network, features and training: part of the key under which a model is kept."""

MODEL, UNFINISHED, CURVE = "model.pt", "unfinished.pt", "training.json"
_LOGGER = logging.getLogger(__name__)
_LEAST = {
    "per_domain": 1, "frames": 8, "width": 8, "layers": 1, "heads": 1, "feedforward": 8, "text_width": 16,
    "diffusion_steps": 2, "steps": 1, "batch": 1, "save_every": 1,
}  # fmt: skip


@dataclasses.dataclass
class LiteConfig:
    """Settings of `mdm_lite`: what it learns from, the network, the training, the sampling."""

    motions: str = ""
    """Folder of captioned motions, as the generator `folder` reads it; empty: motions of the generator `library`."""
    bank: list[str] = dataclasses.field(default_factory=list)
    """Domains beside those of the library that `library` is asked for, as YAML files or folders of them. In a loop both
    this and `domains` are those of the loop where they are not given."""
    domains: list[str] = dataclasses.field(default_factory=list)
    """Domains of the bank that are learned; empty for all."""
    per_domain: int = 60
    """Prompts of each of them."""
    frames: int = 120
    """Frames at 20 fps of the longest motion that is learned and drawn."""
    width: int = 96
    """Of the network's tokens."""
    layers: int = 4
    heads: int = 4
    feedforward: int = 192
    """Width within a layer."""
    text_width: int = 512
    """Numbers of a text's hashed n-grams."""
    diffusion_steps: int = 50
    steps: int = 2500
    """Of the training."""
    batch: int = 32
    learning_rate: float = 1e-3
    velocity_weight: float = 0.5
    """Of the differences from frame to frame in the loss."""
    drop_text: float = 0.1
    """Share of examples shown without their text."""
    average: float = 0.995
    """Weight of the old in the running average of the weights that is drawn from."""
    save_every: int = 250
    """Training steps between checkpoints, from which an interrupted training goes on."""
    seed: int = 0
    """Of the training; that of the motions is given with each call."""
    guidance: float = 2.5
    """How far to go beyond what the network would do without the text."""
    post: PostConfig = dataclasses.field(default_factory=lambda: PostConfig(smooth=1.0, bones=True, ground=True))
    """Corrections of the samples."""
    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:<number>``, or ``auto``: a GPU where there is one."""


_OF_SAMPLING = ("guidance", "post", "device", "save_every")
"""Settings that do not change what is learned."""
_OF_MOTIONS = ("motions", "bank", "domains")
"""Settings that count by the motions that come of them."""


def check_lite(config: LiteConfig) -> None:
    """Raise :class:`AthenaError` where a value cannot be."""
    for key, least in _LEAST.items():
        if getattr(config, key) < least:
            raise AthenaError(f"{key}: must be {least} or more, is {getattr(config, key)}")
    _check_library(config)
    if config.width % config.heads or config.width % 2:
        raise AthenaError(f"width: must be even and a multiple of heads ({config.heads}), is {config.width}")
    for key in ("drop_text", "average"):
        if not 0.0 <= getattr(config, key) < 1.0:
            raise AthenaError(f"{key}: must be 0 or more and below 1, is {getattr(config, key):g}")
    if not 0.0 < config.learning_rate <= 1.0:
        raise AthenaError(f"learning_rate: must be above 0 and at most 1, is {config.learning_rate:g}")
    if not 0.0 <= config.velocity_weight <= 1e3:
        raise AthenaError(f"velocity_weight: must be from 0 to 1000, is {config.velocity_weight:g}")
    if config.guidance != 1.0 and config.drop_text == 0.0:
        raise AthenaError("drop_text: is 0, so the model will not learn to do without the text; set guidance to 1")
    check_sampling(config.guidance, config.device)
    check_post(config.post)


def _check_library(config: LiteConfig) -> None:
    """The generator `library` is asked for one frame more than is learned."""
    from athena_wbc.synthesis.generators.library.generator import LEAST_FRAMES, MOST_FRAMES

    if not config.motions and not LEAST_FRAMES - 1 <= config.frames <= MOST_FRAMES - 1:
        raise AthenaError(
            f"frames: must be from {LEAST_FRAMES - 1} to {MOST_FRAMES - 1} where motions names no folder and it learns "
            f"from the generator library, is {config.frames}"
        )


class MdmLiteGenerator:
    """A small model, trained when its first motion is asked for; a second process finds it kept.

    Raises:
        AthenaError: a setting that cannot be.
    """

    name = "mdm_lite"
    is_learned = True

    def __init__(self, config: LiteConfig) -> None:
        check_lite(config)
        self.config = config

    def files(self) -> list[Path]:
        """What is learned from.

        Raises:
            AthenaError: a folder or a bank that is not there or cannot be read, or a domain that the bank lacks.
        """
        if self.config.motions:
            from athena_wbc.synthesis.generators.folder import motion_files

            return motion_files(Path(self.config.motions))
        if self.config.bank or self.config.domains:
            _learned_bank(self.config)
        return [*LibraryGenerator().files(), *map(Path, self.config.bank)]

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """One motion for each prompt, as long as the learned motion with the nearest caption, `frames` at most.

        Raises:
            AthenaError: there is nothing to learn from.
        """
        motions = []
        for prompt in prompts:
            nearest, length = self._nearest(prompt.text)
            (motion,) = draw_all(self, self._sampler, [prompt], max(min(frames, length), 2), seed, self._licence)
            motions.append(motion.replace(provenance={**motion.provenance, "nearest_caption": nearest}))
        return motions

    @property
    def folder(self) -> Path:
        """Where the model is kept; the name is a hash of the settings and of all motions with their captions."""
        left_out = (*_OF_SAMPLING, *_OF_MOTIONS)
        settings = {key: value for key, value in dataclasses.asdict(self.config).items() if key not in left_out}
        digest = hashlib.sha256()
        for example in self._examples[0]:
            digest.update(example.caption.encode() + b"\0" + example.positions.tobytes())
        key = sha256_json([VERSION, settings, digest.hexdigest()])[:16]
        return cache_folder() / "mdm_lite" / key

    @functools.cached_property
    def _examples(self) -> tuple[list[Example], str]:
        """What is learned from, and under which licence."""
        if self.config.motions:
            from athena_wbc.synthesis.generators.folder import captioned_motions

            return captioned_motions(Path(self.config.motions))
        return _library_examples(self.config)

    @property
    def _licence(self) -> str:
        return self._examples[1]

    @functools.cached_property
    def _texts(self) -> np.ndarray:
        encoder = HashedNgrams(self.config.text_width)
        return np.stack([encoder.vector(example.caption) for example in self._examples[0]])

    def _nearest(self, text: str) -> tuple[str, int]:
        """The learned caption nearest to a text, and the frames that its motion was learned with."""
        index = int(np.argmax(self._texts @ HashedNgrams(self.config.text_width).vector(text)))
        example = self._examples[0][index]
        return example.caption, min(len(example.positions) - 1, self.config.frames)

    @functools.cached_property
    def _sampler(self) -> Sampler:
        config = self.config
        folder, device = self.folder, chosen_device(config.device)
        path = folder / MODEL
        kept = _kept(path)
        if kept is None or "averaged" not in kept or not _is_whole(folder):
            kept = self._train(folder, device)
        statistics = read_statistics(folder)
        network = load_network(_shape(config), kept["averaged"], path).to(device)
        encoder = HashedNgrams(config.text_width)
        described = {
            "model": "MDM, small, trained by athena",
            "checkpoint_sha256": sha256_file(path),
            "statistics_sha256": dict(statistics.hashes),
            "text_encoder": encoder.described(),
            "learned_from": f"{len(self._examples[0])} motions of {config.motions or 'the generator library'}",
            "training_steps": config.steps,
            "training_seed": config.seed,
        }
        return Sampler(
            network,
            cosine_diffusion(config.diffusion_steps),
            statistics,
            encoder,
            config.guidance,
            config.post,
            device,
            described,
        )

    def _train(self, folder: Path, device: str) -> dict[str, Any]:
        config = self.config
        examples = self._examples[0]
        features = encoded(examples)
        for name, array in zip(("Mean.npy", "Std.npy"), measured(features), strict=True):
            _save_array(folder / name, array)
        statistics = read_statistics(folder)
        dataset = make_dataset(examples, features, statistics, HashedNgrams(config.text_width), device)
        settings = TrainingSettings(
            steps=config.steps,
            batch=config.batch,
            learning_rate=config.learning_rate,
            velocity_weight=config.velocity_weight,
            drop_text=config.drop_text,
            average=config.average,
            frames=config.frames,
            seed=config.seed,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = MotionDenoiser(_shape(config)).to(device)
        state = begin(network, settings)
        unfinished = folder / UNFINISHED
        begun = _kept(unfinished)
        if begun is not None:
            state.load(begun)
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        # Without a terminal a bar is noise in the log.
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task(f"training mdm_lite on {len(examples)} motions", total=config.steps)

            def after_step(state: Any, loss: float) -> None:
                progress.update(bar, completed=state.step)
                if state.step % config.save_every == 0 and state.step < config.steps:
                    _save(unfinished, state.as_dict())

            train(state, dataset, cosine_diffusion(config.diffusion_steps), settings, after_step)
        content = {"averaged": {name: value.cpu() for name, value in state.averaged.items()}}
        summary = {"steps": state.step, "cpu_seconds": round(state.seconds, 1), "curve": state.curve}
        write_json(folder / CURVE, {**summary, "settings": dataclasses.asdict(config), "motions": len(examples)})
        _save(folder / MODEL, content)
        unfinished.unlink(missing_ok=True)
        return content


def _shape(config: LiteConfig) -> NetworkShape:
    return NetworkShape(
        architecture=ENCODER,
        text_width=config.text_width,
        width=config.width,
        feedforward=config.feedforward,
        layers=config.layers,
        heads=config.heads,
        dropout=0.0,
        longest=max(config.frames + 1, config.diffusion_steps),
    )


def _learned_bank(config: LiteConfig) -> Bank:
    from athena_wbc.synthesis.bank_file import load_bank

    return load_bank(config.bank).only(config.domains)


def _library_examples(config: LiteConfig) -> tuple[list[Example], str]:
    from athena_wbc.synthesis.generators.registry import make_generator
    from athena_wbc.synthesis.sampling import sample_prompts

    prompts = sample_prompts(_learned_bank(config), config.per_domain, config.seed)
    motions = make_generator("library", {}, "mdm_lite").generate(prompts, config.frames + 1, config.seed)
    texts = {prompt.id: prompt.text for prompt in prompts}
    licences = sorted({motion.licence for motion in motions if motion.licence})
    return [Example(texts[motion.prompt_id], motion.positions) for motion in motions], "; ".join(licences)


def _kept(path: Path) -> dict[str, Any] | None:
    """What was saved; None where there is nothing or it is damaged."""
    if not path.is_file():
        return None
    try:
        return load_tensors(path)
    except AthenaError as error:
        _LOGGER.warning("%s; training again", error)
        return None


def _is_whole(folder: Path) -> bool:
    """Whether the statistics that belong to a kept model are there and can be read."""
    try:
        read_statistics(folder)
    except AthenaError as error:
        # Its remedy is that of a release, whose files a user copies.
        _LOGGER.warning("%s; training again", str(error).partition(";")[0])
        return False
    return True


def _save(path: Path, content: dict[str, Any]) -> None:
    stream = io.BytesIO()
    torch.save(content, stream)
    atomic_write(path, stream.getvalue())


def _save_array(path: Path, array: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, array)
    atomic_write(path, stream.getvalue())
