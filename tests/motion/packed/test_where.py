"""Filters over the manifest: the whole of SQL's expressions, and nothing beyond them."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.packed.where import matching_rows

COLUMNS = {
    "name": ["a_walk", "b_run", "c_walk", "it's"],
    "frames": [10, 20, 30, 40],
    "duration": [1.0, 2.5, 3.0, 19.5],
    "label": ["locomotion", "dynamic", "", "dynamic"],
    "flight_ratio": [0.0, 0.5, None, 0.1],
    "hash": ["x", "y", "x", "z"],
}
TYPES = {
    "name": "string",
    "frames": "int64",
    "duration": "float64",
    "label": "string",
    "flight_ratio": "float64",
    "hash": "string",
}


def rows(where: str) -> list[int]:
    return matching_rows(COLUMNS, TYPES, where, "corpus")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("label = 'dynamic' and duration < 20", [1, 3]),
        ("label = 'dynamic' AND duration < 10", [1]),
        ("label IN ('dynamic', 'locomotion')", [0, 1, 3]),
        ("name LIKE '%walk'", [0, 2]),
        ("name GLOB '[ab]*'", [0, 1]),
        ("name = 'it''s'", [3]),
        ("flight_ratio < 1", [0, 1, 3]),
        ("flight_ratio IS NULL", [2]),
        ("coalesce(flight_ratio, 1) > 0.2", [1, 2]),
        ("frames / duration BETWEEN 7 AND 9", [1]),
        ("length(label) = 0 OR not (frames > 10)", [0, 2]),
        ("rowid IN (SELECT min(rowid) FROM clips GROUP BY hash)", [0, 1, 3]),
        ("duration > (SELECT avg(duration) FROM clips)", [3]),
        ("frames > 25 -- the long ones", [2, 3]),
        ("1", [0, 1, 2, 3]),
    ],
)
def test_expressions(where: str, expected: list[int]) -> None:
    assert rows(where) == expected


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("lable = 'dynamic'", r"corpus: where: column unknown 'lable'; did you mean 'label'.*single quotes"),
        ("label = dynamic", "column unknown 'dynamic'"),
        ("label = 'dance'", "corpus: where: no clip of 4 fits label = 'dance'; widen it"),
        ("", "is empty"),
        ("duration <", "not a valid expression"),
        ("(duration < 3", "not a valid expression"),
        ("duration < 3\0", "not a valid expression"),
        ("roud(duration) = 3", "function unknown 'roud'; did you mean 'round'"),
        ("random() > 0", "function unknown 'random'"),
        ("load_extension('x') = 1", "function unknown 'load_extension'"),
        ("1); DROP TABLE clips; --", "one statement|not a valid|more than an expression"),
        ("1; DELETE FROM clips", "not a valid expression"),
        ("name IN (SELECT sql FROM sqlite_master)", "more than an expression over the columns"),
        ("name IN (SELECT name FROM pragma_database_list)", "more than an expression|no such table"),
        ("1) UNION SELECT name FROM sqlite_master WHERE (1", "more than an expression|not a valid"),
        (
            "1 < (WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t)",
            "more than an expression over the columns",
        ),
        ("length(format('%999999999d', 1)) > 1", "no clip of 4|not a valid expression"),
    ],
)
def test_mistakes(where: str, reason: str) -> None:
    with pytest.raises(AthenaError, match=reason):
        rows(where)


def test_a_filter_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_wbc.motion.packed.where._MOST_STEPS", 100_000)
    many = {"frames": list(range(300))}
    with pytest.raises(AthenaError, match="takes too long"):
        matching_rows(many, TYPES, "(SELECT sum(a.frames * b.frames) FROM clips a, clips b, clips) > 0", "corpus")


@pytest.mark.parametrize("where", ["1) ; ATTACH '{}' AS x; --", "1; ATTACH '{}' AS x", "(ATTACH '{}' AS x)"])
def test_no_file_is_touched(tmp_path: Path, where: str) -> None:
    path = tmp_path / "made.db"
    with pytest.raises(AthenaError):
        rows(where.format(path))
    assert not path.exists()
