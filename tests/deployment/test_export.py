"""`athena export` as a user types it: what it writes, what it refuses, and that its own check can fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc import cli
from athena_wbc.deployment import network as networks
from athena_wbc.deployment.export import Exported, difference, run_export
from athena_wbc.deployment.network import FORMATS, Deterministic
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.learning.models import FlatMLP, build_actor, example_observations
from tests.learning.small import small_config

FILES = {"policy.onnx", "policy.pt", "policy.json", "example.npz"}


def export(run: Path, motions: Path, out: Path, *options: str) -> int:
    return cli.main(["export", "--checkpoint", str(run), "--motions", str(motions), "--out", str(out), *options])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command leaves with, code 2."""
    assert cli.main(["export", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and captured.err.startswith("athena: error: ")
    return captured.err


def test_the_command_writes_the_folder_and_says_how_near_the_networks_are(
    runs: Path, motions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="exports are checked with onnxruntime: pip install -e '.[export]'")
    out = tmp_path / "new" / "deploy"
    assert export(runs / "student", motions, out) == 0
    assert {entry.name for entry in out.iterdir()} == FILES
    assert [entry.name for entry in out.parent.iterdir()] == ["deploy"]
    said = capsys.readouterr().out
    assert said.startswith(
        f"{out}: sonic_base at iteration 1 for g1, 286 observations to 29 joint targets every 0.02 s"
    )
    for name in FILES:
        assert f"  {name}: " in said
    assert said.count("off the policy") == 2 and "100 control steps of 'elbow'" in said


def test_one_format_alone_and_an_earlier_export_goes(runs: Path, motions: Path, tmp_path: Path, exported: Exported):
    out = Path(shutil.copytree(exported.folder, tmp_path / "deploy"))
    assert export(runs / "student", motions, out, "--format", "torchscript") == 0
    assert {entry.name for entry in out.iterdir()} == FILES - {"policy.onnx"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["deploy"]


def test_hashes_are_of_the_files_and_of_the_checkpoint(exported: Exported, runs: Path) -> None:
    written = json.loads((exported.folder / "policy.json").read_text())
    assert written["files"] == {name: sha256_file(exported.folder / name) for name in sorted(FILES - {"policy.json"})}
    checkpoint = runs / "student" / "checkpoints" / "model_1.pt"
    assert written["checkpoint"] == {"file": "model_1.pt", "sha256": sha256_file(checkpoint), "library": "0.1.0"}


def test_the_contract_lies_in_both_networks(exported: Exported) -> None:
    import onnx

    written = json.loads((exported.folder / "policy.json").read_text())
    written.pop("files")
    model = onnx.load(exported.folder / "policy.onnx")
    onnx.checker.check_model(model)
    held = {entry.key: entry.value for entry in model.metadata_props}
    extra = dict.fromkeys(written, "")
    torch.jit.load(exported.folder / "policy.pt", _extra_files=extra)
    assert held.keys() >= written.keys()
    for key, value in written.items():
        for text in (held[key], extra[key]):
            text = text.decode() if isinstance(text, bytes) else text
            assert (text if isinstance(value, str) else json.loads(text)) == value


def test_the_graph_takes_any_batch_under_the_stated_names(exported: Exported) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported.folder / "policy.onnx", providers=["CPUExecutionProvider"])
    (given,), (got,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1]) == ("obs", "tensor(float)", 286)
    assert (got.name, got.shape[1]) == ("actions", 29) and isinstance(given.shape[0], str)
    for batch in (1, 7):
        assert session.run(["actions"], {"obs": np.zeros((batch, 286), np.float32)})[0].shape == (batch, 29)


def test_the_example_is_of_the_policy_and_both_networks_agree(exported: Exported) -> None:
    assert set(exported.differences) == set(FORMATS)
    assert all(0.0 <= value < 1e-5 for value in exported.differences.values())
    recorded = np.load(exported.folder / "example.npz")
    assert recorded["observations"].shape == (100, 286) and np.abs(recorded["actions"]).max() > 1e-3


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_that_acts_otherwise_is_found_out(name: str, exported: Exported) -> None:
    recorded = dict(np.load(exported.folder / "example.npz"))
    assert difference(exported.folder, exported.contract, name, recorded) == exported.differences[name]
    recorded["actions"] = recorded["actions"].copy()
    recorded["actions"][50, 3] += 2e-5
    with pytest.raises(AthenaError, match=rf"{FORMATS[name].file}: its actions differ from the policy's by 2"):
        difference(exported.folder, exported.contract, name, recorded)


class Doubled(FlatMLP):
    """A network of one's own."""

    def output(self, inputs: torch.Tensor) -> torch.Tensor:
        return 2.0 * super().output(inputs)


@pytest.mark.parametrize("name", FORMATS)
def test_normaliser_and_a_network_of_ones_own_are_in_the_graph(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="exports are checked with onnxruntime: pip install -e '.[export]'")
    config = small_config(actor__class_name=f"{__name__}:Doubled", actor__obs_normalization=True)
    config.obs_groups = {"actor": ["student"], "critic": ["student"]}
    actor = build_actor(example_observations({"student": [["x", 5]]}), config, 2, "cpu")
    actor.obs_normalizer._mean.fill_(0.7)
    actor.obs_normalizer._std.fill_(3.0)
    path = tmp_path / FORMATS[name].file
    FORMATS[name].write(Deterministic(actor), path, {"key": "value"})
    inputs = torch.randn(6, 5)
    expected = 2.0 * actor.mlp((inputs - 0.7) / (3.0 + actor.obs_normalizer.eps))
    np.testing.assert_allclose(FORMATS[name].read(path)(inputs.numpy()), expected.detach().numpy(), atol=1e-6)


# --- refusals


def test_a_privileged_actor_is_refused_with_the_recipes_that_are_not(
    teacher: Path, motions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "--checkpoint", teacher, "--format", "torchscript", "--out", tmp_path / "deploy")
    assert "its actor reads what no robot measures (base_lin_vel, base_height, root_pos_error, body_pos_error" in line
    assert "(finetune, single_teacher_student, sonic_base, student)" in line and "--privileged" in line
    assert not (tmp_path / "deploy").exists()
    given = ("--format", "torchscript", "--privileged")
    assert export(teacher, motions, tmp_path / "deploy", *given) == 0
    assert "for simulation alone" in capsys.readouterr().out
    assert json.loads((tmp_path / "deploy" / "policy.json").read_text())["deployable"] is False


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("onx", "--format: unknown 'onx'; did you mean 'onnx'?"),
        (",", "--format: names none"),
    ],
)
def test_an_unknown_format(format: str, expected: str, runs: Path, tmp_path: Path, capsys) -> None:
    line = refusal(capsys, "--checkpoint", runs / "student", "--format", format, "--out", tmp_path / "deploy")
    assert expected in line


