"""Schema of the tracking task. Values are in configs/task, configs/observations, configs/randomisation."""

from __future__ import annotations

from dataclasses import dataclass, field

COMMAND_BASE = "command_base"
"""Observation group (N, J): the joint target, in action units, that an action of zero would command now.

Zero for absolute actions; (reference pose - default) / scale for residual ones. It is no input of a network: a
regulariser that acts on the joint target adds it to the action mean."""

CRITIC_ONLY = ("gravity_scale",)
"""Observation terms that no actor may read: what they tell is nominal wherever a policy is deployed or evaluated."""


@dataclass
class ActionConfig:
    """How a policy's output becomes joint targets: base + scale * effort / stiffness * action."""

    mode: str = "residual"
    """`residual`: the base is the reference pose; `absolute`: the base is the default pose."""
    lead_steps: int = 3
    """Residual only: how many control steps ahead of the state the base is taken."""
    scale: float = 0.25
    """Share of effort limit / stiffness that one unit of action asks for."""
    clip: float = 20.0
    """Largest absolute action; what a policy asks beyond it is cut."""


@dataclass
class ObservationTerm:
    """One term of an observation group."""

    term: str = ""
    """Name of the term (athena_wbc/task/observations.py)."""
    steps: list[int] = field(default_factory=list)
    """Reference terms only: control steps ahead of the state, 0 for the reference of now."""
    history: int = 1
    """Number of control steps that are kept, the oldest first; 1 for the present alone."""
    noise: float = 0.0
    """Half-width of the uniform noise, in the unit of the term; applied where the group has noise on."""


@dataclass
class ObservationGroup:
    """Terms that are concatenated into one vector, in this order."""

    terms: list[ObservationTerm] = field(default_factory=list)
    noise: bool = False
    """Whether the terms' noise and the encoder bias apply: on for what a deployed policy measures."""


@dataclass
class ObservationsConfig:
    """Groups by the names that `ppo.obs_groups` refers to."""

    teacher: ObservationGroup = field(default_factory=ObservationGroup)
    student: ObservationGroup = field(default_factory=ObservationGroup)
    critic: ObservationGroup = field(default_factory=ObservationGroup)


@dataclass
class RewardTerm:
    """One reward term: weight * value * control step."""

    weight: float = 0.0
    """Per second; negative for penalties, zero leaves the term uncomputed."""
    std: float = 1.0
    """Tracking terms: width of exp(-error^2 / std^2)."""
    threshold: float = 0.0
    """Where the term begins, for those that have one: share of a limit, force in N."""


@dataclass
class RewardConfig:
    """Reward terms by name, and a factor for each family of eq. 3."""

    terms: dict[str, RewardTerm] = field(default_factory=dict)
    track: float = 1.0
    """Factor of all imitation terms."""
    phys: float = 1.0
    """Factor of all feasibility penalties: limits, slip, undesired contact."""
    effort: float = 1.0
    """Factor of all actuation penalties: torque, energy, joint velocity and acceleration. 0 switches them off."""
    temp: float = 1.0
    """Factor of all temporal penalties: action rate, torque rate, action smoothness. 0 switches them off."""


@dataclass
class TerminationConfig:
    """An episode ends early where an error reaches its limit times the curriculum's scale. 0 disables a limit."""

    root_height: float = 0.25
    """|root height - reference|, m."""
    root_yaw: float = 0.0
    """Heading error of the root, rad."""
    root_tilt: float = 0.8
    """Angle between the robot's and the reference's vertical axes of the root, rad."""
    key_body: float = 0.5
    """Largest anchored key body distance, m."""
    end_effector_height: float = 0.25
    """Largest height error of an end effector, m."""
    scale: float = 1.0
    """Initial curriculum scale of all limits."""
    episode_length_s: float = 10.0
    """An episode ends (as a time-out) after this time, or at the clip's end if that is sooner."""


@dataclass
class ResetConfig:
    """Reference-state initialisation: uniform noise of these half-widths on the reference at a random step."""

    position: list[float] = field(default_factory=lambda: [0.05, 0.05, 0.01])
    """Root position x, y, z, m."""
    rotation: list[float] = field(default_factory=lambda: [0.1, 0.1, 0.2])
    """Root roll, pitch, yaw, rad."""
    lin_vel: list[float] = field(default_factory=lambda: [0.5, 0.5, 0.2])
    """Root linear velocity, m/s."""
    ang_vel: list[float] = field(default_factory=lambda: [0.52, 0.52, 0.78])
    """Root angular velocity, rad/s."""
    joint_pos: float = 0.1
    """Joint positions, rad; the result stays within the limits."""
    scale: float = 1.0
    """Factor of all the above; 0 starts exactly on the reference."""


@dataclass
class SamplerConfig:
    """Adaptive motion sampling, App. A.2. Constants that the paper leaves open are chosen here."""

    adaptive: bool = True
    """False samples clips uniformly; difficulties are still tracked and logged."""
    bin_s: float = 1.0
    """Length of a temporal bin, s; SONIC's value."""
    violation_bonus: float = 0.25
    """c_viol of eq. A.1, the paper's value."""
    ema: float = 0.02
    """beta_ema of eq. A.2: a bin's memory is about 50 visits. Free in the paper."""
    max_difficulty: float = 2.0
    """D_max of eq. A.4: twice the success threshold. Free in the paper."""
    epsilon: float = 0.05
    """epsilon of eq. A.4. Free in the paper."""
    uniform: float = 0.2
    """rho of eq. A.4, the share of uniform sampling. Free in the paper; SONIC mixes 0.1."""
    height: float = 0.20
    """Root height error that counts as 1, m."""
    yaw: float = 0.50
    """Root yaw error that counts as 1, rad."""
    key_body: float = 0.50
    """Anchored key body error that counts as 1, m."""


