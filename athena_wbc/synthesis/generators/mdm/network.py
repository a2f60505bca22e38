"""The network of MDM: from a noisy motion, a step and a text to the motion without noise.

Two architectures, whose parameters have the names and shapes of the released checkpoints: ``trans_enc`` prepends one
token of text and step to the frames and runs an encoder over all, ``trans_dec`` lets the frames attend to the tokens of
the text, the step added to each. Tevet et al. 2023, "Human Motion Diffusion Model".
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn

from athena_wbc.motion.formats.human.humanml3d import FEATURES

ENCODER, DECODER = "trans_enc", "trans_dec"
ARCHITECTURES = (ENCODER, DECODER)


@dataclasses.dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network. The defaults are those of the released checkpoints."""

    architecture: str = ENCODER
    text_width: int = 512
    """Numbers of a text feature: 512 of CLIP, 768 of DistilBERT."""
    width: int = 512
    feedforward: int = 1024
    layers: int = 8
    heads: int = 4
    dropout: float = 0.1
    longest: int = 5000
    """Positions that have a code: frames of a motion and steps of the diffusion."""


def position_codes(longest: int, width: int) -> Tensor:
    """Sines and cosines (longest, 1, width): angle t / 10000^(2i / width) at 2i and 2i + 1."""
    angles = torch.arange(longest)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=2).reshape(longest, 1, width)


class PositionCodes(nn.Module):
    """Adds the code of its place to each of a sequence's tokens."""

    pe: Tensor

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        # Checkpoints differ in how many codes they hold; they are the same numbers, so none is kept with the weights.
        self.register_buffer("pe", position_codes(shape.longest, shape.width), persistent=False)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (L, B, D) with their codes."""
        return self.dropout(tokens + self.pe[: len(tokens)])


class _Input(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.poseEmbedding = nn.Linear(FEATURES, shape.width)


class _Output(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.poseFinal = nn.Linear(shape.width, FEATURES)


class _StepEmbedding(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.time_embed = nn.Sequential(
            nn.Linear(shape.width, shape.width), nn.SiLU(), nn.Linear(shape.width, shape.width)
        )


class MotionDenoiser(nn.Module):
    """MDM. Attributes have the names of the released checkpoints, so that these load strictly."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        layer = {
            "d_model": shape.width,
            "nhead": shape.heads,
            "dim_feedforward": shape.feedforward,
            "dropout": shape.dropout,
            "activation": "gelu",
        }
        self.input_process = _Input(shape)
        self.sequence_pos_encoder = PositionCodes(shape)
        if shape.architecture == ENCODER:
            self.seqTransEncoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(**layer), shape.layers, enable_nested_tensor=False
            )
        else:
            self.seqTransDecoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), shape.layers)
        self.embed_timestep = _StepEmbedding(shape)
        self.embed_text = nn.Linear(shape.text_width, shape.width)
        self.output_process = _Output(shape)

    def forward(
        self,
        noisy: Tensor,
        steps: Tensor,
        text: Tensor,
        text_padding: Tensor | None = None,
        frame_padding: Tensor | None = None,
        conditional: Tensor | None = None,
    ) -> Tensor:
        """Predict the motions without noise.

        Args:
            noisy: (B, T, 263) normalised features with noise.
            steps: (B,) integer step of the diffusion.
            text: (B, L, text_width) features of the text's tokens; the encoder takes one token, L = 1.
            text_padding: (B, L) true where a token is none.
            frame_padding: (B, T) true where a frame is none.
            conditional: (B,) false where the text is to be ignored: its features become zero, and what `embed_text`
                makes of zeros stays. None: all are heeded.

        Returns:
            (B, T, 263).
        """
        if conditional is not None:
            text = text * conditional[:, None, None].to(text.dtype)
        step = self.embed_timestep.time_embed(self.sequence_pos_encoder.pe[steps, 0])
        condition = (self.embed_text(text) + step[:, None]).transpose(0, 1)
        frames = self.input_process.poseEmbedding(noisy.transpose(0, 1))
        if self.shape.architecture == ENCODER:
            if frame_padding is not None:
                frame_padding = nn.functional.pad(frame_padding, (1, 0))
            tokens = self.sequence_pos_encoder(torch.cat((condition, frames)))
            hidden = self.seqTransEncoder(tokens, src_key_padding_mask=frame_padding)[1:]
        else:
            hidden = self.seqTransDecoder(
                self.sequence_pos_encoder(frames),
                condition,
                tgt_key_padding_mask=frame_padding,
                memory_key_padding_mask=text_padding,
            )
        return self.output_process.poseFinal(hidden).transpose(0, 1)
