"""Training of a small motion diffusion model on captioned motions.

The loss is the squared error of the predicted motion and, weighted, of its differences from frame to frame. What a step
draws depends on the seed and the number of the step alone, so a training that is taken up again goes on as it would
have.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.mdm import features as hml
from athena_wbc.synthesis.generators.mdm.checkpoint import Statistics
from athena_wbc.synthesis.generators.mdm.diffusion import Diffusion, noise_source
from athena_wbc.synthesis.generators.mdm.network import MotionDenoiser
from athena_wbc.synthesis.generators.mdm.text import TextEncoder

_LEAST_DEVIATION = 1e-3
_GROUPS = (
    slice(0, 1), slice(1, 3), slice(3, 4), hml.LOCAL, hml.ROTATIONS, hml.VELOCITIES, hml.CONTACTS,
)  # fmt: skip
"""Features of one kind, which share a deviation: a joint that hardly moves must not count as much as one that does."""


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A motion and what it shows."""

    caption: str
    positions: np.ndarray
    """(T, 22, 3) in m, z up, 20 fps."""


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How to train."""

    steps: int
    batch: int
    learning_rate: float
    velocity_weight: float
    drop_text: float
    """Share of examples whose text is left out, so that the network can do without."""
    average: float
    """Weight of the old in the running average of the weights, once it has run in."""
    frames: int
    """Longest part of a motion that is shown at once."""
    seed: int


@dataclasses.dataclass(eq=False)
class Dataset:
    """Normalised features and texts, as tensors on the training's device."""

    features: list[Tensor]
    """Of each example (T, 263)."""
    text: Tensor
    """(N, 1, width)."""

    def batch(self, settings: TrainingSettings, source: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw features (B, T, 263), padding (B, T), and texts (B, 1, width)."""
        chosen = torch.randint(len(self.features), (settings.batch,), generator=source).tolist()
        parts = []
        for index in chosen:
            whole = self.features[index]
            spare = max(len(whole) - settings.frames, 0)
            start = int(torch.randint(spare + 1, (), generator=source))
            parts.append(whole[start : start + settings.frames])
        lengths = torch.tensor([len(part) for part in parts], device=self.text.device)
        padded = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
        padding = torch.arange(padded.shape[1], device=self.text.device)[None] >= lengths[:, None]
        return padded, padding, self.text[chosen]


@dataclasses.dataclass(eq=False)
class TrainingState:
    """All that a training needs to go on."""

    network: MotionDenoiser
    averaged: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time of this process's CPU that they took."""
    curve: list[list[float]] = dataclasses.field(default_factory=list)
    """[step, mean loss since the entry before], every fiftieth of the training."""

    def as_dict(self) -> dict[str, Any]:
        """Tensors and plain containers, for torch.save."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
        }

    def load(self, content: dict[str, Any]) -> None:
        """The way back."""
        self.network.load_state_dict(content["network"])
        self.averaged = {name: content["averaged"][name].to(value.device) for name, value in self.averaged.items()}
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.seconds = int(content["step"]), float(content["seconds"])
        self.curve = [list(entry) for entry in content["curve"]]


def encoded(examples: Sequence[Example]) -> list[np.ndarray]:
    """Features (T - 1, 263) of each example.

    Raises:
        AthenaError: fewer than two examples.
    """
    if len(examples) < 2:
        raise AthenaError(f"motions: {len(examples)} captioned motion(s) are too few to learn from; give two or more")
    return [hml.encode(example.positions) for example in examples]


def measured(features: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (263,) float32 over all frames; features of one kind share their mean deviation."""
    frames = np.concatenate(features)
    deviation = frames.std(axis=0)
    for group in _GROUPS:
        deviation[group] = max(float(deviation[group].mean()), _LEAST_DEVIATION)
    return frames.mean(axis=0).astype(np.float32), deviation.astype(np.float32)


def make_dataset(
    examples: Sequence[Example],
    features: Sequence[np.ndarray],
    statistics: Statistics,
    encoder: TextEncoder,
    device: str,
) -> Dataset:
    """The examples as the network sees them."""
    return Dataset(
        [torch.from_numpy(statistics.normalise(part)).float().to(device) for part in features],
        torch.stack([encoder.encode(example.caption) for example in examples]).to(device),
    )


def begin(network: MotionDenoiser, settings: TrainingSettings) -> TrainingState:
    """A training that has done nothing yet."""
    return TrainingState(
        network=network,
        averaged={name: value.detach().clone() for name, value in network.state_dict().items()},
        optimiser=torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.01),
    )


def train(
    state: TrainingState,
    dataset: Dataset,
    diffusion: Diffusion,
    settings: TrainingSettings,
    after_step: Callable[[TrainingState, float], None],
) -> None:
    """Train until `settings.steps`, from where `state` stands; `after_step` is told the state and the step's loss."""
    every = max(settings.steps // 50, 1)
    recent: list[float] = []
    state.network.train()
    while state.step < settings.steps:
        begun = time.process_time()
        for group in state.optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate_factor(state.step, settings.steps)
        source = noise_source(f"step {state.step}", settings.seed)
        loss = loss_of(state.network, dataset.batch(settings, source), diffusion, settings, source)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        state.optimiser.step()
        state.step += 1
        _average(state, settings)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise AthenaError(f"training: the loss is not finite at step {state.step}; lower learning_rate")
        recent.append(value)
        state.seconds += time.process_time() - begun
        if state.step % every == 0 or state.step == settings.steps:
            state.curve.append([state.step, sum(recent) / len(recent)])
            recent.clear()
        after_step(state, value)


def loss_of(
    network: MotionDenoiser,
    batch: tuple[Tensor, Tensor, Tensor],
    diffusion: Diffusion,
    settings: TrainingSettings,
    source: torch.Generator,
) -> Tensor:
    """Squared error of the prediction plus the weighted one of its differences, over frames that are there."""
    motion, padding, text = batch
    device = motion.device
    steps = torch.randint(diffusion.steps, (len(motion),), generator=source).to(device)
    noise = torch.randn(motion.shape, generator=source).to(device)
    heeded = (torch.rand(len(motion), generator=source) >= settings.drop_text).to(device)
    noisy = diffusion.add_noise(motion, steps, noise)
    error = network(noisy, steps, text, frame_padding=padding, conditional=heeded) - motion
    present = (~padding).to(error.dtype)[..., None]
    # Motions are padded at their ends alone: a frame that is there follows one that is there.
    moving = (error[:, 1:] - error[:, :-1]) ** 2 * present[:, 1:]
    width = error.shape[2]
    loss = (error**2 * present).sum() / (present.sum() * width)
    return loss + settings.velocity_weight * moving.sum() / (present[:, 1:].sum().clamp_min(1.0) * width)


def rate_factor(step: int, steps: int) -> float:
    """Of the learning rate: up in the first twentieth, at most 100 steps, then down a cosine to a twentieth."""
    warm = max(min(steps // 20, 100), 1)
    if step < warm:
        return (step + 1) / warm
    return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


@torch.no_grad()
def _average(state: TrainingState, settings: TrainingSettings) -> None:
    # A short training would keep its random start in a slow average; so the average begins fast.
    old = min(settings.average, (1.0 + state.step) / (10.0 + state.step))
    for name, value in state.network.state_dict().items():
        state.averaged[name].lerp_(value, 1.0 - old)
