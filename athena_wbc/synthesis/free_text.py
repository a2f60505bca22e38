"""Prompts without a bank: sentences of one's own, and the random baseline.

The baseline stands for "any movement": plain sentences of everyday and general movement from a small grammar of our
own, without domains, tiers or the bank's phrases. What a bank is worth shows in the difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.reading import Reading, read_text, understand
from athena_wbc.synthesis.sampling import stream

__all__ = ["Reading", "random_prompts", "read_text", "understand"]

_TRIES = 1000

_TRAVELS = (
    "walks", "strolls", "jogs", "runs", "marches", "skips", "tiptoes", "hops", "steps", "crawls", "shuffles", "zigzags",
)  # fmt: skip
_WAYS = (
    "forward", "backward", "to the left", "to the right", "in a circle", "across the room", "towards the door",
    "along the wall", "around a chair",
)  # fmt: skip
_DEEDS = (
    "waves the right hand", "waves both arms", "claps", "picks up a box", "throws a ball", "catches a ball",
    "pushes a cart", "pulls a rope", "points at something", "reaches for a shelf", "kicks a ball", "kicks twice",
    "punches the air", "raises the left arm", "raises both arms", "lifts the right knee", "lifts the left leg",
    "swings a bat", "stretches both arms", "circles the arms", "bows", "bends over", "kneels down", "squats",
    "sits down", "crouches", "lunges", "stands on one leg", "sways from side to side", "dances in place", "jumps",
    "jumps up and down", "hops on one foot", "jumps over a puddle", "leaps", "spins around", "turns around",
    "turns to the left", "turns to the right", "ducks", "dodges to the side", "leans back", "leans to the side",
    "does a jumping jack", "does a cartwheel", "rolls on the floor", "stands still",
)  # fmt: skip
_MANNERS = (
    "slowly", "quickly", "carefully", "calmly", "gently", "energetically", "steadily", "briskly", "suddenly",
    "casually",
)  # fmt: skip
_LINKS = (" and then ", " and ", ", then ", ", stops and ")


def random_prompts(count: int, seed: int) -> list[Prompt]:
    """Draw `count` different sentences of everyday and general movement, each beginning with "The person".

    The first ten of forty are the ten of ten. Moves, manner and tier are read from the words.

    Raises:
        AthenaError: more sentences than the grammar has.
    """
    if count < 1:
        raise AthenaError(f"random prompts: count must be 1 or more, is {count}")
    rng = stream(seed, "random prompts")
    sentences: dict[str, None] = {}
    while len(sentences) < count:
        for _ in range(_TRIES):
            sentence = _sentence(rng)
            if sentence not in sentences:
                break
        else:
            raise AthenaError(f"random prompts: there are only about {len(sentences)} sentences; ask for fewer")
        sentences[sentence] = None
    return [read_text(sentence) for sentence in sentences]


def _sentence(rng: np.random.Generator) -> str:
    deeds = _part(rng)
    if rng.random() < 0.6:
        second = _part(rng)
        if second.split()[0] != deeds.split()[0]:
            deeds += _pick(rng, _LINKS) + second
    manner = f" {_pick(rng, _MANNERS)}" if rng.random() < 0.5 else ""
    return f"The person{manner} {deeds}."


def _part(rng: np.random.Generator) -> str:
    if rng.random() < 0.4:
        return f"{_pick(rng, _TRAVELS)} {_pick(rng, _WAYS)}"
    return _pick(rng, _DEEDS)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
