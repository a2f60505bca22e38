from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from athena_wbc import layers
from athena_wbc.errors import AthenaError
from athena_wbc.layers import Layer, Preset, compose, file_layers, override_layers, read_yaml


@dataclass
class Term:
    weight: float = 1.0
    scale: float | None = None


@dataclass
class Inner:
    gamma: float = 0.99
    epochs: int = 5
    shared: bool = True
    widths: list[int] = field(default_factory=lambda: [512, 256])
    groups: dict[str, list[str]] = field(default_factory=dict)
    terms: dict[str, Term] = field(default_factory=lambda: {"track": Term(2.0)})


@dataclass
class Outer:
    name: str = "g1"
    seed: int = 0
    learner: Inner = field(default_factory=Inner)


PRESETS = {"learner": Preset("learner")}


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configurations of its own."""
    monkeypatch.setattr("athena_wbc.resources.configs_folder", lambda: tmp_path)
    for group in ("learner", "recipe"):
        (tmp_path / group).mkdir()
    return tmp_path


def cli(*overrides: str, presets: dict[str, Preset] | None = None) -> Outer:
    return compose(Outer, override_layers(overrides), presets)


def test_later_layer_wins_and_untouched_values_stay() -> None:
    low = Layer("low", {"seed": 1, "learner": {"gamma": 0.5, "terms": {"track": {"scale": 0.3}}}})
    high = Layer("high", {"learner": {"gamma": 0.7, "terms": {"effort": {"weight": -1}}}})
    composed = compose(Outer, [low, high])
    assert composed.seed == 1
    assert composed.learner.gamma == 0.7
    assert composed.learner.terms == {"track": Term(2.0, 0.3), "effort": Term(-1.0, None)}
    assert composed.learner.widths == [512, 256]


def test_overrides_are_yaml() -> None:
    composed = cli(
        "learner.gamma=1e-3", "learner.shared=false", "learner.widths=[8,4]", "learner.groups={actor: [a, b]}"
    )
    assert composed.learner.gamma == 0.001
    assert composed.learner.shared is False
    assert composed.learner.widths == [8, 4]
    assert composed.learner.groups == {"actor": ["a", "b"]}


def test_composing_leaves_the_layers_alone(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("epochs: 2\n")
    values = {"learner": {"preset": "small", "gamma": 0.5}}
    compose(Outer, [Layer("file", values)], PRESETS)
    assert values == {"learner": {"preset": "small", "gamma": 0.5}}


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("learner.gama=1", ("command line: learner.gama: unknown key", "did you mean 'gamma'?")),
        ("gamma=1", ("command line: gamma: unknown key", "did you mean 'learner.gamma'?")),
        ("learner.terms.track.wieght=1", ("learner.terms.track.wieght", "did you mean 'weight'?")),
        ("learner.epochs=many", ("command line: learner.epochs:", "many", "Integer")),
        ("learner.epochs=2.5", ("command line: learner.epochs:", "2.5")),
        ("learner.shared=perhaps", ("learner.shared", "perhaps")),
        ("learner.widths=wide", ("learner.widths",)),
        ("learner.gamma={a: 1}", ("learner.gamma",)),
        ("learner.gamma=null", ("learner.gamma",)),
        ("learner=3", ("command line: learner: takes keys and values, not '3'",)),
        ("gamma", ("command line: 'gamma'", "key=value")),
        ("=3", ("key=value",)),
        ("learner..gamma=3", ("key=value",)),
        ("name=[a", ("command line: name=[a", "YAML")),
    ],
)
def test_a_wrong_override_is_one_line(override: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(AthenaError) as caught:
        cli(override)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_preset_replaces_what_was_there(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("widths: [8]\ngroups: {actor: [a]}\n")
    below = Layer("below", {"learner": {"gamma": 0.5, "groups": {"critic": ["c"]}}})
    above = Layer("above", {"learner": "small"})
    learner = compose(Outer, [below, above], PRESETS).learner
    assert learner.widths == [8]
    assert learner.groups == {"actor": ["a"]}
    assert learner.gamma == 0.99


def test_a_preset_may_be_laid_over_instead(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("widths: [8]\n")
    below = Layer("below", {"learner": {"gamma": 0.5, "widths": [64, 64]}})
    above = Layer("above", {"learner": "small"})
    learner = compose(Outer, [below, above], {"learner": Preset("learner", replaces=False)}).learner
    assert (learner.gamma, learner.widths) == (0.5, [8])


def test_a_preset_with_changes(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("widths: [8]\nepochs: 2\n")
    in_file = compose(Outer, [Layer("f", {"learner": {"preset": "small", "epochs": 3}})], PRESETS)
    on_line = cli("learner=small", "learner.epochs=3", presets=PRESETS)
    assert in_file == on_line
    assert (in_file.learner.epochs, in_file.learner.widths) == (3, [8])


def test_an_unknown_preset_names_its_key_and_the_nearest(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("epochs: 2\n")
    with pytest.raises(AthenaError, match=r"command line: learner: .*'smal'; did you mean 'small'\?"):
        cli("learner=smal", presets=PRESETS)


def test_an_unknown_key_in_a_preset_names_its_file(configs: Path) -> None:
    (configs / "learner" / "small.yaml").write_text("epoch: 2\n")
    with pytest.raises(AthenaError, match=r"small\.yaml: learner\.epoch: unknown key.*'epochs'"):
        cli("learner=small", presets=PRESETS)


def test_inheritance_is_depth_first_and_notes_are_no_values(configs: Path) -> None:
    recipe = configs / "recipe"
    (recipe / "root.yaml").write_text("description: the first\nseed: 1\nname: a\n")
    (recipe / "left.yaml").write_text("inherit: root\nseed: 2\n")
    (recipe / "leaf.yaml").write_text("inherit: [left]\nname: b\n")
    found = file_layers("recipe", "leaf")
    assert [dict(layer.values) for layer in found] == [{"seed": 1, "name": "a"}, {"seed": 2}, {"name": "b"}]
    composed = compose(Outer, found)
    assert (composed.seed, composed.name) == (2, "b")


def test_a_circle_of_recipes_is_refused(configs: Path) -> None:
    (configs / "recipe" / "one.yaml").write_text("inherit: two\n")
    (configs / "recipe" / "two.yaml").write_text("inherit: one\n")
    with pytest.raises(AthenaError, match="circle: one -> two -> one"):
        file_layers("recipe", "one")


def test_an_unknown_parent_names_the_recipe(configs: Path) -> None:
    (configs / "recipe" / "one.yaml").write_text("inherit: tow\n")
    (configs / "recipe" / "two.yaml").write_text("seed: 1\n")
    with pytest.raises(AthenaError, match=r"one\.yaml: inherit: .*did you mean 'two'"):
        file_layers("recipe", "one")


def test_a_recipe_of_ones_own_is_a_path(configs: Path, tmp_path: Path) -> None:
    (configs / "recipe" / "base.yaml").write_text("seed: 7\n")
    own = tmp_path / "mine.yaml"
    own.write_text("inherit: base\nname: mine\n")
    composed = compose(Outer, file_layers("recipe", str(own)))
    assert (composed.seed, composed.name) == (7, "mine")
    with pytest.raises(AthenaError, match=r"gone\.yaml: no such file.*base"):
        file_layers("recipe", str(tmp_path / "gone.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2\n", "line 2: not valid YAML"),
        ("a: 1\na: 2\n", "not valid YAML: found duplicate key"),
        ("- a\n", "must be a mapping"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(AthenaError, match=expected) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))


def test_a_key_that_yaml_takes_for_a_truth_value(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("learner: {on: 1}\n")
    with pytest.raises(AthenaError, match=r"learner\.True: .*quote this key"):
        compose(Outer, [Layer(str(path), read_yaml(path))])


def test_an_empty_file_has_no_values(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# only a comment\n")
    assert read_yaml(path) == {}


def test_elements_of_a_list_are_checked_too() -> None:
    @dataclass
    class Holder:
        terms: list[Term] = field(default_factory=list)

    # A local dataclass's hints cannot be looked up by name, so give them resolved.
    Holder.__annotations__["terms"] = list[Term]
    assert compose(Holder, [Layer("x", {"terms": [{"weight": 3}]})]).terms == [Term(3.0)]
    with pytest.raises(AthenaError, match=r"x: terms\.0\.weigth: unknown key.*'weight'"):
        compose(Holder, [Layer("x", {"terms": [{"weigth": 3}]})])
    assert layers._element(list[Term] | None) == ("list", Term)


@dataclass
class Sense:
    name: str = ""
    noise: float = 0.0
    steps: list[int] = field(default_factory=list)


@dataclass
class Senses:
    senses: list[Sense] = field(default_factory=list)


@dataclass
class Body:
    eyes: Senses = field(default_factory=Senses)
    hands: Senses | None = None


TWO = Layer("file", {"eyes": {"senses": [{"name": "light", "noise": 0.5}, {"name": "colour", "steps": [1, 6]}]}})


@pytest.mark.parametrize(
    "change", ["eyes.senses.colour.noise=0.2", "eyes.senses.1.noise=0.2", "eyes.senses[1].noise=0.2"]
)
def test_one_element_of_a_list_is_changed(change: str) -> None:
    senses = compose(Body, [TWO, *override_layers([change])]).eyes.senses
    assert senses == [Sense("light", 0.5), Sense("colour", 0.2, [1, 6])]


def test_changes_of_elements_add_up_and_may_rename() -> None:
    changes = ["eyes.senses.light.name=dark", "eyes.senses.dark.steps=[3]", "eyes.senses.colour.steps=[]"]
    assert compose(Body, [TWO, *override_layers(changes)]).eyes.senses == [Sense("dark", 0.5, [3]), Sense("colour")]
    # A layer's own mapping stays as it was.
    assert TWO.values["eyes"]["senses"][0] == {"name": "light", "noise": 0.5}


def test_a_list_still_replaces() -> None:
    layers_ = [
        TWO,
        Layer("mine", {"eyes": {"senses": [{"name": "heat"}]}}),
        *override_layers(["eyes.senses.0.noise=1"]),
    ]
    assert compose(Body, layers_).eyes.senses == [Sense("heat", 1.0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("eyes.senses.color.noise=1", "eyes.senses.color: unknown 'color'; did you mean 'colour'?"),
        ("eyes.senses.2.noise=1", "eyes.senses.2: there are 2 elements, the first is 0"),
        ("eyes.senses.light=1", "eyes.senses.light: takes keys and values, not '1'"),
        ("eyes.senses.light.nose=1", "eyes.senses.0.nose: unknown key 'nose'; did you mean 'noise'?"),
        ("hands.senses.touch.noise=1", "hands.senses.touch: unknown 'touch'"),
    ],
)
def test_an_element_that_there_is_not(change: str, message: str) -> None:
    with pytest.raises(AthenaError) as caught:
        compose(Body, [TWO, *override_layers([change])])
    assert message in str(caught.value) and str(caught.value).startswith("command line: ")


def test_a_name_that_stands_twice_needs_its_place() -> None:
    twice = Layer("file", {"eyes": {"senses": [{"name": "light"}, {"name": "heat"}, {"name": "light"}]}})
    with pytest.raises(AthenaError, match="there are several; give a place instead of the name: 0, 2"):
        compose(Body, [twice, *override_layers(["eyes.senses.light.noise=1"])])
    assert compose(Body, [twice, *override_layers(["eyes.senses.2.noise=1"])]).eyes.senses[2].noise == 1.0


@dataclass(frozen=True)
class Frozen:
    limit: float = 1.0
    name: str = "x"


@dataclass
class Holder:
    part: Frozen = field(default_factory=Frozen)


def test_frozen_dataclasses_are_merged_too() -> None:
    assert compose(Frozen, [Layer("a", {"limit": 2.0})]) == Frozen(limit=2.0)
    assert compose(Holder, [Layer("a", {"part": {"limit": 2.0}}), *override_layers(["part.name=y"])]) == Holder(
        Frozen(2.0, "y")
    )
