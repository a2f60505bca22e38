"""Texts as numbers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from athena_wbc.synthesis.generators.mdm.network import DECODER, ENCODER
from athena_wbc.synthesis.generators.mdm.text import CLIP, CLIP_TOKENS, DISTILBERT, FolderEncoder, HashedNgrams
from tests.synthesis.generators.released import write_release


def test_ngrams_are_the_same_on_every_machine() -> None:
    vector = HashedNgrams(16).vector("kick")
    assert [round(float(value), 4) for value in vector] == [0.0] * 5 + [
        0.9177,
        0.0,
        0.0,
        0.0,
        -0.9177,
        0.9177,
        0.0,
        3.6707,
        0.0,
        0.0,
        0.0,
    ]
    assert float((vector**2).mean()) == pytest.approx(1.0)


def _likeness(encoder: HashedNgrams, first: str, second: str) -> float:
    """Cosine of two texts."""
    return float(encoder.vector(first) @ encoder.vector(second)) / encoder.width


def test_texts_are_near_as_far_as_they_share_words() -> None:
    encoder = HashedNgrams()
    text = "a dancer spins twice and bows"
    assert _likeness(encoder, text, text.upper() + "!") == pytest.approx(1.0)
    near = _likeness(encoder, text, "a dancer spins once and bows")
    inflected = _likeness(encoder, text, "dancers spinning, bowing")
    far = _likeness(encoder, text, "someone does push ups")
    assert near > inflected > far and near > 0.5 and abs(far) < 0.2
    # The order counts a little: pairs of words differ.
    assert 0.6 < _likeness(encoder, "jump then kick", "kick then jump") < 0.999


@pytest.mark.parametrize("text", ["", "  ...  ", "跳起来 然后 踢腿", "прыжок 🤸", "kick " * 10_000, "\x00\n"])
def test_any_text_has_features(text: str) -> None:
    features = HashedNgrams().encode(text)
    assert features.shape == (1, 512) and features.dtype == torch.float32 and torch.isfinite(features).all()
    assert float((features**2).mean()) == pytest.approx(1.0 if any(c.isalnum() for c in text) else 0.0, abs=1e-5)


def test_folders_are_read_without_a_network(tmp_path: Path, stub_transformers: None) -> None:
    write_release(tmp_path, ENCODER)
    clip = FolderEncoder(CLIP, tmp_path / "text")
    assert clip.width == 512 and clip.encode("a person kicks").shape == (1, 512)
    long = clip.encode("a " * 30)
    assert torch.equal(long, clip.encode("a " * (CLIP_TOKENS + 5)))
    write_release(tmp_path, DECODER)
    bert = FolderEncoder(DISTILBERT, tmp_path / "text")
    assert bert.width == 768 and bert.encode("a person kicks").shape == (5, 768)
    assert list(bert.described()["files"]) == ["config.json"]


def test_a_real_distilbert_of_random_weights(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "person", "kicks"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "DistilBertTokenizer", "do_lower_case": true}')
    config = transformers.DistilBertConfig(vocab_size=8, dim=32, n_layers=1, n_heads=2, hidden_dim=16)
    model = transformers.DistilBertModel(config).eval()
    model.save_pretrained(str(tmp_path))
    encoder = FolderEncoder(DISTILBERT, tmp_path)
    features = encoder.encode("A person kicks")
    with torch.no_grad():
        wanted = model(input_ids=torch.tensor([[2, 5, 6, 7, 3]])).last_hidden_state[0]
    assert torch.allclose(features, wanted, atol=1e-6)
    assert encoder.width == 32 and "model.safetensors" in encoder.described()["files"]


def test_a_real_clip_of_random_weights(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text("{" + ", ".join(f'"{word}": {i}' for i, word in enumerate(vocabulary)) + "}")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    tokenizer.save_pretrained(str(tmp_path))
    config = transformers.CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=16, projection_dim=24, num_hidden_layers=1,
        num_attention_heads=2, bos_token_id=52, eos_token_id=53,
    )  # fmt: skip
    transformers.CLIPTextModelWithProjection(config).eval().save_pretrained(str(tmp_path))
    encoder = FolderEncoder(CLIP, tmp_path)
    features = encoder.encode("kick")
    assert features.shape == (1, 24) and encoder.width == 24
    assert not torch.allclose(features, encoder.encode("wave"))
    assert math.isfinite(float(features.sum()))
