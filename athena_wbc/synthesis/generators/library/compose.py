"""From a plan of moves to one motion of a given length."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.synthesis.generators.library import manner as manners
from athena_wbc.synthesis.generators.library import recordings
from athena_wbc.synthesis.generators.library.calm import Ease, ease_further, eased, haste
from athena_wbc.synthesis.generators.library.ground import footing_of, solve_floor
from athena_wbc.synthesis.generators.library.moves import MOVES
from athena_wbc.synthesis.generators.library.moves.poses import settle
from athena_wbc.synthesis.generators.library.recordings import Take
from athena_wbc.synthesis.generators.library.script import Key, Pivot, Script, Step, mirrored
from athena_wbc.synthesis.generators.library.skeleton import Track, local_rotations
from athena_wbc.synthesis.generators.library.stance import solve
from athena_wbc.synthesis.generators.library.timeline import plan, standing
from athena_wbc.synthesis.motion import FPS
from athena_wbc.synthesis.vocabulary import Manner, Move

SELF_COUNTING = frozenset(
    ("walk", "run", "sprint", "march", "skip", "side_step", "shuffle", "back_step", "lunge", "crawl", "zigzag", "hop",
     "jumping_jack", "arm_wave", "arm_circle", "clap", "guard", "squat", "sway", "plie", "push_up")
)  # fmt: skip
"""Moves whose script repeats itself; others are repeated whole."""

GAITS = frozenset(
    ("walk", "run", "sprint", "march", "skip", "side_step", "shuffle", "back_step", "crawl", "zigzag")
)  # fmt: skip
"""Moves that go on for as long as there is time."""

TURNING = frozenset(("turn", "pivot", "spin", "pirouette", "turning_jump", "spin_kick"))
"""Moves that extra turns are added to."""
_DEFAULT_TURNS = {"turn": 0.5, "pivot": 0.5, "spin": 1.0, "pirouette": 1.0, "turning_jump": 0.5, "spin_kick": 1.0}

_CALMINGS = 6
_QUIET = 0.2
"""Seconds of stillness at both ends."""
_SETTLE = 0.3
"""Seconds from the last move to quiet stance."""
_STEP_IN, _STEP_OUT = 0.3, 0.4
"""Seconds of the steps onto the places of a recording's feet, and back to quiet stance."""
_RECORDED = 0.5
"""Share of moves that are taken from a recording where there is one that fits."""
_FASTER, _FASTEST_PACE = 1.2, 1.7
"""By how much a plan is quickened before a repetition, and before a whole move, is left out."""
_ROUNDED_UP = 1.15
"""By how much a plan is quickened so that it fits once more."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One move of a motion."""

    told: dict[str, Any]
    """Plain values for the provenance."""
    number: int = 0
    """Of its move in the plan; repetitions share it."""
    keys: tuple[Key, ...] = ()
    floor: bool = False
    take: Take | None = None
    """A recording in place of keys."""

    @property
    def duration(self) -> float:
        """Seconds."""
        recorded = 0.0 if self.take is None else self.take.duration + _STEP_IN + _STEP_OUT
        return sum(key.time for key in self.keys) + recorded


@dataclasses.dataclass(frozen=True)
class Composition:
    """A motion and how it came about."""

    track: Track
    provenance: dict[str, Any]


def script_of(move: Move, manner: Manner, side: str) -> Script:
    """The script of a move for the acting side, with the manner's extra turns."""
    turns = _turns(move, manner) if move.move in TURNING else move.turns
    direction = move.direction
    if side == "left":  # What a mirror turns around has to be turned around before.
        turns = -turns if move.turns else turns
        direction = {"left": "right", "right": "left"}.get(direction, direction)
    count = move.count if move.move in SELF_COUNTING else 1
    turns = float(np.clip(turns, -4.0, 4.0))
    script = MOVES[move.move](dataclasses.replace(move, side="", turns=turns, direction=direction, count=count))
    return mirrored(script) if side == "left" else script


