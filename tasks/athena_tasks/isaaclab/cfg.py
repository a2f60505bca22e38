"""Isaac Lab's configurations of the tracking task: environment, scene, physics, and rsl_rl's runner.

What decides the task is our own configuration, composed from `recipe`, `task` and `overrides`; from it follow time
steps and spaces. On Isaac Lab's command line: `env.recipe=dynamic env.task.reset.scale=0`.
"""

from __future__ import annotations

from typing import Any

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg, AssetBaseCfg
from isaaclab.envs import DirectRLEnvCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sensors import ContactSensorCfg
from isaaclab.sim import SimulationCfg
from isaaclab.sim.spawners.materials import RigidBodyMaterialBaseCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg
from isaaclab_physx.physics import PhysxCfg
from isaaclab_tasks.utils import PresetCfg

from athena_tasks.isaaclab.asset import ground_usd, robot_usd
from athena_wbc.config import Config, load_config
from athena_wbc.embodiment import Embodiment, get_embodiment

PLAY_ENVS = 16
GROUND = "/World/ground"
_CONTACTS = 100
_CONSTRAINTS = 400
_DT, _DECIMATION, _EPISODE_LENGTH_S = 0.005, 4, 10.0


@configclass
class PhysicsCfg(PresetCfg):
    """Engines, by the names of Isaac Lab's `physics=` selector; solver settings are those of the MuJoCo shell."""

    newton_mjwarp: NewtonCfg = NewtonCfg(
        solver_cfg=MJWarpSolverCfg(
            njmax=_CONSTRAINTS,
            nconmax=_CONTACTS,
            iterations=10,
            # Single precision sometimes needs more than the 20 of the MuJoCo shell, and says so every time.
            ls_iterations=50,
            cone="pyramidal",
            integrator="implicitfast",
        )
    )
    isaacsim_physx: PhysxCfg = PhysxCfg()
    default: NewtonCfg = newton_mjwarp


class Changes(dict):
    """Takes assignments at any depth, and holds them by whole key, the last one last.

    Isaac Lab sets `env.task.reset.scale=0` part by part on whatever the configuration has there. Which keys there are,
    and what they become where a preset is named first, our own configuration knows; so it is asked, not copied here.
    """

    def __init__(self, root: Changes | None = None, prefix: str = "task.") -> None:
        super().__init__()
        self._root, self._prefix = root, prefix

    def __getitem__(self, key: str) -> Any:
        root = self if self._root is None else self._root
        return super().__getitem__(key) if key in self else Changes(root, f"{self._prefix}{key}.")

    def __setitem__(self, key: str, value: Any) -> None:
        root = self if self._root is None else self._root
        # A part of a key has no dot: with one it is a whole key, as a copy sets it.
        whole = key if "." in key else f"{self._prefix}{key}"
        root.pop(whole, None)
        # Isaac Lab has already read `none` as nothing. No value of the task is nothing; presets and modes are `none`.
        dict.__setitem__(root, whole, "none" if value is None else value)


@configclass
class SceneCfg(InteractiveSceneCfg):
    """One robot on flat ground, with a contact sensor on all its bodies."""

    ground: AssetBaseCfg = None
    robot: ArticulationCfg = None
    contacts: ContactSensorCfg = ContactSensorCfg(
        prim_path="{ENV_REGEX_NS}/Robot/.*",
        # Newton tells contacts with the ground apart; PhysX does so only for sensors of one body, and passes it over.
        filter_shape_prim_expr=[f"{GROUND}/.*"],
    )


@configclass
class TrackingEnvCfg(DirectRLEnvCfg):
    """The tracking task of one robot."""

    robot: str = "g1"
    """Name of a registered robot; the task id decides it."""
    recipe: str = "general"
    """Recipe that the task's configuration is composed from."""
    motions: list[str] = ["builtin"]
    """Motions, as `--motions` takes them."""
    task: Changes = Changes()
    """Changes to the recipe's task: `env.task.<key>=value`."""
    overrides: list[str] = []
    """`key=value` changes to the recipe, of any part of it; they come last."""
    play: bool = False
    """For looking at: no randomisation, no noise, no curriculum."""

    # Where these are changed, the composed configuration follows; else they follow it.
    decimation: int = _DECIMATION
    episode_length_s: float = _EPISODE_LENGTH_S
    sim: SimulationCfg = SimulationCfg(dt=_DT, render_interval=_DECIMATION, physics=PhysicsCfg())

    # Isaac Lab wants values here; those of the composed configuration replace them before anything is built.
    observation_space: int = 1
    state_space: int = 1
    action_space: int = 1

    scene: SceneCfg = SceneCfg(num_envs=4096, env_spacing=2.5, replicate_physics=True)


def make_env_cfg(robot: str, play: bool = False) -> TrackingEnvCfg:
    """The configuration behind the task ids of a robot."""
    embodiment = get_embodiment(robot)
    cfg = TrackingEnvCfg(robot=robot, play=play)
    if play:
        cfg.scene.num_envs = PLAY_ENVS
    set_scene(cfg.scene, embodiment)
    return cfg


def task_config(cfg: TrackingEnvCfg) -> Config:
    """Compose our own configuration from what an environment's says."""
    given: dict = {"robot": cfg.robot}
    if cfg.play:
        given |= {"task.randomisation": "none", "task.reset.scale": 0.0}
        given |= {f"task.observations.{group}.noise": False for group in ("teacher", "student", "critic")}
    if cfg.seed is not None:
        given["seed"] = cfg.seed
    for key, value, usual in (
        ("sim.dt", cfg.sim.dt, _DT),
        ("sim.decimation", cfg.decimation, _DECIMATION),
        ("task.termination.episode_length_s", cfg.episode_length_s, _EPISODE_LENGTH_S),
    ):
        if value != usual:
            given[key] = value
    for key in cfg.task:
        given.pop(key, None)
    return load_config(cfg.recipe, cfg.overrides, given | cfg.task)


def set_scene(scene: SceneCfg, embodiment: Embodiment) -> None:
    """Put a robot and the ground into a scene; their USD files are made where they are missing."""
    friction = RigidBodyMaterialBaseCfg(static_friction=1.0, dynamic_friction=1.0, restitution=0.0)
    scene.ground = AssetBaseCfg(
        prim_path=GROUND,
        spawn=sim_utils.GroundPlaneCfg(usd_path=str(ground_usd()), physics_material=friction),
    )
    scene.robot = articulation_cfg(embodiment)


def articulation_cfg(embodiment: Embodiment) -> ArticulationCfg:
    """The robot as an articulation; gains, limits and armature are the robot file's."""
    e = embodiment

    def by_joint(values) -> dict[str, float]:
        return dict(zip(e.joint_names, map(float, values), strict=True))

    return ArticulationCfg(
        prim_path="{ENV_REGEX_NS}/Robot",
        spawn=sim_utils.UsdFileCfg(usd_path=str(robot_usd(e)), activate_contact_sensors=True),
        init_state=ArticulationCfg.InitialStateCfg(
            pos=(0.0, 0.0, e.default_root_height), joint_pos=by_joint(e.default_joint_pos)
        ),
        actuators={
            "joints": ImplicitActuatorCfg(
                joint_names_expr=list(e.joint_names),
                stiffness=by_joint(e.stiffness),
                damping=by_joint(e.damping),
                armature=by_joint(e.armature),
                joint_effort_limit=by_joint(e.effort_limit),
                actuator_effort_limit=by_joint(e.effort_limit),
                actuator_velocity_limit=by_joint(e.velocity_limit),
            )
        },
    )
