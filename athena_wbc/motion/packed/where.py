"""Filters: an SQL expression over the columns of a manifest, evaluated by SQLite on a table in memory.

The whole language of SQLite's expressions, subqueries on the table `clips` included, but nothing that could reach
a file, change the table, or answer differently the next time.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError, suggest

_TYPES = {"string": "TEXT", "int64": "INTEGER", "float64": "REAL"}

_FUNCTIONS = frozenset(
    "abs avg ceil ceiling char coalesce count exp floor format glob group_concat ifnull iif instr length like ln log "
    "lower ltrim max min mod nullif pow power printf replace round rtrim sign sqrt substr substring sum total trim "
    "typeof unicode upper row_number rank dense_rank percent_rank ntile first_value last_value".split()
)
"""Functions whose value depends on their arguments alone."""

_LONGEST_TEXT = 10_000_000
"""Bytes; without a limit `format` could ask for a gigabyte."""

_MOST_STEPS = 50_000_000
"""Instructions of SQLite's machine after which a filter is given up: a product of the table with itself, say."""


def matching_rows(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str], where: str, source: str) -> list[int]:
    """Numbers of the rows, in order, for which the expression holds; null does not.

    Args:
        columns: name -> values; types: name -> string, int64 or float64.
        where: an SQL expression.
        source: named in errors.

    Raises:
        AthenaError: no expression, an unknown column or function, anything but reading the table, or no row.
    """
    if not where.strip():
        raise AthenaError(f"{source}: where: is empty; write an expression such as label = 'dynamic', or leave it out")
    connection = sqlite3.connect(":memory:")
    try:
        listed = ", ".join(f'"{name}" {_TYPES[types[name]]}' for name in columns)
        connection.execute(f"CREATE TABLE clips ({listed})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO clips VALUES ({marks})", zip(*columns.values(), strict=True))
        connection.commit()
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_TEXT)
        connection.set_authorizer(_authorise)
        steps = [0]

        def count() -> int:
            steps[0] += 10_000
            return int(steps[0] > _MOST_STEPS)

        connection.set_progress_handler(count, 10_000)
        # The line break ends a comment that the expression may close with.
        found = connection.execute(f"SELECT rowid - 1 FROM clips WHERE ({where}\n) ORDER BY rowid").fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise AthenaError(f"{source}: where: {_reason(str(error), columns)}") from None
    finally:
        connection.close()
    if not found:
        raise AthenaError(f"{source}: where: no clip of {len(next(iter(columns.values())))} fits {where}; widen it")
    return [row for (row,) in found]


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    allowed = action == sqlite3.SQLITE_SELECT
    allowed |= action == sqlite3.SQLITE_READ and first == "clips"
    allowed |= action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _reason(message: str, columns: Mapping[str, Sequence[Any]]) -> str:
    unknown = re.fullmatch(r"no such column: (.*)", message)
    if unknown:
        return f"column {suggest(unknown[1].split('.')[-1], columns)}; texts stand in single quotes"
    unknown = re.fullmatch(r"no such function: (.*)|not authorized to use function: (.*)", message)
    if unknown:
        return f"function {suggest(unknown[1] or unknown[2], _FUNCTIONS)}"
    if message == "interrupted":
        return "takes too long; write it without subqueries for every clip"
    if "not authorized" in message or "prohibited" in message or "one statement" in message:
        return "is more than an expression over the columns; write one such as label = 'dynamic' and duration < 20"
    return f"not a valid expression ({message}); write one such as label = 'dynamic' and duration < 20"
