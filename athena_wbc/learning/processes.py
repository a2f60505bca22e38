"""Several training processes, as ``torchrun`` starts them: each with environments of its own, one policy.

Gradients, KL divergence and normaliser statistics are averaged over all processes; so are changes of the sampler's
difficulties, over those that have visited a bin.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from athena_wbc.errors import AthenaError


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    @property
    def is_many(self) -> bool:
        return self.world_size > 1

    def rsl_rl(self) -> dict[str, int] | None:
        """Return what rsl_rl's algorithms take as ``multi_gpu_cfg``."""
        if not self.is_many:
            return None
        return {"global_rank": self.rank, "local_rank": self.local_rank, "world_size": self.world_size}

    def any(self, flag: bool) -> bool:
        """Return whether ``flag`` is true in any process; all must call it."""
        if not self.is_many:
            return flag
        flags: list[bool] = [False] * self.world_size
        torch.distributed.all_gather_object(flags, flag)
        return any(flags)

    def gather(self, value: object) -> list:
        """Return the values of all processes, in the order of their ranks; all must call it."""
        if not self.is_many:
            return [value]
        values: list = [None] * self.world_size
        torch.distributed.all_gather_object(values, value)
        return values


def local_device(device: str) -> str:
    """The device of this process out of the one that was asked for: with `cuda`, the GPU of its local rank."""
    many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if many and device.partition(":")[0] == "cuda" else device


def join_processes(device: str) -> tuple[Processes, str]:
    """Join the group that ``torchrun`` describes in the environment; alone where it describes none.

    Returns:
        the process's place, and its device: with ``cuda``, the GPU of its local rank.

    Raises:
        AthenaError: ``device`` does not exist on this machine.
    """
    try:
        kind = torch.device(device)
    except RuntimeError as error:
        raise AthenaError(f"--device: '{device}' is no torch device; write cpu, cuda or cuda:0") from error
    if kind.type == "cuda" and not torch.cuda.is_available():
        raise AthenaError(f"--device: '{device}': torch sees no GPU here; take cpu")
    processes = Processes(
        int(os.environ.get("RANK", "0")),
        int(os.environ.get("WORLD_SIZE", "1")),
        int(os.environ.get("LOCAL_RANK", "0")),
    )
    if not processes.is_many:
        return processes, device
    device = local_device(device)
    if kind.type == "cuda":
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if kind.type == "cuda" else "gloo")
    return processes, device
