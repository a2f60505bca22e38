"""Read free text: which moves of the vocabulary it names, in which order and manner.

The text is only ever compared with the dictionary of :mod:`athena_wbc.synthesis.words`. Whatever else it says, a
request to a language model or another script, means nothing here.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import NamedTuple

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis import words
from athena_wbc.synthesis.demand import tier_of
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.vocabulary import FAMILY, PLAIN, SIDES, Manner, Move

LONGEST_TEXT = 2000
"""Characters of a text that are read; the rest is left out."""
MOST_MOVES = 8
"""Moves of a plan; the rest is left out."""
NOTHING = "The person stands."
"""Sentence of a text in which nothing is left to say."""

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[.,;:!?°]")
_SENTENCE_ENDS = ".!?"
_ORDER = ("before", "after")
_LONGEST_ENTRY = max(len(key) for key in (*words.MOVE_WORDS, *words.MANNER_WORDS))
_MOST_TURNS = 4.0
_AMOUNTS = {"quarter": 0.25, "half": 0.5, "full": 1.0}
_AFTER_MOVE = ("twice", "thrice", "once", "repeatedly")
_SIDED = ("legs", "arms")
_BALANCES = ("balance", "arabesque", "side_scale")
_TURNED = ("turning", "jumping")
_RAISED = ("legs", "arms", "jumping")
_TRAVELLING = ("locomotion", "jumping", "evasion")


@dataclasses.dataclass(frozen=True)
class Reading:
    """A text as it was understood."""

    prompt: Prompt
    notes: tuple[str, ...]
    """What was left out or not understood, one sentence each; none where all went well."""


class _Found(NamedTuple):
    move: Move
    start: int
    stop: int


@dataclasses.dataclass
class _Clause:
    """Words between two breaks."""

    order: str = ""
    """``before``, ``after`` or nothing: the word that it begins with."""
    opens: bool = True
    """Whether it begins a sentence or follows a punctuation mark."""
    tokens: list[str] = dataclasses.field(default_factory=list)


def read_text(text: str) -> Prompt:
    """Return the prompt of a free text: its cleaned words, and the moves and manner found in them.

    A text without any known move is a plain ``stand``. Raises :class:`AthenaError` for what is no text.
    """
    return understand(text).prompt


def understand(text: str) -> Reading:
    """Read a text as :func:`read_text` does, and say what was left out."""
    if not isinstance(text, str):
        raise AthenaError(f"prompt: must be a text, is of type {type(text).__name__}")
    cleaned, notes = clean(text)
    moves, manner = list(find_moves(cleaned)), find_manner(cleaned)
    if len(moves) > MOST_MOVES:
        notes.append(f"only the first {MOST_MOVES} of {len(moves)} moves are kept")
        del moves[MOST_MOVES:]
    if not moves:
        notes.append("no move of the vocabulary was found in it: a plain stand is shown")
        moves = [Move("stand")]
    prompt = Prompt(text=cleaned, tier=tier_of(moves, manner), moves=tuple(moves), manner=manner)
    return Reading(prompt, tuple(notes))


def find_moves(text: str) -> tuple[Move, ...]:
    """The moves that a short text names, in the order of time; none where it names none."""
    moves: list[Move] = []
    for clause in _in_order(_clauses(text)):
        moves += _moves(clause.tokens, moves[-1] if moves else None)
    return tuple(moves)


def find_manner(text: str) -> Manner:
    """The manner that a short text asks for; the plain one where it asks for none."""
    manner = PLAIN
    for clause in _in_order(_clauses(text)):
        manner = _with_manner(manner, clause.tokens)
    return manner


def clean(text: str) -> tuple[str, list[str]]:
    """One line of at most :data:`LONGEST_TEXT` characters in Unicode's NFKC form, without invisible ones, and notes."""
    notes = []
    if len(text) > LONGEST_TEXT:
        notes.append(f"only the first {LONGEST_TEXT} of {len(text)} characters are read")
    # Cut first: one character may become eighteen in NFKC.
    folded = unicodedata.normalize("NFKC", _visible(text[:LONGEST_TEXT]))
    cleaned = " ".join(folded.split())[:LONGEST_TEXT].strip()
    if not cleaned:
        notes.append("the text is empty: a plain stand is shown")
    return cleaned or NOTHING, notes


