"""The generator of released checkpoints: loading, refusing, and drawing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.mdm.checkpoint import (
    load_network,
    read_arguments,
    read_statistics,
    read_weights,
)
from athena_wbc.synthesis.generators.mdm.generator import MOST_FRAMES, MdmConfig, MdmGenerator, chosen_device
from athena_wbc.synthesis.generators.mdm.network import DECODER, ENCODER
from athena_wbc.synthesis.generators.mdm.post import PostConfig
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.prompt import Prompt
from tests.synthesis.generators.released import random_network, write_release

PROMPTS = [Prompt(text="a person kicks high"), Prompt(text="someone waves both arms slowly")]


def settings(checkpoint: Path, **changes) -> MdmConfig:
    """Settings for a release that :func:`write_release` wrote."""
    folder = str(checkpoint.parent)
    values = {"checkpoint": str(checkpoint), "statistics": folder, "text_encoder": f"{folder}/text", "device": "cpu"}
    return MdmConfig(**(values | changes))


@pytest.mark.parametrize("architecture", [ENCODER, DECODER])
def test_a_release_is_loaded_and_drawn_from(architecture: str, tmp_path: Path, stub_transformers: None) -> None:
    checkpoint = write_release(tmp_path, architecture)
    generator = MdmGenerator(settings(checkpoint))
    first, second = generator.generate(PROMPTS, 24, seed=3)
    assert first.positions.shape == (24, 22, 3) and first.is_learned and first.generator == "mdm"
    assert [first.prompt_id, second.prompt_id] == [prompt.id for prompt in PROMPTS]
    assert first.digest != second.digest
    told = first.provenance
    assert told["guidance"] == 2.5 and told["diffusion_steps"] == 5 and told["architecture"] == architecture
    assert len(told["checkpoint_sha256"]) == 64 and set(told["statistics_sha256"]) == {"Mean.npy", "Std.npy"}
    json.dumps(told)
    # Alone, in another order, and again: the same to the bit.
    assert generator.generate(PROMPTS[1:], 24, seed=3)[0].digest == second.digest
    assert MdmGenerator(settings(checkpoint)).generate(PROMPTS[::-1], 24, seed=3)[1].digest == first.digest
    assert generator.generate(PROMPTS[:1], 24, seed=4)[0].digest != first.digest


def test_the_text_and_the_guidance_matter(tmp_path: Path, stub_transformers: None) -> None:
    checkpoint = write_release(tmp_path, ENCODER)

    def drawn(text: str, guidance: float) -> str:
        # The same noise for every text: with a guidance of zero the text is not heeded at all.
        generator = MdmGenerator(settings(checkpoint, guidance=guidance))
        prompt = Prompt(text=text)
        sampler = generator._sampler
        same = type("Same", (), {"text": text, "id": "same"})()
        assert prompt.text == text
        return sampler.draw(same, 12, 0)[0].tobytes()

    assert drawn("kick", 0.0) == drawn("wave", 0.0)
    assert drawn("kick", 1.0) != drawn("wave", 1.0)
    assert drawn("kick", 1.0) != drawn("kick", 2.5)


def test_longer_wishes_get_the_longest(tmp_path: Path, stub_transformers: None) -> None:
    generator = MdmGenerator(settings(write_release(tmp_path, ENCODER)))
    assert generator.generate(PROMPTS[:1], 300, seed=0)[0].num_frames == MOST_FRAMES
    with pytest.raises(AthenaError, match="frames: must be 2 or more, is 1"):
        generator.generate(PROMPTS, 1, seed=0)


@pytest.mark.parametrize(("averaged", "seed"), [(True, 0), (False, 100)])
def test_the_averaged_weights_are_taken_where_it_says_so(tmp_path: Path, averaged: bool, seed: int) -> None:
    checkpoint = write_release(tmp_path, ENCODER, use_ema=averaged)
    model = read_arguments(tmp_path / "args.json")
    weights = read_weights(checkpoint, model.averaged)
    wanted = random_network(ENCODER, seed).state_dict()
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    load_network(model.shape, weights, checkpoint)


def test_a_raw_table_of_weights_is_read(tmp_path: Path) -> None:
    checkpoint = write_release(tmp_path, DECODER)
    torch.save(random_network(DECODER, 7).state_dict(), checkpoint)
    weights = read_weights(checkpoint, averaged=True)
    assert torch.equal(weights["embed_text.bias"], random_network(DECODER, 7).state_dict()["embed_text.bias"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "gru"}, r"args.json: arch: is 'gru', run are trans_enc and trans_dec; take humanml_enc_512_50steps"),
        ({"dataset": "kit"}, r"dataset: is 'kit', only 'humanml'"),
        ({"noise_schedule": "linear"}, r"noise_schedule: is 'linear', only 'cosine'"),
        ({"emb_trans_dec": True}, r"emb_trans_dec: is 'True'"),
        ({"context_len": 20, "pred_len": 40}, r"context_len: is '20'"),
        ({"text_encoder_type": "t5"}, r"text_encoder_type: is 't5', run are clip and bert"),
        ({"text_encoder_type": "bert"}, r"bert with arch 'trans_enc'"),
        ({"layers": "many"}, r"layers: must be a positive whole number"),
        ({"latent_dim": 30}, r"latent_dim: must be a multiple of the 4 heads"),
    ],
)
def test_other_models_are_refused_by_key(tmp_path: Path, changes: dict, message: str) -> None:
    write_release(tmp_path, ENCODER, **changes)
    with pytest.raises(AthenaError, match=message):
        read_arguments(tmp_path / "args.json")


def test_damaged_arguments_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "args.json"
    with pytest.raises(AthenaError, match="is missing; it belongs beside the checkpoint"):
        read_arguments(path)
    path.write_text("{")
    with pytest.raises(AthenaError, match="no readable JSON"):
        read_arguments(path)
    path.write_text("[]")
    with pytest.raises(AthenaError, match="table of settings"):
        read_arguments(path)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    checkpoint = write_release(tmp_path, ENCODER)
    shape = read_arguments(tmp_path / "args.json").shape
    weights = read_weights(checkpoint, True)
    with pytest.raises(AthenaError, match=r"lacks 1 weights \(embed_text.bias\)"):
        load_network(shape, {k: v for k, v in weights.items() if k != "embed_text.bias"}, checkpoint)
    with pytest.raises(AthenaError, match=r"has also 1 weights \(more.weight\)"):
        load_network(shape, weights | {"more.weight": torch.zeros(1)}, checkpoint)
    with pytest.raises(AthenaError, match=r"embed_text.bias: has the shape \(3,\), args.json says \(16,\)"):
        load_network(shape, weights | {"embed_text.bias": torch.zeros(3)}, checkpoint)
    with pytest.raises(AthenaError, match=r"embed_text.bias: is not finite"):
        load_network(shape, weights | {"embed_text.bias": torch.full((16,), float("nan"))}, checkpoint)


class Payload:
    """An object that no table of weights needs."""


def test_only_tensors_are_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.raises(AthenaError, match="no such file"):
        read_weights(path, True)
    for content in (b"", b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(AthenaError, match="is damaged, or holds more than tensors"):
            read_weights(path, True)
    torch.save({"weights": Payload()}, path)
    with pytest.raises(AthenaError, match="is damaged, or holds more than tensors"):
        read_weights(path, True)
    torch.save({"step": 3}, path)
    with pytest.raises(AthenaError, match="holds no table of weights"):
        read_weights(path, True)


def test_a_flipped_bit_is_seen(tmp_path: Path) -> None:
    checkpoint = write_release(tmp_path, ENCODER)
    data = bytearray(checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    checkpoint.write_bytes(bytes(data))
    with pytest.raises(AthenaError, match="checksum"):
        read_weights(checkpoint, True)


def test_statistics_are_those_of_humanml3d(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="statistics: names no folder"):
        read_statistics("")
    with pytest.raises(AthenaError, match=r"Mean.npy: no such file; copy"):
        read_statistics(tmp_path)
    np.save(tmp_path / "Mean.npy", np.zeros(263, dtype=np.float32))
    np.save(tmp_path / "Std.npy", np.zeros(263, dtype=np.float32))
    with pytest.raises(AthenaError, match="deviations must be positive"):
        read_statistics(tmp_path)
    np.save(tmp_path / "Std.npy", np.ones(263))
    with pytest.raises(AthenaError, match="as those of MDM's evaluators are"):
        read_statistics(tmp_path)
    np.save(tmp_path / "Std.npy", np.ones(251, dtype=np.float32))
    with pytest.raises(AthenaError, match=r"must hold 263 finite numbers, has the shape \(251,\)"):
        read_statistics(tmp_path)
    np.save(tmp_path / "Std.npy", np.full(263, 0.5, dtype=np.float32))
    statistics = read_statistics(tmp_path)
    assert np.allclose(statistics.normalise(np.ones(263)), 2.0)
    assert np.allclose(statistics.restore(statistics.normalise(np.arange(263.0))), np.arange(263.0))


def test_the_published_statistics_are_read(shared_motions: Path) -> None:
    folder = shared_motions / "humanml3d_sample"
    if not folder.is_dir():
        pytest.skip("the shared motions hold no HumanML3D sample")
    statistics = read_statistics(folder)
    assert statistics.hashes["Mean.npy"].startswith("26e136555dab04c9")
    assert 0.5 < statistics.mean[3] < 1.2  # height of the root, m


def test_what_is_missing_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message(config: MdmConfig) -> str:
        with pytest.raises(AthenaError) as caught:
            MdmGenerator(config).generate(PROMPTS, 10, seed=0)
        return str(caught.value)

    checkpoint = write_release(tmp_path, DECODER)
    assert message(MdmConfig()).startswith("checkpoint: names no file")
    assert "no such file" in message(settings(tmp_path / "other.pt"))
    assert message(settings(checkpoint, statistics="")).startswith("statistics: names no folder")
    assert "nothing is downloaded" in message(settings(checkpoint, text_encoder=""))
    assert "has no config.json" in message(settings(checkpoint, text_encoder=str(tmp_path)))
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install transformers" in message(settings(checkpoint))
    (tmp_path / "text" / "config.json").write_text('{"model_type": "gpt2"}')
    assert "model_type is 'gpt2'" in message(settings(checkpoint))
    (tmp_path / "text" / "config.json").write_text("{}")
    assert "names no model_type" in message(settings(checkpoint))


def test_guidance_needs_a_model_that_can_do_without_text(tmp_path: Path, stub_transformers: None) -> None:
    checkpoint = write_release(tmp_path, ENCODER, cond_mask_prob=0.0)
    with pytest.raises(AthenaError, match="cond_mask_prob: is 0"):
        MdmGenerator(settings(checkpoint)).generate(PROMPTS, 10, seed=0)
    assert len(MdmGenerator(settings(checkpoint, guidance=1.0)).generate(PROMPTS, 10, seed=0)) == 2


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"^here: guidance: must be from 0 to 20, is -1$"):
        make_generator("mdm", {"guidance": -1.0}, "here")
    for device in ("abacus", "mps", "meta", "xpu", "cuda:-1", "cuda:x", "cpu,cuda", ""):
        with pytest.raises(
            AthenaError, match=rf"^here: device: '{device}' is none; say cpu, cuda, cuda:<number> or auto"
        ):
            make_generator("mdm", {"device": device}, "here")
    with pytest.raises(AthenaError, match=r"^here: post.smooth: must be from 0 to 20"):
        make_generator("mdm", {"post": {"smooth": -2.0}}, "here")
    with pytest.raises(AthenaError, match="did you mean 'checkpoint'"):
        make_generator("mdm", {"checkpiont": "x"}, "here")


def test_a_gpu_is_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert (chosen_device("auto"), chosen_device("cpu")) == ("cpu", "cpu")
    with pytest.raises(AthenaError, match="device: 'cuda' is not there: there is no GPU; say cpu or auto"):
        chosen_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [chosen_device(device) for device in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cuda:1", "cpu"]
    with pytest.raises(AthenaError, match="device: 'cuda:2' is not there: there are 2 GPUs"):
        chosen_device("cuda:2")


def test_corrections_are_told(tmp_path: Path, stub_transformers: None) -> None:
    post = PostConfig(smooth=1.0, bones=True, ground=True)
    motion = MdmGenerator(settings(write_release(tmp_path, ENCODER), post=post)).generate(PROMPTS, 16, seed=0)[0]
    assert set(motion.provenance["post"]) == {"smooth_frames", "bone_drift_m", "ground_shift_m"}
