"""The judge without eyes: it compares what joints do with what a prompt's moves mean.

It reads numbers, not pictures, and says so in its name. It knows nothing of style, and nothing of what the vocabulary
has no move for; where a prompt names no move it has nothing to compare, and leaves the motion in the middle.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.human_features import human_features
from athena_wbc.synthesis.judges.detectors import detect
from athena_wbc.synthesis.judges.difficulty import analysis, difficulty
from athena_wbc.synthesis.judges.signals import Signals, find_signals
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import Judgement
from athena_wbc.synthesis.vocabulary import FAMILY, Move

COMMONNESS: Mapping[str, float] = {
    "walk": 0.15, "march": 0.25, "skip": 0.10, "side_step": 0.10, "shuffle": 0.10, "back_step": 0.15, "lunge": 0.10,
    "zigzag": 0.15, "turn": 0.10, "pivot": 0.20, "jump": 0.10, "hop": 0.15, "front_kick": 0.10, "round_kick": 0.10,
    "crescent_kick": 0.10, "knee_strike": 0.10, "sweep": 0.15, "leg_lift": 0.15, "hook_punch": 0.40, "uppercut": 0.45,
    "elbow_strike": 0.25, "block": 0.55, "throw": 0.50, "swing": 0.80, "push": 0.40, "pull": 0.55, "reach": 0.40,
    "arm_wave": 0.65, "arm_circle": 0.25, "clap": 0.20, "stand": 0.80, "guard": 0.35, "crouch": 0.30, "squat": 0.30,
    "bow": 0.20, "rise": 0.45, "balance": 0.10, "sway": 0.75, "plie": 0.50, "side_bend": 0.10, "duck": 0.35,
    "slip": 0.25, "dodge": 0.15, "get_up": 0.10,
}  # fmt: skip
"""Share of single moves of other kinds in which a detector finds its own, 0.8 at most, and 0 for those left out here.
A move weighs what is left of 1: to have seen someone stand says little. Measured on the 71 moves of the library
generator, each on its own, left and right; that of sway is set by hand, since trunk and pelvis hardly move in it there.
"""

UNREAD = 60.0
"""Score where a prompt names no move."""

_EXPLAINS: Mapping[str, tuple[str, ...]] = {
    "a flight": (
        "jumping", "floor", "run", "sprint", "skip", "jump_kick", "spin_kick", "zigzag", "dodge",
    ),
    "an inversion": ("roll", "cartwheel", "backflip", "front_flip"),
    "a spin": ("turning", "turning_jump", "spin_kick", "round_kick", "back_kick", "sweep", "crescent_kick", "throw"),
    "a pose on the floor": ("floor", "crawl", "kneel", "sprawl", "sweep"),
    "a high foot": ("legs", "floor", "leap", "straddle_jump", "arabesque", "side_scale"),
    "a long way": ("locomotion", "leap", "jump", "dodge", "throw", "jumping", "floor"),
}  # fmt: skip
"""Moves and families that account for a striking thing in a motion."""


@dataclasses.dataclass(frozen=True)
class KinematicConfig:
    """How scores become verdicts."""

    aligned: float = 70.0
    """Score from which a motion is aligned with its prompt."""
    partial: float = 50.0
    """Score from which it is partial; below it is a mismatch."""
    order: float = 0.7
    """Share of a move's weight that counts only where it is found in its place among the others, 0 to 1."""
    surplus: float = 0.15
    """Share of the score that is lost for each striking thing that no move of the prompt accounts for, 0 to 0.5."""


def check_kinematic_config(config: KinematicConfig, where: str) -> None:
    """Refuse settings that make no sense.

    Raises:
        AthenaError: a value out of range; the message begins with `where` and the key.
    """
    for key, low, high in (
        ("aligned", 0.0, 100.0),
        ("partial", 0.0, 100.0),
        ("order", 0.0, 1.0),
        ("surplus", 0.0, 0.5),
    ):
        value = getattr(config, key)
        if not low <= value <= high:
            raise AthenaError(f"{where}.{key}: must be from {low:g} to {high:g}, is {value:g}")
    if config.partial > config.aligned:
        raise AthenaError(f"{where}.partial: must not be above aligned ({config.aligned:g}), is {config.partial:g}")