def _visible(text: str) -> str:
    """Line breaks and other control characters as spaces; format characters and half surrogates taken out."""
    kinds = ((character, unicodedata.category(character)) for character in text)
    return "".join(" " if kind == "Cc" else character for character, kind in kinds if kind not in ("Cf", "Cs", "Co"))


def _clauses(text: str) -> list[_Clause]:
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    clauses = [_Clause()]
    is_negated = False
    found = _TOKEN.findall(plain.replace("°", " degrees "))
    for place, said in enumerate(found):
        token = words.lemma(said)
        if not token[0].isalnum():
            clauses.append(_Clause(opens=True))
            is_negated = False
            # A mark of its own, so that orders do not reach across sentences.
            if token in _SENTENCE_ENDS:
                clauses[-1].order = token
                clauses.append(_Clause(opens=True))
        elif token in _ORDER:
            opens = clauses[-1].opens and not clauses[-1].tokens
            clauses.append(_Clause(order=token, opens=opens))
            is_negated = False
        elif token in words.BREAKS:
            clauses.append(_Clause(opens=False))
            is_negated = False
        elif token in words.NEGATIONS:
            is_negated = True
        elif token not in words.SKIPPED and not is_negated and not _is_thing(found, place, clauses[-1].tokens):
            clauses[-1].tokens.append(token)
    return [clause for clause in clauses if clause.tokens or clause.order in tuple(_SENTENCE_ENDS)]


def _is_thing(found: list[str], place: int, before: list[str]) -> bool:
    """Whether a word that may be a verb is a noun here: it follows a determiner, or the verb of its clause."""
    if found[place] not in words.THINGS or found[place + 1 : place + 2] in ([word] for word in words.THING_MOVES):
        return False
    follows = place > 0 and found[place - 1] in words.DETERMINERS
    return follows or any((token,) in words.MOVE_WORDS or token in words.LIMB_MOVES for token in before)


def _in_order(clauses: list[_Clause]) -> list[_Clause]:
    """Clauses in the order of time: "Y after X" and "before Y, X" are turned round."""
    ordered: list[_Clause] = []
    waiting: _Clause | None = None
    for clause in clauses:
        if waiting is not None:
            ordered += [clause, waiting] if clause.tokens else [waiting]
            waiting = None
        elif clause.order == "before" and clause.opens:
            waiting = clause
        elif clause.order == "after" and not clause.opens and ordered and ordered[-1].tokens:
            ordered.insert(len(ordered) - 1, clause)
        else:
            ordered.append(clause)
    if waiting is not None:
        ordered.append(waiting)
    return [clause for clause in ordered if clause.tokens]


def _moves(tokens: list[str], before: Move | None) -> list[Move]:
    found = _find(tokens)
    if not found:
        return _repeated(tokens, before)
    changed = [entry.move for entry in found]
    for position, token in enumerate(tokens):
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        is_after = token in _AFTER_MOVE or following == "time"
        nearest = min(
            range(len(found)),
            key=lambda index: (_distance(found[index], position), (index if is_after else -index)),
        )
        inside = found[nearest].start <= position < found[nearest].stop
        changed[nearest] = _modified(changed[nearest], token, following, inside)
    return changed


def _distance(found: _Found, position: int) -> int:
    return max(found.start - position, position - found.stop + 1, 0)


def _find(tokens: list[str]) -> list[_Found]:
    """The longest entries from left to right; a verb that needs a limb looks for one in the clause."""
    limb = next((words.LIMBS[token] for token in tokens if token in words.LIMBS), "")
    found = []
    position = 0
    while position < len(tokens):
        entry = _entry(words.MOVE_WORDS, tokens, position)
        alone = words.LIMB_MOVES.get(tokens[position], {}).get(limb)
        if alone is not None and (entry is None or len(entry) == 1):
            found.append(_Found(alone, position, position + 1))
            position += 1
        elif entry is not None and _entry(words.MANNER_WORDS, tokens, position) is None:
            found.append(_Found(words.MOVE_WORDS[entry], position, position + len(entry)))
            position += len(entry)
        else:
            position += 1
    if len(found) > 1 and tokens[found[0].start] in words.LIGHT_VERBS:
        del found[0]
    return found


