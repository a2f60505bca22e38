"""The moves of the vocabulary as scripts: `MOVES[name](move)` gives the script for the right side as the acting one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from athena_wbc.synthesis.generators.library.moves import (
    arms,
    evasion,
    floor,
    jumps,
    kicks,
    locomotion,
    postures,
    turns,
)
from athena_wbc.synthesis.generators.library.script import Script
from athena_wbc.synthesis.vocabulary import Move

MOVES: Mapping[str, Callable[[Move], Script]] = {
    **locomotion.MOVES,
    **turns.MOVES,
    **jumps.MOVES,
    **kicks.MOVES,
    **arms.MOVES,
    **postures.MOVES,
    **evasion.MOVES,
    **floor.MOVES,
}