@dataclass
class StreamingConfig:
    """How the resident part of a corpus that is larger than `task.corpus_budget_gb` changes during training.

    Episodes that are under way on a clip that leaves end as time-outs in that control step.
    """

    interval_s: float = 30.0
    """Simulated time of one environment between two rotations, s."""
    exchange: float = 0.25
    """Share of the window that a rotation takes anew from a ring of all clips."""
    drawn: float = 0.25
    """Share of the window that every rotation fills with clips drawn by the sampler's probabilities; the ring has
    the rest."""


@dataclass
class RandomisationConfig:
    """Domain randomisation. Ranges are [low, high], uniform; an empty list leaves the quantity alone."""

    friction: list[float] = field(default_factory=list)
    """Sliding friction of the soles, drawn at every reset."""
    mass: list[float] = field(default_factory=list)
    """Factor of every body's mass and inertia, drawn once for each environment."""
    com: list[float] = field(default_factory=list)
    """Offset of the heaviest body's centre of mass along each axis, m, drawn once for each environment."""
    stiffness: list[float] = field(default_factory=list)
    """Factor of each joint's stiffness, drawn at every reset."""
    damping: list[float] = field(default_factory=list)
    """Factor of each joint's damping, drawn at every reset."""
    joint_default: list[float] = field(default_factory=list)
    """Offset between a commanded and an executed joint target (calibration), rad, drawn at every reset."""
    encoder_bias: list[float] = field(default_factory=list)
    """Offset of measured joint positions in observation groups with noise, rad, drawn at every reset."""
    delay_steps: list[int] = field(default_factory=list)
    """Delay of the joint targets in whole control steps, both ends included, drawn at every reset."""
    gravity: list[float] = field(default_factory=list)
    """Factor of gravity, drawn at every reset."""
    push_interval_s: list[float] = field(default_factory=list)
    """Time between pushes, s."""
    push_lin_vel: list[float] = field(default_factory=lambda: [0.5, 0.5, 0.2])
    """Half-widths of the root velocity that a push adds along x, y, z, m/s."""
    push_ang_vel: list[float] = field(default_factory=lambda: [0.52, 0.52, 0.78])
    """Half-widths of the angular velocity that a push adds, rad/s."""


@dataclass
class GravityCurriculumConfig:
    """Gravity curriculum, eq. 13: g_e = alpha_e g_0 in environment e, in training alone.

    The schedule, with p the share of training that will be done when the present iteration ends (p of a training
    that is limited by time is the share of the time that has passed, where that is more)::

        alpha(p) = alpha_min                                                          p <= ramp_start
        alpha(p) = alpha_min + (1 - alpha_min) (p - ramp_start) / (full_at - ramp_start)   between
        alpha(p) = 1                                                                  p >= full_at

    An environment takes alpha over when an episode begins and keeps it until its end. alpha never falls, not even
    where a resumed run is given more iterations. At `full_at` episodes that began at less than 1 g end as time-outs.
    The factor multiplies randomised gravity; the critic sees the product as `gravity_scale`. Evaluation, playback and
    benchmarks run at 1 g; a distillation and a fine-tuning (`ppo.init.required`) refuse a curriculum.
    """

    mode: str = "none"
    """`none`; `progress`: alpha_e = alpha(p); `survival`: alpha_e also rises by `survival_step` whenever
    `survival_episodes` episodes for each environment have lived for `survival_share` of the control steps that they
    could have lasted (to the clip's end or the episode's longest time); alpha(p) stays its lower bound, so a later
    `ramp_start` gives survival more say."""
    alpha_min: float = 0.5
    """Factor of gravity at the start, above 0. Free in the paper."""
    ramp_start: float = 0.1
    """Share of training after which alpha(p) begins to rise. Free in the paper."""
    full_at: float = 0.6
    """Share of training from which on gravity is nominal; at most 0.7, so that the last 30 % are at 1 g."""
    survival_share: float = 0.6
    """`survival` only: share of the possible control steps of all counted episodes together."""
    survival_step: float = 0.05
    """`survival` only: how much alpha rises at a time, at most once an iteration."""
    survival_episodes: float = 2.0
    """`survival` only: episodes that are judged together, as a multiple of the number of environments."""


@dataclass
class TaskConfig:
    """The tracking task."""

    action: ActionConfig = field(default_factory=ActionConfig)
    observations: ObservationsConfig = field(default_factory=ObservationsConfig)
    rewards: RewardConfig = field(default_factory=RewardConfig)
    termination: TerminationConfig = field(default_factory=TerminationConfig)
    reset: ResetConfig = field(default_factory=ResetConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    randomisation: RandomisationConfig = field(default_factory=RandomisationConfig)
    gravity_curriculum: GravityCurriculumConfig = field(default_factory=GravityCurriculumConfig)
    streaming: StreamingConfig = field(default_factory=StreamingConfig)
    memory_budget_gb: float = 1.0
    """Most memory for the motion library's cache at control rate."""
    corpus_budget_gb: float = 16.0
    """Most memory for the clips themselves. Of a larger corpus a window of this size is resident, see `streaming`."""
