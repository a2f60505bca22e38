"""Colours of a person's sides, the same in every picture; RGB, 0 to 255."""

from __future__ import annotations

LIMB_COLOURS = {"left": (38, 104, 196), "right": (226, 120, 30)}
"""Blue and orange, which nearly everybody tells apart."""

TRUNK_COLOUR = (120, 124, 130)


def joint_colour(name: str) -> tuple[int, int, int]:
    """The colour of a joint and of the bone that ends in it, by the side that its name begins with."""
    return LIMB_COLOURS.get(name.partition("_")[0], TRUNK_COLOUR)