class KinematicJudge:
    """Alignment by detectors of moves, difficulty by calibrated numbers; see docs/synthesis_filters.md."""

    name = "kinematic"

    def __init__(self, config: KinematicConfig | None = None) -> None:
        self.config = config or KinematicConfig()
        check_kinematic_config(self.config, self.name)

    def judge(self, motions: Sequence[SyntheticMotion], prompts: Sequence[Prompt]) -> list[Judgement]:
        """One judgement for each motion; its floor is at z = 0, as `convert.prepare` puts it."""
        return [self._one(motion, prompt) for motion, prompt in zip(motions, prompts, strict=True)]

    def _one(self, motion: SyntheticMotion, prompt: Prompt) -> Judgement:
        features = human_features(motion)
        if prompt.moves:
            score, shown, reason = self._alignment(find_signals(motion, prompt.manner.tempo), prompt)
        else:
            score, shown = UNREAD, "none could be looked for"
            reason = "the prompt names no move of the vocabulary, so there is nothing to compare"
        config = self.config
        verdict = "aligned" if score >= config.aligned else "partial" if score >= config.partial else "mismatch"
        return Judgement(
            judge=self.name,
            verdict=verdict,
            score=round(score, 1),
            difficulty=difficulty(features),
            analysis=analysis(features, prompt, shown),
            reason=reason,
        )

    def _alignment(self, signals: Signals, prompt: Prompt) -> tuple[float, str, str]:
        """Score, which moves are shown, and why the score is not full."""
        weights = np.array([1.0 - COMMONNESS.get(move.move, 0.0) for move in prompt.moves])
        curves = np.stack([detect(signals, move, prompt.manner) for move in prompt.moves])
        placed, at = in_order(curves, weights)
        best = curves.max(axis=1)
        found = self.config.order * placed + (1.0 - self.config.order) * best
        score = 100.0 * float((weights * found).sum() / weights.sum())
        extra = surplus(signals, prompt)
        score *= (1.0 - self.config.surplus) ** len(extra)
        frames = [frame / signals.fps for frame in at]
        told = [
            f"{_name(move)} at {time:.1f} s" if value >= 0.5 else f"no clear {_name(move)}"
            for move, value, time in zip(prompt.moves, placed, frames, strict=True)
        ]
        missing = [
            f"{_name(move)} is {'out of place' if value >= 0.5 else 'missing'} "
            f"({place:.2f} in place, {value:.2f} anywhere)"
            for move, place, value in zip(prompt.moves, placed, best, strict=True)
            if place < 0.5
        ]
        reasons = missing + [f"{thing} that the prompt does not ask for" for thing in extra]
        return score, ", ".join(told), "; ".join(reasons) or "all moves of the prompt are found in order"


def in_order(curves: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put moves at times that do not run backwards, so that what is found there has the greatest weighted sum.

    Args:
        curves: (M, T) how much each move is done in each frame.
        weights: (M,) of the moves.

    Returns:
        What is found of each move at its place (M,), and the frame of the place (M,).
    """
    totals = np.zeros_like(curves)
    before = np.zeros(curves.shape[1])
    for number, curve in enumerate(curves):
        totals[number] = before + weights[number] * curve
        before = np.maximum.accumulate(totals[number])
    places = np.zeros(len(curves), dtype=int)
    last = curves.shape[1] - 1
    for number in reversed(range(len(curves))):
        last = int(totals[number, : last + 1].argmax())
        places[number] = last
    return curves[np.arange(len(curves)), places], places


def surplus(signals: Signals, prompt: Prompt) -> list[str]:
    """Striking things in a motion that no move of the prompt accounts for."""
    kinds = set(itertools.chain.from_iterable((move.move, FAMILY[move.move]) for move in prompt.moves))
    turns = prompt.manner.extra_turns > 0.0 or any(move.turns for move in prompt.moves)
    seen = {
        "a flight": signals.flight.max() > 0.2,
        "an inversion": (signals.upright < -0.5).sum() > 0.1 * signals.fps,
        "a spin": np.abs(signals.change(signals.yaw, 1.4)).max() > 0.7 and not turns,
        "a pose on the floor": (signals.crouch < 0.45).sum() > 0.3 * signals.fps,
        "a high foot": signals.foot_height.max() > 0.8,
        "a long way": float(np.linalg.norm(signals.pelvis[:, :2] - signals.pelvis[0, :2], axis=1).max()) > 2.0,
    }
    return [thing for thing, there in seen.items() if there and not kinds.intersection(_EXPLAINS[thing])]


def _name(move: Move) -> str:
    words = [move.side if move.side != "both" else "", move.height, move.move.replace("_", " "), move.direction]
    return " ".join(word for word in words if word)
