"""Text as numbers: CLIP and DistilBERT from a folder of the user's, and hashed n-grams that need no weights."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file

CLIP, DISTILBERT = "clip", "distilbert"

CLIP_TOKENS = 22
"""Twenty of the text, begin and end: what MDM was trained with."""

DISTILBERT_TOKENS = 512
"""Positions of the released model."""

_FOLDERS = {CLIP: "openai/clip-vit-base-patch32", DISTILBERT: "distilbert/distilbert-base-uncased"}
_MODEL_TYPES = {CLIP: ("clip", "clip_text_model"), DISTILBERT: ("distilbert",)}


class TextEncoder(Protocol):
    """Texts to features."""

    width: int
    """Numbers of a feature."""

    def encode(self, text: str) -> Tensor:
        """Features (L, width) float32 of the text's tokens; one token stands for the whole text."""
        ...

    def described(self) -> dict[str, Any]:
        """Name and hashes, for provenance."""
        ...


class HashedNgrams:
    """A bag of hashed words, word pairs and letter groups.

    It knows no meaning: texts are near each other as far as they share words and parts of words. Deterministic, the
    same on every machine, and free of weights.
    """

    LETTERS = (3, 4)
    MOST_WORDS = 256

    def __init__(self, width: int = 512) -> None:
        self.width = width

    def encode(self, text: str) -> Tensor:
        """Features (1, width) whose mean square is one; all zero where the text holds no letter or digit."""
        return torch.from_numpy(self.vector(text).astype(np.float32))[None]

    def vector(self, text: str) -> np.ndarray:
        """(width,) float64 of :meth:`encode`."""
        words = re.findall(r"\w+", text.casefold())[: self.MOST_WORDS]
        vector = np.zeros(self.width)
        for word in words:
            self._add(vector, f"w {word}", 1.0)
            padded = f"<{word[:64]}>"
            for size in self.LETTERS:
                for start in range(len(padded) - size + 1):
                    self._add(vector, f"l {padded[start : start + size]}", 0.25)
        for pair in itertools.pairwise(words):
            self._add(vector, f"p {' '.join(pair)}", 0.7)
        norm = np.linalg.norm(vector)
        return vector * (np.sqrt(self.width) / norm) if norm > 0.0 else vector

    def described(self) -> dict[str, Any]:
        """Name and width."""
        return {"name": "hashed n-grams", "width": self.width}

    def _add(self, vector: np.ndarray, gram: str, weight: float) -> None:
        place, sign = _hashed(gram)
        vector[place % self.width] += weight * sign


@functools.lru_cache(maxsize=1 << 16)
def _hashed(gram: str) -> tuple[int, float]:
    digest = hashlib.blake2b(gram.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:7], "big"), 1.0 if digest[7] & 1 else -1.0


class FolderEncoder:
    """CLIP's or DistilBERT's text encoder by the package transformers, from a local folder; nothing is downloaded.

    Raises:
        AthenaError: the folder is missing or holds another model, or the package is missing.
    """

    def __init__(self, kind: str, folder: str | Path, device: str = "cpu") -> None:
        self.kind, self.folder, self.device = kind, Path(folder), device
        check_encoder_folder(kind, folder)
        transformers = _transformers()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True)
            loader = transformers.CLIPTextModelWithProjection if kind == CLIP else transformers.AutoModel
            self._model = loader.from_pretrained(str(self.folder), local_files_only=True).to(device).eval()
        except Exception as error:  # the package raises OSError, ValueError, KeyError, ... by what is missing
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise AthenaError(
                f"text_encoder: {self.folder}: cannot be loaded ({reason}); copy the whole of {_FOLDERS[kind]} there, "
                "nothing is downloaded"
            ) from error
        config = self._model.config
        self.width = int(config.projection_dim if kind == CLIP else config.dim)

    def encode(self, text: str) -> Tensor:
        """Features of the tokens: (1, width) of CLIP, (L, width) of DistilBERT."""
        longest = CLIP_TOKENS if self.kind == CLIP else DISTILBERT_TOKENS
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=longest).to(self.device)
        with torch.inference_mode():
            answer = self._model(**tokens)
        # Clones, since inference tensors may not meet autograd.
        return (answer.text_embeds if self.kind == CLIP else answer.last_hidden_state[0]).clone().float()

    def described(self) -> dict[str, Any]:
        """Name, and hashes of the folder's files."""
        names = ("config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "vocab.txt", "merges.txt")
        files = {name: sha256_file(self.folder / name) for name in names if (self.folder / name).is_file()}
        return {"name": self.kind, "files": files}


def check_encoder_folder(kind: str, folder: str | Path) -> None:
    """Whether a folder can hold the text encoder that a checkpoint needs, by its config.json alone.

    Raises:
        AthenaError: none is named, it is no folder of a model, or that of another.
    """
    what = f"a folder with {_FOLDERS[kind]} (config, weights and tokenizer)"
    if not str(folder):
        raise AthenaError(f"text_encoder: names no folder; name {what}, nothing is downloaded")
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise AthenaError(f"text_encoder: {folder}: has no config.json; name {what}, nothing is downloaded")
    try:
        model_type = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except (ValueError, KeyError, TypeError, OSError):
        raise AthenaError(f"text_encoder: {path}: names no model_type; name {what}") from None
    if model_type not in _MODEL_TYPES[kind]:
        raise AthenaError(f"text_encoder: {path}: model_type is '{str(model_type)[:40]}'; the checkpoint needs {what}")


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise AthenaError(
            "text_encoder: needs the package transformers, which is not installed; pip install transformers"
        ) from None
    return transformers