def compose(
    moves: tuple[Move, ...],
    manner: Manner,
    frames: int,
    rng: np.random.Generator,
    noise: float = 1.0,
    clips: Mapping[str, Path] | None = None,
) -> Composition:
    """Do the moves in order, in a manner, in `frames` frames of the generator's rate.

    A plan that is too long is quickened a little; what still does not fit is left out from the end. A plan that is
    too short is done again from the start as often as it fits whole, and ends in quiet stance.
    """
    budget = (frames - 1) / FPS - 2.0 * _QUIET - _SETTLE
    moves = tuple(_went_on(move, manner, budget) for move in moves) if len(moves) == 1 else moves or (Move("stand"),)

    def draw(plan: Iterable[tuple[int, Move]]) -> list[Part]:
        return [
            dataclasses.replace(part, number=number)
            for number, move in plan
            for part in _parts(move, manner, rng, noise, clips or {})
        ]

    kept, pace, left_out = _fit(draw(enumerate(moves)), manner, budget)
    rounds, most = 1, _most(moves, manner, budget)
    while not left_out:
        again = draw(enumerate(moves))
        quicker = _length(kept + again, manner) / budget
        if len(kept + again) > most or quicker > max(pace, _FASTER):
            room = budget - _length(kept, manner) / pace - manner.pause
            part = _prefix(again, room * pace, manner)[: most - len(kept)]
            kept = kept + part
            if len(part) < len(again):
                following = again[len(part)].number
                quicker = _FASTER if moves[following].move in TURNING else pace
                room = max(pace, quicker) * budget - _length(kept, manner) - manner.pause
                rest = _shortened(moves[following], manner, room)
                kept = kept + draw([(following, rest)] if rest else [])
                pace = max(pace, _length(kept, manner) / budget)
            break
        kept, rounds, pace = kept + again, rounds + 1, max(pace, quicker)
    track, slowed = _calm(kept, manner, pace, frames)
    while len(track) > frames + 2 and len(kept) > 1:  # the end is still for longer than this
        quicker = 1.02 * pace * len(track) / frames
        if quicker <= _limit(kept):
            pace = quicker
        else:
            left_out.insert(0, kept.pop(_least(kept)))
        track, slowed = _calm(kept, manner, pace, frames)
    provenance = {
        "moves": [part.told for part in kept],
        "rounds": rounds,
        "quickened": round(pace, 4),
        "slowed": round(slowed, 4),
        "left_out": [part.told for part in left_out],
        "cut_frames": max(0, len(track) - frames),
    }
    return Composition(track.cut(0, frames), provenance)


def _most(moves: tuple[Move, ...], manner: Manner, budget: float) -> int:
    """Parts for which there is time where neither jumps nor turns are made longer or shorter by the manner.

    It keeps what makes a move harder from leaving time for less of it, or the other way round.
    """
    plain = dataclasses.replace(manner, jump=1.0, extra_turns=0.0)
    times = [_takes(move, plain) + manner.pause for move in moves for _ in range(_repetitions(move))]
    rounds = max(1, int((_ROUNDED_UP * budget + manner.pause) / sum(times)))
    room = budget + manner.pause - rounds * sum(times)
    return rounds * len(times) + int((np.cumsum(times) <= room).sum())


def _repetitions(move: Move) -> int:
    return 1 if move.move in SELF_COUNTING else move.count


def _went_on(move: Move, manner: Manner, budget: float) -> Move:
    """A gait goes on for as long as there is time, rather than to begin again."""
    own = _takes(move, manner)
    longer = [dataclasses.replace(move, count=count) for count in range(12, 1, -1)] if move.move in GAITS else []
    return next((other for other in longer if own < _takes(other, manner) <= budget), move)


def _shortened(move: Move, manner: Manner, room: float) -> Move | None:
    """The move with fewer repetitions or turns, as many as there is time for; None where there is none for any."""
    smaller: list[Move] = []
    if move.move in GAITS or (move.move in SELF_COUNTING and move.count == 1):
        smaller = [dataclasses.replace(move, count=count) for count in range(12, 1, -1)]
    elif move.move in TURNING and move.turns:
        turns, sign = abs(_turns(move, manner)), math.copysign(1.0, _turns(move, manner))
        less = [*np.arange(math.ceil(turns) - 1.0, 0.0, -1.0), 0.5]
        # The manner adds its extra turns to these.
        smaller = [
            dataclasses.replace(move, turns=sign * float(number - manner.extra_turns))
            for number in less
            if manner.extra_turns < number < turns
        ]
    return next((shorter for shorter in smaller if _takes(shorter, manner) <= room), None)


