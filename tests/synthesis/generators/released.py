"""A checkpoint in the layout of MDM's release, with small random weights, and what belongs to it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from athena_wbc.synthesis.generators.mdm.network import DECODER, ENCODER, MotionDenoiser, NetworkShape

WIDTHS = {ENCODER: 512, DECODER: 768}


def arguments(architecture: str, **changes) -> dict:
    """An args.json as the releases have it, with keys that do not matter too."""
    return {
        "dataset": "humanml",
        "arch": architecture,
        "text_encoder_type": "clip" if architecture == ENCODER else "bert",
        "latent_dim": 16,
        "layers": 2,
        "diffusion_steps": 5,
        "noise_schedule": "cosine",
        "sigma_small": True,
        "cond_mask_prob": 0.1,
        "mask_frames": True,
        "use_ema": True,
        "emb_trans_dec": False,
        "pos_embed_max_len": 5000,
        "unconstrained": False,
        "lambda_vel": 0.0,
        "context_len": 0,
        "pred_len": 0,
    } | changes


def random_network(architecture: str, seed: int) -> MotionDenoiser:
    """The network of :func:`arguments`."""
    torch.manual_seed(seed)
    return MotionDenoiser(NetworkShape(architecture=architecture, text_width=WIDTHS[architecture], width=16, layers=2))


def write_release(folder: Path, architecture: str, seed: int = 0, **changes) -> Path:
    """Write args.json, the checkpoint with two sets of weights, and statistics; returns the checkpoint."""
    (folder / "args.json").write_text(json.dumps(arguments(architecture, **changes)))
    extras = {
        "sequence_pos_encoder.pe": torch.zeros(5000, 1, 16),
        "embed_timestep.sequence_pos_encoder.pe": torch.zeros(5000, 1, 16),
        "clip_model.ln_final.weight": torch.ones(4),
    }
    sets = {
        "model": random_network(architecture, seed + 100).state_dict() | extras,
        "model_avg": random_network(architecture, seed).state_dict() | extras,
    }
    torch.save(sets, folder / "model000600000.pt")
    mean = np.zeros(263, dtype=np.float32)
    mean[3] = 0.9
    np.save(folder / "Mean.npy", mean)
    np.save(folder / "Std.npy", np.full(263, 0.1, dtype=np.float32))
    encoder = folder / "text"
    encoder.mkdir(exist_ok=True)
    kind = "clip_text_model" if architecture == ENCODER else "distilbert"
    (encoder / "config.json").write_text(json.dumps({"model_type": kind}))
    return folder / "model000600000.pt"


class _Batch(dict):
    def to(self, device):
        return self


class StubModel:
    """Features that depend on the tokens."""

    def __init__(self, width: int) -> None:
        self.config = SimpleNamespace(projection_dim=width, dim=width)

    @classmethod
    def clip(cls, folder, local_files_only):
        """As the text half of CLIP."""
        assert local_files_only
        return cls(512)

    @classmethod
    def bert(cls, folder, local_files_only):
        """As DistilBERT."""
        assert local_files_only
        return cls(768)

    def to(self, device):
        """Itself."""
        return self

    def eval(self):
        """Itself."""
        return self

    def __call__(self, input_ids):
        features = torch.sin(input_ids[..., None] * torch.arange(1, self.config.dim + 1))
        return SimpleNamespace(last_hidden_state=features, text_embeds=features.mean(dim=1))


def tokens(text, return_tensors, truncation, max_length):
    """As a tokenizer: a number for each word's first letter, between two marks."""
    assert truncation and return_tensors == "pt"
    return _Batch(input_ids=torch.tensor([[1.0, *(float(ord(word[0])) for word in text.split()), 2.0][:max_length]]))
