"""A small bank with known tiers, and observations of its prompts."""

from __future__ import annotations

from athena_wbc.synthesis.bank import Bank, Domain, Phrase, Template
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.records import Judgement, Observation, TrackerMetrics
from athena_wbc.synthesis.vocabulary import Move

PER_TIER = 4


def toy_bank(*names: str, per_tier: int = PER_TIER) -> Bank:
    """Domains with `per_tier` phrases of each tier on every axis, called `combo_action 2b` and so on."""
    slots = {
        axis: tuple(
            Phrase(f"{axis} {tier}{chr(97 + index)}", tier, moves=(Move("walk"),) if "action" in axis else ())
            for tier in (1, 2, 3)
            for index in range(per_tier)
        )
        for axis in AXES
    }
    words = ", ".join("{" + axis + "}" for axis in AXES)
    templates = (Template("plain", words), Template("then", f"then {words}"))
    return Bank({name: Domain(name, slots, templates) for name in names or ("dance", "sport")})


def slots_of(base: str, combo: str, detail: str, speed: str) -> dict[str, tuple[str, ...]]:
    """Slots by the ends of their phrases: ``slots_of("1a", "2b", "1a", "3c")``."""
    return {axis: (f"{axis} {end}",) for axis, end in zip(AXES, (base, combo, detail, speed), strict=True)}


def seen(
    prompt: Prompt,
    clip: str,
    success: float | None = 1.0,
    mpjpe_g: float = 50.0,
    difficulty: float | None = 5.0,
    loop: int = 0,
    tis: float = 0.8,
) -> Observation:
    """An observation; None hides the metrics or the judgement."""
    metrics = None if success is None else TrackerMetrics(success, mpjpe_g, 30.0, 8.0, 5.0, tis)
    judgement = None if difficulty is None else Judgement("toy", "aligned", 90.0, difficulty)
    return Observation(clip, prompt, metrics, judgement, loop)