def _takes(move: Move, manner: Manner) -> float:
    """Seconds of a move that is not repeated, without the dice of a take."""
    keys = manners.apply(script_of(move, manner, "right"), manner, np.random.default_rng(0), 0.0)
    return sum(key.time for key in keys)


def _turns(move: Move, manner: Manner) -> float:
    turns = move.turns
    if manner.extra_turns:
        turns = (turns or _DEFAULT_TURNS[move.move]) + math.copysign(manner.extra_turns, turns or 1.0)
    return turns or _DEFAULT_TURNS[move.move]


def _parts(move: Move, manner: Manner, rng: np.random.Generator, noise: float, clips: Mapping[str, Path]) -> list[Part]:
    count = _repetitions(move)
    first = move.side if move.side in ("left", "right") else ("right", "left")[int(rng.integers(2))]
    parts = []
    for number in range(count):
        other = "left" if first == "right" else "right"
        side = other if move.side == "both" and number % 2 else first
        recorded = rng.random() < _RECORDED and recordings.fits(move, manner)
        if recorded and recordings.EXCERPTS[move.move].clip in clips:
            taken = recordings.take(move.move, side, manner.tempo, clips)
            parts.append(Part(_told(move, side, taken), take=taken))
            continue
        script = script_of(move, manner, side)
        told = {"move": move.move, "side": side, "source": "procedural"}
        parts.append(Part(told, keys=manners.apply(script, manner, rng, noise), floor=script.floor))
    return parts


def _told(move: Move, side: str, taken: Take) -> dict[str, Any]:
    return {
        "move": move.move,
        "side": side,
        "source": "recording",
        "clip": taken.recording.path.name,
        "sha256": taken.recording.digest,
        "attribution": f"{recordings.LICENCE}; file from the pybullet wheel"
        if "pybullet_data" in taken.recording.path.parts
        else recordings.LICENCE,
        "warp": round(taken.warp, 3),
        "mirrored": side != taken.excerpt.side,
    }


def _length(parts: list[Part], manner: Manner) -> float:
    return sum(part.duration for part in parts) + manner.pause * max(0, len(parts) - 1)


def _prefix(parts: list[Part], budget: float, manner: Manner) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        if _length([*kept, part], manner) > budget:
            break
        kept.append(part)
    return kept


def _fit(parts: list[Part], manner: Manner, budget: float) -> tuple[list[Part], float, list[Part]]:
    """Parts that fit, the pace at which they do, and those that do not."""
    kept, left_out = list(parts), []
    while len(kept) > 1 and _length(kept, manner) > _limit(kept) * budget:
        left_out.insert(0, kept.pop(_least(kept)))
    return kept, max(1.0, _length(kept, manner) / max(budget, 0.3)), left_out


def _limit(parts: list[Part]) -> float:
    return _FASTER if len({part.number for part in parts}) < len(parts) else _FASTEST_PACE


def _least(parts: list[Part]) -> int:
    """Index of the part that is missed least: the last one of the move with the most repetitions."""
    numbers = [part.number for part in parts]
    most = max(reversed(numbers), key=numbers.count)
    return len(numbers) - 1 - numbers[::-1].index(most)


def _calm(parts: list[Part], manner: Manner, pace: float, frames: int) -> tuple[Track, float]:
    """Perform, and take haste out of what is faster than people are; the largest factor on a time is told."""
    eases = [Ease.none(len(part.keys)) for part in parts]
    track = _perform(parts, manner, pace, frames)
    for _ in range(_CALMINGS):
        hurry = haste(track)
        if hurry.max() <= 1.0:
            break
        start, solver = _QUIET, False
        for number, (part, ease) in enumerate(zip(parts, eases, strict=True)):
            start += manner.pause if number else 0.0
            if part.floor != solver or part.take is not None:  # what a solver performs begins on a frame
                start = math.ceil(start * FPS - 1e-6) / FPS
            solver = part.floor
            if part.take is None:
                start = ease_further(ease, part.keys, start, pace, hurry)
            else:
                start += part.duration
        calmer = [
            part if part.take else dataclasses.replace(part, keys=eased(part.keys, ease))
            for part, ease in zip(parts, eases, strict=True)
        ]
        track = _perform(calmer, manner, pace, frames)
    return track, max(ease.slowed for ease in eases)


