"""Adaptive motion sampling, App. A.2 of the paper: clips with larger current errors are rolled out more often.

Every clip's timeline is cut into bins. Each visit of a bin gives a raw score (A.1) from the threshold-normalised
errors; a bin's difficulty is its moving average (A.2), a clip's difficulty the maximum over its bins (A.3), and clips
are drawn by the capped difficulty mixed with the uniform distribution (A.4).

What the paper leaves open: every control step is a visit of its bin, so that a fall is one frame among many and a
termination by tilt or by an end effector does not show; environments that visit a bin in the same step are averaged
before one update, so that the memory of a bin does not depend on the number of environments; difficulties start at 1,
as if every bin sat on the success threshold; the start within a clip is uniform.
"""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.task.checks import check_not_negative, check_positive, check_share
from athena_wbc.task.config import SamplerConfig
from athena_wbc.task.tracking import TrackingErrors


def raw_score(body: Tensor, height: Tensor, yaw: Tensor, violation_bonus: float) -> Tensor:
    """Eq. A.1: the largest normalised error, plus the bonus for every error at or above its threshold. (N,) each."""
    errors = torch.stack((body, height, yaw), dim=-1)
    return errors.amax(dim=-1) + violation_bonus * (errors >= 1.0).sum(dim=-1)


def clip_probabilities(difficulty: Tensor, config: SamplerConfig) -> Tensor:
    """Eq. A.4 for clip difficulties (M,)."""
    uniform = torch.full_like(difficulty, 1.0 / len(difficulty))
    if not config.adaptive:
        return uniform
    weight = difficulty.clamp(max=config.max_difficulty) + config.epsilon
    return (1.0 - config.uniform) * weight / weight.sum() + config.uniform * uniform


class AdaptiveSampler:
    """Difficulty of every bin of a corpus, and the draw of clips and start steps.

    Args:
        num_steps: (M,) control steps of each clip.
        control_dt: s.
    """

    def __init__(self, config: SamplerConfig, num_steps: Tensor, control_dt: float) -> None:
        _check(config)
        self.config = config
        self.num_steps = num_steps
        self.bin_steps = max(1, round(config.bin_s / control_dt))
        # Scored are the states after a control step, 1 to num_steps - 1, so the first bin starts at 1: else a clip of
        # whole seconds would have a bin of one step, which is hardly ever visited and stays at its first difficulty.
        bins = torch.div(num_steps - 2, self.bin_steps, rounding_mode="floor") + 1
        self.first_bin = torch.cumsum(bins, 0) - bins
        self.clip_of_bin = torch.repeat_interleave(torch.arange(len(bins), device=bins.device), bins)
        self.bin_difficulty = torch.ones(int(bins.sum()), device=bins.device)
        """(total bins,) d of eq. A.2."""
        self._shared = self.bin_difficulty.clone()
        """(total bins,) difficulties when the processes of a distributed run last shared them."""
        self._visited = torch.zeros_like(self.bin_difficulty)
        """(total bins,) 1 where a visit was scored since then."""
        self._resident: Tensor | None = None

    def restrict(self, clips: Tensor | None) -> None:
        """Draw from these clips (R,) alone, all different, by eq. A.4 among them; from all where None."""
        self._resident = clips

    def update(self, clip: Tensor, step: Tensor, errors: TrackingErrors, broken: Tensor | None = None) -> None:
        """Score the bins that N environments visit.

        Args:
            clip, step: (N,) clip and control step, from 1 on.
            broken: (N,) simulations that failed; they score `max_difficulty`, as errors that are not finite do.
        """
        c = self.config
        score = raw_score(errors.key_body / c.key_body, errors.height / c.height, errors.yaw / c.yaw, c.violation_bonus)
        # Such an environment has no error to speak of, and must not poison the averages.
        if broken is not None:
            score = score.masked_fill(broken, c.max_difficulty)
        score = torch.nan_to_num(score, nan=c.max_difficulty, posinf=c.max_difficulty)
        bins = self.first_bin[clip] + torch.div(step - 1, self.bin_steps, rounding_mode="floor")
        visited, slot = torch.unique(bins, return_inverse=True)
        total = torch.zeros(len(visited), device=score.device).index_add_(0, slot, score)
        count = torch.zeros(len(visited), device=score.device).index_add_(0, slot, torch.ones_like(score))
        self.bin_difficulty[visited] = torch.lerp(self.bin_difficulty[visited], total / count, c.ema)
        self._visited[visited] = 1.0

    def clip_difficulty(self) -> Tensor:
        """(M,) D of eq. A.3: the maximum over each clip's bins."""
        result = torch.zeros(len(self.num_steps), device=self.bin_difficulty.device)
        return result.scatter_reduce_(0, self.clip_of_bin, self.bin_difficulty, "amax", include_self=False)

    def probabilities(self) -> Tensor:
        """(M,) probability of each clip."""
        probabilities = self._drawn_probabilities()
        if self._resident is None:
            return probabilities
        return torch.zeros(len(self.num_steps), device=probabilities.device).index_copy_(
            0, self._resident, probabilities
        )

    def _drawn_probabilities(self) -> Tensor:
        """(R,) probability of each clip that may be drawn."""
        difficulty = self.clip_difficulty()
        if self._resident is not None:
            difficulty = difficulty[self._resident]
        return clip_probabilities(difficulty, self.config)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw clips (count,) and start steps (count,), uniform over the clip without its last step."""
        clip = torch.multinomial(self._drawn_probabilities(), count, replacement=True, generator=generator)
        if self._resident is not None:
            clip = self._resident[clip]
        place = torch.rand(count, device=clip.device, generator=generator)
        step = torch.floor(place * (self.num_steps[clip] - 1)).long()
        return clip, torch.minimum(step, self.num_steps[clip] - 2)

    def entropy(self) -> float:
        """Entropy of the clip distribution as a share of the uniform distribution's, in [0, 1]."""
        p = self._drawn_probabilities().clamp(min=1e-12)
        if len(p) == 1:
            return 1.0
        return float(-(p * p.log()).sum() / torch.log(torch.tensor(float(len(p)))))

    def synchronise(self) -> None:
        """Share the difficulties with all processes of a distributed run; all must call it.

        Every bin moves by the mean change of the processes that have visited it: one that has not been there has
        nothing to say.
        """
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            change = torch.stack((self.bin_difficulty - self._shared, self._visited))
            torch.distributed.all_reduce(change)
            self.bin_difficulty.copy_(self._shared + change[0] / change[1].clamp(min=1.0))
            self._remember()

    def _remember(self) -> None:
        self._shared.copy_(self.bin_difficulty)
        self._visited.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        return {"bin_difficulty": self.bin_difficulty.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.bin_difficulty.copy_(state["bin_difficulty"])
        self._remember()


def _check(config: SamplerConfig) -> None:
    for key in ("bin_s", "ema", "epsilon", "max_difficulty", "height", "yaw", "key_body"):
        check_positive(f"task.sampler.{key}", getattr(config, key))
    for key in ("ema", "uniform"):
        check_share(f"task.sampler.{key}", getattr(config, key))
    check_not_negative("task.sampler.violation_bonus", config.violation_bonus)
