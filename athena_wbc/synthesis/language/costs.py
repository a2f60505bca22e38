"""What questions to language models cost: tokens, time and price, line by line and per model."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from athena_wbc.synthesis.language.cassette import append_line, read_lines


@dataclasses.dataclass(frozen=True)
class Usage:
    """What one question took, its further attempts and turns included."""

    model: str
    input_tokens: int
    output_tokens: int
    seconds: float
    """From the first attempt to the answer; that of the recording in a replay."""
    price: float | None
    """In the currency of the configured prices; None where they are not known, 0 for what was replayed."""
    calls: int = 1
    """Answers of the server: 2 where one had to be repaired."""
    replayed: int = 0
    """How many of them came from a recording."""

    def plus(self, other: Usage) -> Usage:
        """Both together, of one model."""
        price = None if self.price is None or other.price is None else self.price + other.price
        return Usage(
            model=self.model,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            seconds=self.seconds + other.seconds,
            price=price,
            calls=self.calls + other.calls,
            replayed=self.replayed + other.replayed,
        )


class CostLog:
    """Appends what was used, one JSON line for each answer; safe between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def add(self, usage: Usage, purpose: str) -> None:
        """Log one answer; `purpose` says what it was for: ``alignment``, ``difficulty``, ``schedule``."""
        with self._lock:
            append_line(self.path, {"purpose": purpose, **dataclasses.asdict(usage)})


def read_costs(path: Path) -> list[dict[str, Any]]:
    """The lines of a cost log; none if there is no file."""
    return [record for _, record in read_lines(path)] if path.is_file() else []


def summarise(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sums by model: calls, replayed, input_tokens, output_tokens, seconds, price.

    The price is None as soon as one line has none. Seconds are those of the server, one after the other: of calls
    that ran at the same time each counts in full.
    """
    totals: dict[str, Usage] = {}
    for record in records:
        values = {field.name: record[field.name] for field in dataclasses.fields(Usage) if field.name in record}
        if {"model", "input_tokens", "output_tokens", "seconds", "price"} <= values.keys():
            usage = Usage(**values)
            totals[usage.model] = totals[usage.model].plus(usage) if usage.model in totals else usage
    return {
        model: {key: value for key, value in dataclasses.asdict(total).items() if key != "model"}
        for model, total in sorted(totals.items())
    }
