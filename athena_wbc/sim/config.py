"""Schema of the MuJoCo simulation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SimConfig:
    """Physics of the MuJoCo shell."""

    dt: float = 0.005
    """Physics step, s."""
    decimation: int = 4
    """Physics steps in a control step."""
    iterations: int = 10
    """Most iterations of the constraint solver."""
    ls_iterations: int = 20
    """Most iterations of its line search."""
    threads: int = 0
    """Physics threads; 0 for all cores. Results do not depend on it."""

    @property
    def control_dt(self) -> float:
        """Control step, s."""
        return self.dt * self.decimation
