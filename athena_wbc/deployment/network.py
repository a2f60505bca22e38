"""Networks as files: written from an actor, and read back to act without it."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.files import sha256_file

if TYPE_CHECKING:
    from athena_wbc.learning.models import FlatMLP

INPUT, OUTPUT = "obs", "actions"
INSTALL = "pip install -e '.[export]' in the checkout"

Network = Callable[[np.ndarray], np.ndarray]
"""Observations (B, D) float32 -> action means (B, A) float32."""


class Deterministic(torch.nn.Module):
    """An actor as one function of the joined observation groups: normaliser, network and mean.

    rsl_rl's own modules for export hold the multi-layer perceptron alone; a network that overrides
    :meth:`FlatMLP.output` would be exported as something else.
    """

    def __init__(self, actor: FlatMLP) -> None:
        super().__init__()
        self.actor = copy.deepcopy(actor).cpu().requires_grad_(False)
        self.eval()

    def forward(self, obs: Tensor) -> Tensor:
        """Map observations (B, D) to action means (B, A)."""
        return self.actor.mean(self.actor.obs_normalizer(obs))


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    file: str
    packages: tuple[str, ...]
    """That writing and checking it take, beyond what the library needs anyway."""
    write: Callable[[Deterministic, Path, Mapping[str, Any]], None]
    read: Callable[[Path], Network]


def parse_formats(text: str) -> tuple[str, ...]:
    """Read ``onnx,torchscript`` and see that what these need is installed.

    Raises:
        AthenaError: none, an unknown one, or a missing package.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise AthenaError(f"--format: names none; choose of {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise AthenaError(f"--format: {suggest(name, FORMATS)}")
    for name in names:
        missing = _missing(name)
        if missing is not None:
            raise AthenaError(
                f"--format: {name} needs the package '{missing}': {INSTALL}, or take --format torchscript"
            )
    return names


def load_network(folder: Path, contract: Mapping[str, Any], format: str | None = None) -> Network:
    """Read the network of an export.

    Args:
        folder: of the export.
        contract: that lies in it.
        format: a key of :data:`FORMATS`; None for ONNX where the file and onnxruntime are there, else TorchScript.

    Raises:
        AthenaError: an unknown format, no such file, a missing package, or a file that is not the contract's.
    """
    files = contract["files"]
    if format is not None and format not in FORMATS:
        raise AthenaError(f"network: {suggest(format, FORMATS)}")
    there = [name for name in FORMATS if FORMATS[name].file in files and format in (None, name)]
    if not there:
        raise AthenaError(f"{folder}: holds no network{f' as {format}' if format else ''}; export the policy again")
    usable = [name for name in there if _missing(name) is None]
    if not usable:
        raise AthenaError(f"{folder}: {there[0]} needs the package '{_missing(there[0])}': {INSTALL}")
    path = folder / FORMATS[usable[0]].file
    if not path.is_file():
        raise AthenaError(f"{path}: is missing; export the policy again")
    if sha256_file(path) != files[path.name]:
        raise AthenaError(f"{path}: is not the file that the contract beside it describes; export the policy again")
    return FORMATS[usable[0]].read(path)


def _missing(name: str) -> str | None:
    found = (package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None)
    return next(found, None)


# --- ONNX


def _write_onnx(network: Deterministic, path: Path, properties: Mapping[str, Any]) -> None:
    batch = torch.export.Dim("batch")
    example = torch.zeros(2, network.actor.obs_dim)
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"obs": {0: batch}},
            verbose=False,
        )
    model = program.model_proto
    for key, value in properties.items():
        model.metadata_props.add(key=key, value=_text(value))
    path.write_bytes(model.SerializeToString())


def _read_onnx(path: Path) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One robot at a time: more threads only cost latency.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def act(observations: np.ndarray) -> np.ndarray:
        return session.run([OUTPUT], {INPUT: observations})[0]

    return act


# --- TorchScript


def _write_torchscript(network: Deterministic, path: Path, properties: Mapping[str, Any]) -> None:
    with _quiet():
        traced = torch.jit.freeze(torch.jit.trace(network, (torch.zeros(2, network.actor.obs_dim),)))
        # Not by its path: a full disk would then be a RuntimeError like any other.
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer, _extra_files={key: _text(value) for key, value in properties.items()})
    path.write_bytes(buffer.getvalue())


def _read_torchscript(path: Path) -> Network:
    with _quiet():
        loaded = torch.jit.load(path, map_location="cpu")

    @torch.inference_mode()
    def act(observations: np.ndarray) -> np.ndarray:
        return loaded(torch.from_numpy(observations)).numpy()

    return act


FORMATS = {
    "onnx": Format("policy.onnx", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _read_onnx),
    "torchscript": Format("policy.pt", (), _write_torchscript, _read_torchscript),
}
"""Name -> how it is written and read."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks about torchvision, and about TorchScript's age, from the user."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
