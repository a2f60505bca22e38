"""The network of MDM: names, strict loading, and the forward pass against one written out."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from athena_wbc.synthesis.generators.mdm.network import DECODER, ENCODER, MotionDenoiser, NetworkShape, position_codes

SMALL = NetworkShape(width=32, feedforward=48, layers=2, heads=4, text_width=24)


def released_layout(architecture: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the released checkpoints: the encoder goes with CLIP, the decoder with DistilBERT."""
    layout = {
        "input_process.poseEmbedding.weight": (512, 263),
        "input_process.poseEmbedding.bias": (512,),
        "embed_timestep.time_embed.0.weight": (512, 512),
        "embed_timestep.time_embed.0.bias": (512,),
        "embed_timestep.time_embed.2.weight": (512, 512),
        "embed_timestep.time_embed.2.bias": (512,),
        "embed_text.weight": (512, 512 if architecture == ENCODER else 768),
        "embed_text.bias": (512,),
        "output_process.poseFinal.weight": (263, 512),
        "output_process.poseFinal.bias": (263,),
    }
    stack = "seqTransEncoder" if architecture == ENCODER else "seqTransDecoder"
    attentions = ("self_attn",) if architecture == ENCODER else ("self_attn", "multihead_attn")
    for layer in range(8):
        prefix = f"{stack}.layers.{layer}"
        for attention in attentions:
            layout |= {
                f"{prefix}.{attention}.in_proj_weight": (1536, 512),
                f"{prefix}.{attention}.in_proj_bias": (1536,),
                f"{prefix}.{attention}.out_proj.weight": (512, 512),
                f"{prefix}.{attention}.out_proj.bias": (512,),
            }
        layout |= {
            f"{prefix}.linear1.weight": (1024, 512),
            f"{prefix}.linear1.bias": (1024,),
            f"{prefix}.linear2.weight": (512, 1024),
            f"{prefix}.linear2.bias": (512,),
        }
        for norm in range(1, 2 + len(attentions)):
            layout |= {f"{prefix}.norm{norm}.weight": (512,), f"{prefix}.norm{norm}.bias": (512,)}
    return layout