def test_a_missing_package_names_the_extra(runs: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    find = networks.importlib.util.find_spec
    monkeypatch.setattr(
        networks.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    line = refusal(capsys, "--checkpoint", runs / "student", "--out", tmp_path / "deploy")
    assert "onnx needs the package 'onnxruntime': pip install -e '.[export]' in the checkout, or take --format" in line


def test_a_folder_with_something_else_in_it_stays_as_it_is(runs: Path, tmp_path: Path, capsys, exported) -> None:
    other, file = tmp_path / "other", tmp_path / "file"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    file.write_text("mine")
    mixed = Path(shutil.copytree(exported.folder, tmp_path / "mixed"))
    (mixed / "notes.txt").write_text("mine")
    for out, reason in ((other, "it holds notes.txt"), (mixed, "it holds notes.txt"), (file, "is a file")):
        line = refusal(capsys, "--checkpoint", runs / "student", "--out", out)
        assert str(out) in line and reason in line
    assert (other / "notes.txt").read_text() == (mixed / "notes.txt").read_text() == file.read_text() == "mine"


def test_a_wrong_or_damaged_checkpoint(runs: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "deploy"
    assert "no such checkpoint" in refusal(capsys, "--checkpoint", tmp_path / "none.pt", "--out", out)
    damaged = tmp_path / "model_1.pt"
    data = bytearray((runs / "student" / "checkpoints" / "model_1.pt").read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    assert "damaged" in refusal(capsys, "--checkpoint", damaged, "--out", out)
    (tmp_path / "empty").mkdir()
    assert "holds no checkpoint" in refusal(capsys, "--checkpoint", tmp_path / "empty", "--out", out)
    assert not out.exists()


def test_what_a_format_cannot_express_leaves_the_earlier_export(
    runs: Path, motions: Path, tmp_path: Path, monkeypatch, exported: Exported
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such operator\nand more")

    monkeypatch.setitem(FORMATS, "torchscript", networks.Format("policy.pt", (), fail, FORMATS["torchscript"].read))
    out = Path(shutil.copytree(exported.folder, tmp_path / "deploy"))
    with pytest.raises(AthenaError, match=r"torchscript cannot express the network FlatMLP \(no such operator\)"):
        run_export(runs / "student", out, "torchscript", [str(motions)])
    assert {entry.name for entry in out.iterdir()} == FILES
    assert [entry.name for entry in tmp_path.iterdir()] == ["deploy"]
