"""What a pipeline's manifest says has changed, and what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

from athena_wbc import __version__
from athena_wbc.files import sha256_file
from athena_wbc.pipeline.manifest import DONE, PENDING, Manifest, output_hashes, settings_hash

SETTINGS = {"iterations": 2, "configuration": {"ppo": {"gamma": 0.9, "lam": 0.95}}}


def noted(folder: Path) -> Manifest:
    """A stage that was made from one other, and left one file."""
    (folder / "residual.json").write_text("{}")
    manifest = Manifest.new(folder)
    inputs = {"settings": settings_hash(SETTINGS), "general": "a"}
    outputs = output_hashes(folder, ["residual.json"])
    manifest.content["config"] = {}
    manifest.note("mine", status=DONE, settings=SETTINGS, inputs=inputs, outputs=outputs)
    return manifest


def test_it_is_written_at_every_note_and_read_back(tmp_path: Path) -> None:
    manifest = noted(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert (content["kind"], content["library_version"]) == ("pipeline", __version__)
    assert content["stages"]["mine"]["outputs"] == {"residual.json": sha256_file(tmp_path / "residual.json")}
    again = Manifest.read(tmp_path)
    assert again.content == manifest.content
    assert (again.status("mine"), again.status("route")) == (DONE, PENDING)


def test_what_changed_is_named_with_both_values(tmp_path: Path) -> None:
    noted(tmp_path)
    manifest = Manifest.read(tmp_path)
    same = {"settings": settings_hash(SETTINGS), "general": "a"}
    assert manifest.changed_inputs("mine", same, SETTINGS) == []
    assert manifest.changed_inputs("mine", same | {"general": "b"}, SETTINGS) == ["general changed"]
    assert manifest.changed_inputs("mine", same | {"routing.json": "c"}, SETTINGS) == ["routing.json is new"]
    without = {"settings": same["settings"]}
    assert manifest.changed_inputs("mine", without, SETTINGS) == ["general is no longer there"]
    other = {"iterations": 3, "configuration": {"ppo": {"gamma": 0.8, "lam": 0.95}}}
    changes = manifest.changed_inputs("mine", same | {"settings": settings_hash(other)}, other)
    assert changes == ["settings changed (configuration.ppo.gamma: 0.9 -> 0.8, iterations: 2 -> 3)"]
    many = {**SETTINGS, "a": "x" * 50, "b": 1, "c": 2, "d": 3}
    changes = manifest.changed_inputs("mine", same | {"settings": settings_hash(many)}, many)
    assert changes == [f"settings changed (a: None -> {'x' * 37}..., b: None -> 1, c: None -> 2, 1 more)"]


def test_the_query_of_an_address_is_not_told(tmp_path: Path) -> None:
    """A server's address may have a key in its query: that it changed is told, and not to what."""
    manifest, then = Manifest.new(tmp_path), {"url": "http://a/g?key=hush", "members": [{"url": "http://a?key=hush"}]}
    manifest.content["stages"] = {"generate": {"settings": then, "inputs": {"settings": "a"}}}
    now = {"url": "http://a/g?key=other", "members": [{"url": "http://b?key=other"}]}
    (change,) = manifest.changed_inputs("generate", {"settings": "b"}, now)
    assert "url: http://a/g?*** -> http://a/g?***" in change
    assert "members: [{'url': 'http://a?*** -> [{'url': 'http://b?***" in change


def test_the_order_of_keys_is_no_change() -> None:
    assert settings_hash({"a": 1, "b": [1, 2]}) == settings_hash({"b": (1, 2), "a": 1})
    assert settings_hash({"b": [1, 2]}) != settings_hash({"b": [2, 1]})


def test_outputs_that_do_not_hold(tmp_path: Path) -> None:
    manifest = noted(tmp_path)
    assert manifest.damaged_outputs("mine") == manifest.damaged_outputs("nothing") == []
    (tmp_path / "residual.json").write_text("{ }")
    assert manifest.damaged_outputs("mine") == ["residual.json is damaged or was changed"]
    (tmp_path / "residual.json").unlink()
    assert manifest.damaged_outputs("mine") == ["residual.json is gone"]
