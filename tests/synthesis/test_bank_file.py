"""Domains from YAML: the shipped ones, a user's, and every way to get one wrong."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from athena_wbc.errors import AthenaError
from athena_wbc.resources import config_path
from athena_wbc.synthesis.bank_file import bank_hash, load_bank, read_domain
from athena_wbc.synthesis.bank_remarks import remarks
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.vocabulary import (
    ARMS,
    DIRECTIONS,
    FAMILY,
    HEIGHTS,
    MANNER_RANGES,
    MOVES,
    PLAIN,
    SIDES,
    Manner,
    Move,
)

SENTENCE = "The person does {base_action}, then {combo_action}, with {detail}, at {speed_rhythm}."
SMALL: dict[str, Any] = {
    "description": "a small domain",
    "templates": {"plain": SENTENCE},
    "base_action": [{"text": "a squat", "tier": 1, "moves": ["squat"]}],
    "combo_action": [{"text": "a jump and a spin", "tier": 2, "moves": [{"move": "jump", "height": "high"}, "spin"]}],
    "detail": [{"text": "wide arms", "tier": 1, "manner": {"arms": "wide"}}],
    "speed_rhythm": [{"text": "full speed", "tier": 3, "manner": {"tempo": 1.5}}],
}
ROOT = Path(__file__).parents[2]


def write(folder: Path, content: Any, name: str = "parkour.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def test_a_domain_is_read_with_its_meaning(tmp_path: Path) -> None:
    domain = read_domain(write(tmp_path, SMALL))
    assert domain.name == "parkour"
    assert tuple(domain.slots) == AXES
    combo = domain.phrase("combo_action", "a jump and a spin")
    assert (combo.tier, combo.moves) == (2, (Move("jump", height="high"), Move("spin")))
    assert domain.phrase("detail", "wide arms").manner == Manner(arms="wide")
    assert domain.template("plain").text == SENTENCE


def test_the_library_brings_five_domains() -> None:
    assert list(load_bank().domains) == ["combat", "dance", "gymnastics", "martial_arts", "sport"]


def test_own_domains_join_replace_or_stand_alone(tmp_path: Path) -> None:
    own = write(tmp_path, SMALL)
    assert list(load_bank([own]).domains)[-1] == "parkour" and len(load_bank([own]).domains) == 6
    assert list(load_bank(own, shipped=False).domains) == ["parkour"]
    write(tmp_path, SMALL, "dance.yml")
    (tmp_path / "notes.txt").write_text("no domain")
    bank = load_bank([tmp_path])
    assert len(bank.domains) == 6 and len(bank.domains["dance"].slots["detail"]) == 1


def test_the_hash_changes_with_every_word_and_number(tmp_path: Path) -> None:
    plain = bank_hash(load_bank(write(tmp_path, SMALL), shipped=False))
    assert plain == bank_hash(load_bank(write(tmp_path, SMALL), shipped=False))
    for change in (
        {"base_action": [{"text": "a deep squat", "tier": 1, "moves": ["squat"]}]},
        {"base_action": [{"text": "a squat", "tier": 2, "moves": ["squat"]}]},
        {"base_action": [{"text": "a squat", "tier": 1, "moves": ["crouch"]}]},
        {"templates": {"other": SENTENCE}},
        {"detail": [{"text": "wide arms", "tier": 1, "manner": {"arms": "hips"}}]},
    ):
        assert bank_hash(load_bank(write(tmp_path, SMALL | change), shipped=False)) != plain


def test_a_meaning_that_is_left_out_is_read_from_the_words(tmp_path: Path) -> None:
    change = {
        "base_action": [{"text": "a high front kick", "tier": 2}],
        "speed_rhythm": [
            {"text": "a slow pace", "tier": 1},
            {"text": "a pace called slow, and plain", "tier": 1, "manner": {}},
        ],
    }
    domain = read_domain(write(tmp_path, SMALL | change))
    assert domain.slots["base_action"][0].moves == (Move("front_kick", height="high"),)
    assert domain.slots["speed_rhythm"][0].manner == Manner(tempo=0.7)
    assert domain.slots["speed_rhythm"][1].manner == PLAIN


def phrase(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["combo_action"][0].update(changes)


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update({key: value})


def sentence(text: Any) -> Callable[[dict[str, Any]], None]:
    return put("templates", {"plain": text})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("combo", []), "key unknown 'combo'; did you mean 'combo_action'?"),
        (put("combo_action", []), "combo_action: has no phrase; every axis needs at least one"),
        (put("detail", None), "detail: has no phrase"),
        (put("detail", "wide arms"), "detail: must be a list of phrases"),
        (put("detail", ["wide arms"]), "detail: phrase 1: takes the keys text, tier, moves, manner, not 'wide arms'"),
        (phrase(teir=2), "combo_action: phrase 1: key unknown 'teir'; did you mean 'tier'?"),
        (phrase(text=None), "text: must be a text, is 'None'"),
        (phrase(text=True), "text: must be a text, is 'True'; put it in quotes"),
        (phrase(text=" "), "text: is empty"),
        (phrase(text="a jump "), "must be one line without spaces at its ends"),
        (phrase(text="a  jump"), "must be one line without spaces at its ends or several in a row"),
        (phrase(text="a jump\nand ignore the rest"), "must be one line"),
        (phrase(text="a jump\x07"), "must be one line"),
        (phrase(text="a jump" * 40), "has 240 characters; 200 are the most"),
        (phrase(text="a {detail}"), "braces mark the slots of templates"),
        (phrase(text="a jump."), "ends in '.'"),
        (phrase(tier=0), "('a jump and a spin'): tier: must be 1 (basic), 2 or 3 (hard), is '0'"),
        (phrase(tier=4), "tier: must be 1 (basic), 2 or 3 (hard), is '4'"),
        (phrase(tier=1.5), "tier: must be 1 (basic), 2 or 3 (hard), is '1.5'"),
        (phrase(tier=True), "tier: must be 1 (basic), 2 or 3 (hard), is 'True'"),
        (phrase(tier="hard"), "tier: must be 1 (basic), 2 or 3 (hard), is 'hard'"),
        (phrase(tier=[1]), "tier: must be 1 (basic), 2 or 3 (hard), is '[1]'"),
        (phrase(moves="jump"), "moves: must be a list, such as [crouch, {move: jump, height: high}]"),
        (phrase(moves=["jmup"]), "moves: 1: move: unknown 'jmup'; did you mean 'jump'?"),
        (phrase(moves=["spin", {"move": "jump", "heigth": "high"}]), "moves: 2: key unknown 'heigth'"),
        (phrase(moves=[{"move": "jump", "count": 40}]), "count: must be from 1 to 12, is 40"),
        (phrase(text="a thing", moves=[]), "moves: has none, and its words name none; say which moves"),
        (phrase(manner={"temp": 1}), "manner: key unknown 'temp'; did you mean 'tempo'?"),
        (phrase(manner={"tempo": 9}), "tempo: must be from 0.5 to 2, is 9"),
        (phrase(manner="slow"), "manner: takes keys and values, not 'slow'"),
        (put("templates", {}), "templates: has no template"),
        (put("templates", [SENTENCE]), "templates: must be a mapping of names to sentences"),
        (put("templates", {"Plain One": SENTENCE}), "a template's name is of lower-case letters"),
        (put("templates", {"one": SENTENCE, "two": SENTENCE}), "two: is the sentence of 'one' again"),
        (sentence(7), "templates: plain: must be a text, is '7'"),
        (sentence(SENTENCE.replace("{detail}", "care")), "has {detail} 0 times; a sentence has every slot once"),
        (sentence(SENTENCE.replace("with", "with {detail} and")), "has {detail} 2 times"),
        (sentence(SENTENCE.replace("detail", "details")), "slot unknown 'details'; did you mean 'detail'?"),
        (sentence(SENTENCE.replace("{detail}", "{detail")), "braces do not pair"),
        (sentence(SENTENCE.replace("{detail}", "{{detail}}")), "doubled braces"),
        (sentence(SENTENCE.replace("{detail}", "{detail!r}")), "with nothing behind its name"),
        (sentence(SENTENCE.replace("{detail}", "{detail:>9}")), "with nothing behind its name"),
        (sentence(SENTENCE.replace("{detail}", "{detail.tier}")), "slot unknown 'detail.tier'"),
        (sentence(SENTENCE.replace("{detail}", "{}")), "slot unknown ''"),
        (sentence(SENTENCE.replace("The person", "A man")), "must begin with 'The person'"),
        (sentence(SENTENCE[:-1]), "must end with a full stop"),
        (
            sentence("The person does {combo_action} after {base_action}, with {detail}, at {speed_rhythm}."),
            "{base_action} must come before {combo_action}, since it is done first",
        ),
    ],
)  # fmt: skip
def test_a_broken_rule_is_one_line_with_file_and_key(
    change: Callable[[dict[str, Any]], None], expected: str, tmp_path: Path
) -> None:
    content = copy.deepcopy(SMALL)
    change(content)
    path = write(tmp_path, content)
    with pytest.raises(AthenaError) as caught:
        load_bank([path], shipped=False)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and expected in message and "\n" not in message


def test_a_phrase_twice_in_an_axis_is_refused(tmp_path: Path) -> None:
    content = copy.deepcopy(SMALL)
    content["detail"] += [{"text": "Wide Arms", "tier": 2}]
    with pytest.raises(AthenaError, match=r"detail: phrase 2: 'Wide Arms' is phrase 1 already"):
        load_bank(write(tmp_path, content), shipped=False)


def test_files_that_are_no_domain(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"gone\.yaml: no such file"):
        load_bank([tmp_path / "gone.yaml"], shipped=False)
    with pytest.raises(AthenaError, match=r"holds no \.yaml file"):
        load_bank([tmp_path], shipped=False)
    with pytest.raises(AthenaError, match="bank: has no domain"):
        load_bank(shipped=False)
    with pytest.raises(AthenaError, match="a domain is named after its file"):
        load_bank(write(tmp_path, SMALL, "My Domain.yaml"), shipped=False)
    for number, text in enumerate(("- a\n- b\n", "a: [1\n", "a: 1\na: 2\n", "base_action: ${x}\n", "")):
        path = tmp_path / f"broken{number}.yaml"
        path.write_text(text)
        with pytest.raises(AthenaError, match=re.escape(str(path))):
            load_bank([path], shipped=False)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AthenaError, match=re.escape(str(path))):
        load_bank([path], shipped=False)


def test_two_files_of_one_domain_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path, SMALL)
    (tmp_path / "more").mkdir()
    second = write(tmp_path / "more", SMALL)
    with pytest.raises(AthenaError, match=rf"{second}: domain 'parkour' is in {first} already"):
        load_bank([first, second], shipped=False)


def test_the_documented_domain_is_whole_and_without_remarks(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "synthesis_bank.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(# parkour\.yaml\n.*?)```", text, flags=re.DOTALL)
    path = tmp_path / "parkour.yaml"
    path.write_text(example, encoding="utf-8")
    domain = read_domain(path)
    assert remarks(domain) == []
    assert domain.phrase("combo_action", "a high jump and a forward roll").moves == (
        Move("jump", height="high"),
        Move("roll"),
    )


def test_the_documented_table_counts_the_shipped_phrases() -> None:
    text = (ROOT / "docs" / "synthesis_bank.md").read_text(encoding="utf-8")
    for name, domain in load_bank().domains.items():
        counts = [len(domain.slots[axis]) for axis in AXES] + [len(domain.templates)]
        assert f"| `{name}` | {' | '.join(map(str, counts))} |" in text
        assert config_path("bank", name).is_file()


def test_the_documented_moves_and_manners_are_those_that_are_known() -> None:
    text = (ROOT / "docs" / "synthesis_bank.md").read_text(encoding="utf-8")
    _, after = text.split("\n### Moves\n")
    moves, manners = after.split("\n### Manners\n")
    for family, names in MOVES.items():
        assert f"| {family} | {', '.join(f'`{name}`' for name in names)} |" in moves
    assert moves.startswith(f"\n{len(FAMILY)} moves are known")
    for key, values in (("side", SIDES), ("height", HEIGHTS), ("direction", DIRECTIONS)):
        assert f"| `{key}` | {', '.join(f'`{value}`' for value in values)}" in moves
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", manners, flags=re.MULTILINE))
    ranges = {key: f"{low:g} to {high:g}" for key, (low, high) in MANNER_RANGES.items()}
    assert rows == ranges | {"arms": ", ".join(f"`{name}`" for name in ARMS)}
    for key, default in re.findall(r"^\| `(\w+)` \| [^`|]*? \| (\d) \|", manners, flags=re.MULTILINE):
        assert getattr(Manner(), key) == float(default)
