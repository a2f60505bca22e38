from __future__ import annotations

from athena_wbc.errors import AthenaError, suggest


def test_a_message_is_one_line() -> None:
    assert str(AthenaError("a file:\n  something\twrong")) == "a file: something wrong"


def test_suggest_names_the_nearest_and_all() -> None:
    assert suggest("wve", ["walk", "wave"]) == "unknown 'wve'; did you mean 'wave'? (known: walk, wave)"


def test_suggest_ignores_case() -> None:
    known = ["Athena-Tracking-G1-v0", "Athena-Tracking-H1-v0"]
    assert "did you mean 'Athena-Tracking-G1-v0'?" in suggest("athena-tracking-g1", known)


def test_suggest_without_anything_near() -> None:
    assert suggest("zzz", ["walk"]) == "unknown 'zzz' (known: walk)"
    assert suggest("zzz", []) == "unknown 'zzz' (none is known)"


def test_suggest_finds_a_part_of_a_name() -> None:
    assert "did you mean 'crouch_walk_forward'?" in suggest("walk", ["crouch_walk_forward", "kick"])


def test_suggest_cuts_a_long_list_and_keeps_the_nearest() -> None:
    message = suggest("clip_0990", [f"clip_{index:04d}" for index in range(1000)])
    assert "did you mean 'clip_0990'?" in message
    assert "1000 in all" in message
    assert len(message) < 400