def _stretched(key: Key, factor: float) -> Key:
    return dataclasses.replace(key, time=key.time * factor)


def _perform(parts: list[Part], manner: Manner, pace: float, frames: int) -> Track:
    stretches = _stretches(parts, manner, pace)
    done = sum(stretch.duration for stretch in stretches)
    spare = (frames - 1) / FPS - done
    if spare > 1e-6:
        stretches[-1].keys.append(Key(spare))
    tracks: list[Track] = []
    footing, entry = standing(), None
    for stretch in stretches:
        if stretch.take is not None and entry is not None:
            track = recordings.lay(stretch.take, footing, entry)
            footing = footing_of(track)
        else:
            line = plan(_on_grid(stretch.keys), footing)
            track = solve_floor(line, entry) if stretch.floor else solve(line, entry)
            footing = footing_of(track) if stretch.floor else line.end
        tracks.append(track if not tracks else track.cut(1, len(track)))
        entry = (local_rotations(track.world[-1:])[0], track.root[-1])
    return Track(np.concatenate([t.world for t in tracks]), np.concatenate([t.root for t in tracks]))


@dataclasses.dataclass
class _Stretch:
    """Keys that one solver performs, or a recording."""

    floor: bool = False
    keys: list[Key] = dataclasses.field(default_factory=list)
    take: Take | None = None

    @property
    def duration(self) -> float:
        return sum(key.time for key in self.keys) if self.take is None else self.take.duration


def _stretches(parts: list[Part], manner: Manner, pace: float) -> list[_Stretch]:
    """Parts by what performs them; on their feet between recordings and moves on the floor."""
    stretches = [_Stretch(keys=[Key(_QUIET)])]
    for number, part in enumerate(parts):
        if number and manner.pause:
            _on_feet(stretches).keys.extend(_wound([Key(manner.pause)], stretches[-1].keys))
        if part.take is not None:
            _on_feet(stretches).keys.append(recordings.approach(part.take))
            feet = _Stretch(keys=[Key(_STEP_OUT, left=Step(), right=Pivot())])
            stretches += [_Stretch(take=part.take), feet]
            continue
        keys = [key if key.flight else _stretched(key, 1.0 / pace) for key in part.keys]
        if not part.floor:
            stretch = _on_feet(stretches)
        elif stretches[-1].floor:
            stretch = stretches[-1]
        else:
            stretch = _Stretch(floor=True)
            stretches.append(stretch)
        stretch.keys.extend(_wound(keys, stretch.keys))
    last = _on_feet(stretches)
    last.keys.extend(_wound([settle(_SETTLE), Key(_QUIET)], last.keys))
    return stretches


def _on_feet(stretches: list[_Stretch]) -> _Stretch:
    """The last stretch where it is one on the feet, else a new one."""
    if stretches[-1].floor or stretches[-1].take is not None:
        stretches.append(_Stretch())
    return stretches[-1]


def _wound(keys: list[Key], before: list[Key]) -> list[Key]:
    """Keys whose pelvis goes on from the whole turns that the keys before have left it with."""
    last = next((key.pelvis for key in reversed(before) if key.pelvis is not None), (0.0, 0.0, 0.0))
    whole = [360.0 * round(angle / 360.0) for angle in last]
    if not any(whole):
        return keys
    return [
        key
        if key.pelvis is None
        else dataclasses.replace(
            key, pelvis=(key.pelvis[0] + whole[0], key.pelvis[1] + whole[1], key.pelvis[2] + whole[2])
        )
        for key in keys
    ]


def _on_grid(keys: list[Key]) -> list[Key]:
    """The last key lasts until a frame."""
    total = sum(key.time for key in keys)
    missing = math.ceil(total * FPS - 1e-6) / FPS - total
    return [*keys[:-1], dataclasses.replace(keys[-1], time=keys[-1].time + missing)]