def random_weights(layout: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights of a layout."""
    source = torch.Generator().manual_seed(0)
    return {name: 0.05 * torch.randn(shape, generator=source) for name, shape in layout.items()}


@pytest.mark.parametrize(("architecture", "text_width", "millions"), [(ENCODER, 512, 17.88), (DECODER, 768, 26.42)])
def test_the_released_layout_loads_strictly(architecture: str, text_width: int, millions: float) -> None:
    weights = random_weights(released_layout(architecture))
    network = MotionDenoiser(NetworkShape(architecture=architecture, text_width=text_width))
    network.load_state_dict(weights, strict=True)
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(millions * 1e6, abs=1e4)
    last = (
        "seqTransEncoder.layers.7.linear2.weight" if architecture == ENCODER else "seqTransDecoder.layers.7.norm3.bias"
    )
    assert torch.equal(network.state_dict()[last], weights[last])


def _linear(weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights, name: str, x: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    deviation = (centred**2).mean(dim=-1, keepdim=True) + 1e-5
    return centred / deviation.sqrt() * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _attend(weights, name: str, query: torch.Tensor, memory: torch.Tensor, absent, heads: int) -> torch.Tensor:
    """Attention of (L, D) to (M, D), head by head; `absent` (M,) tokens are left out."""
    width = query.shape[1]
    parts = weights[f"{name}.in_proj_weight"].split(width), weights[f"{name}.in_proj_bias"].split(width)
    q, k, v = (x @ w.T + b for x, w, b in zip((query, memory, memory), *parts, strict=True))
    size, mixed = width // heads, []
    for head in range(heads):
        at = slice(head * size, (head + 1) * size)
        scores = (q[:, at] @ k[:, at].T / math.sqrt(size)).masked_fill(absent[None], -math.inf)
        mixed.append(torch.softmax(scores, dim=1) @ v[:, at])
    return _linear(weights, f"{name}.out_proj", torch.cat(mixed, dim=1))


def _written_out(network: MotionDenoiser, noisy, step: int, text, text_absent, frame_absent) -> torch.Tensor:
    """The forward pass of one motion (T, 263), after the paper, with plain operations."""
    weights, shape = dict(network.state_dict()), network.shape
    codes = torch.zeros(200, shape.width)
    for position in range(200):
        for pair in range(shape.width // 2):
            angle = position / 10000 ** (2 * pair / shape.width)
            codes[position, 2 * pair], codes[position, 2 * pair + 1] = math.sin(angle), math.cos(angle)
    hidden = _linear(weights, "embed_timestep.time_embed.0", codes[step])
    time = _linear(weights, "embed_timestep.time_embed.2", hidden * torch.sigmoid(hidden))
    condition = _linear(weights, "embed_text", text) + time
    tokens = _linear(weights, "input_process.poseEmbedding", noisy)
    is_encoder = shape.architecture == ENCODER
    if is_encoder:
        tokens = torch.cat((condition, tokens))
        frame_absent = torch.cat((torch.tensor([False]), frame_absent))
    x = tokens + codes[: len(tokens)]
    for layer in range(shape.layers):
        prefix = f"{'seqTransEncoder' if is_encoder else 'seqTransDecoder'}.layers.{layer}"
        x = _norm(
            weights, f"{prefix}.norm1", x + _attend(weights, f"{prefix}.self_attn", x, x, frame_absent, shape.heads)
        )
        if not is_encoder:
            seen = _attend(weights, f"{prefix}.multihead_attn", x, condition, text_absent, shape.heads)
            x = _norm(weights, f"{prefix}.norm2", x + seen)
        inner = _linear(weights, f"{prefix}.linear1", x)
        inner = 0.5 * inner * (1.0 + torch.erf(inner / math.sqrt(2.0)))
        last = "norm2" if is_encoder else "norm3"
        x = _norm(weights, f"{prefix}.{last}", x + _linear(weights, f"{prefix}.linear2", inner))
    return _linear(weights, "output_process.poseFinal", x[1:] if is_encoder else x)


@pytest.mark.parametrize("architecture", [ENCODER, DECODER])
@pytest.mark.parametrize("conditional", [True, False])
def test_the_forward_pass_is_that_of_the_paper(architecture: str, conditional: bool) -> None:
    torch.manual_seed(1)
    network = MotionDenoiser(dataclasses.replace(SMALL, architecture=architecture)).eval()
    for weight in network.parameters():  # biases and norms start at 0 and 1, where mistakes hide
        torch.nn.init.normal_(weight, std=0.2)
    noisy, steps = torch.randn(2, 9, 263), torch.tensor([3, 41])
    tokens = 1 if architecture == ENCODER else 5
    text = torch.randn(2, tokens, 24)
    text_padding = torch.zeros(2, tokens, dtype=torch.bool)
    frame_padding = torch.zeros(2, 9, dtype=torch.bool)
    frame_padding[1, 6:] = True
    if architecture == DECODER:
        text_padding[0, 3:] = True
    heeded = torch.tensor([True, conditional])
    with torch.no_grad():
        predicted = network(noisy, steps, text, text_padding, frame_padding, heeded)
        for index in range(2):
            told = text[index] * float(heeded[index])
            wanted = _written_out(
                network, noisy[index], int(steps[index]), told, text_padding[index], frame_padding[index]
            )
            present = ~frame_padding[index]
            assert torch.allclose(predicted[index][present], wanted[present], atol=2e-5)


@pytest.mark.parametrize("architecture", [ENCODER, DECODER])
def test_without_text_the_text_does_not_matter(architecture: str) -> None:
    torch.manual_seed(2)
    network = MotionDenoiser(dataclasses.replace(SMALL, architecture=architecture)).eval()
    noisy, steps, text = torch.randn(1, 6, 263), torch.tensor([7]), torch.randn(2, 1, 24)
    off = torch.tensor([False])
    with torch.no_grad():
        ignored = [network(noisy, steps, text[i : i + 1], conditional=off) for i in range(2)]
        heeded = [network(noisy, steps, text[i : i + 1]) for i in range(2)]
        zeros = network(noisy, steps, torch.zeros(1, 1, 24))
    assert torch.equal(*ignored) and torch.equal(ignored[0], zeros)
    assert not torch.allclose(*heeded)


def test_padded_frames_change_nothing() -> None:
    torch.manual_seed(3)
    network = MotionDenoiser(SMALL).eval()
    noisy, steps, text = torch.randn(1, 8, 263), torch.tensor([7]), torch.randn(1, 1, 24)
    padding = torch.tensor([[False] * 5 + [True] * 3])
    with torch.no_grad():
        padded = network(noisy, steps, text, frame_padding=padding)[:, :5]
        short = network(noisy[:, :5], steps, text)
    assert torch.allclose(padded, short, atol=1e-6)


def test_position_codes_by_hand() -> None:
    codes = position_codes(3, 4)
    wanted = [math.sin(2.0), math.cos(2.0), math.sin(0.02), math.cos(0.02)]
    assert codes.shape == (3, 1, 4) and codes[2, 0].tolist() == pytest.approx(wanted, abs=1e-6)