def _entry(table: object, tokens: list[str], position: int) -> words.Words | None:
    for length in range(min(_LONGEST_ENTRY, len(tokens) - position), 0, -1):
        key = tuple(tokens[position : position + length])
        if key in table:  # type: ignore[operator]
            return key
    return None


def _modified(move: Move, token: str, following: str, inside: bool) -> Move:
    """The move with what one word says about it; `inside`: the word is one of those that name the move."""
    family = FAMILY[move.move]
    number = _number(token)
    if number is not None:
        if following == "degree":
            return _turned(move, number / 360.0)
        if following in words.LIMBS or following == "side":
            return move
        if family == "turning" and token in ("two", "double", "three", "triple", "twice", "thrice"):
            return _turned(move, float(number))
        return dataclasses.replace(move, count=min(max(number, 1), 12))
    if token in _AMOUNTS and family in _TURNED:
        return _turned(move, _AMOUNTS[token])
    if token in ("clockwise", "counterclockwise", "anticlockwise"):
        return _turned(move, None, 1.0 if token != "clockwise" else -1.0)
    if token == "circle" and family == "locomotion":
        return dataclasses.replace(move, turns=1.0)
    if token in SIDES:
        return _sided(move, token, following)
    if inside:
        return move
    level = words.HEIGHT_WORDS.get(token)
    if following in ("height", "level"):
        level = words.LEVEL_WORDS.get(token, level)
    if level and family in _RAISED:
        return dataclasses.replace(move, height=level)
    direction = words.DIRECTION_WORDS.get(token)
    if direction and family in _TRAVELLING and move.move != "back_step":
        return _directed(move, direction)
    return move


def _number(token: str) -> int | None:
    if token.isdecimal():
        return int(token[:4])
    return words.NUMBERS.get(token)


def _sided(move: Move, side: str, following: str) -> Move:
    """A limb's side, or the way that the body goes."""
    family = FAMILY[move.move]
    if following in words.LIMBS or family in _SIDED or move.move in _BALANCES:
        return dataclasses.replace(move, side=side)
    if side == "both":
        return move
    if family == "turning" or move.move == "turning_jump":
        return _turned(move, None, 1.0 if side == "left" else -1.0)
    return _directed(move, side)


def _directed(move: Move, direction: str) -> Move:
    if move.move == "walk" and direction == "back":
        return Move("back_step", count=move.count)
    if move.move == "walk" and direction in SIDES:
        return Move("side_step", direction=direction, count=min(move.count, 3))
    return dataclasses.replace(move, direction=direction)


def _turned(move: Move, amount: float | None, sign: float = 0.0) -> Move:
    """The move turned by `amount`, or by its own to the side of `sign`; a jump becomes a turning one."""
    if FAMILY[move.move] not in _TURNED:
        return move
    own = {"turn": 0.25, "pivot": 0.5}.get(move.move, 1.0)
    size = min(abs(move.turns) or own if amount is None else amount, _MOST_TURNS)
    turns = size * (sign or (-1.0 if move.turns < 0.0 else 1.0))
    if move.move == "jump":
        move = Move("turning_jump", height=move.height, count=move.count)
    return dataclasses.replace(move, turns=turns)


def _repeated(tokens: list[str], before: Move | None) -> list[Move]:
    """What a clause without a move adds: "... and right", "... and back" repeat the move before."""
    if before is None:
        return []
    family = FAMILY[before.move]
    for token in tokens:
        other = token in ("left", "right") and token != before.side
        if other and family in _SIDED and before.side:
            return [dataclasses.replace(before, side=token)]
        if token in words.DIRECTION_WORDS and family == "locomotion" and len(tokens) == 1:
            move = _directed(before, words.DIRECTION_WORDS[token])
            return [] if move == before else [move]
    return []


def _with_manner(manner: Manner, tokens: list[str]) -> Manner:
    position = 0
    while position < len(tokens):
        key = _entry(words.MANNER_WORDS, tokens, position)
        if key is None:
            position += 1
            continue
        change = words.MANNER_WORDS[key]
        manner = manner.then(change)
        if position and tokens[position - 1] in words.MORE:
            manner = manner.then(change)
        position += len(key)
    return manner
