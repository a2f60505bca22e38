"""Isaac Lab's configurations of the tracking task: environment, scene, physics, and rsl_rl's runner.

What decides the task is our own configuration, composed from `recipe` and `overrides`; from it follow time steps and
spaces. On Isaac Lab's command line: `env.recipe=dynamic 'env.overrides=["task.reset.scale=0"]'`.
"""

from __future__ import annotations

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
_CONTACTS = 100
_CONSTRAINTS = 400


@configclass
class PhysicsCfg(PresetCfg):
    """Engines, by the names of Isaac Lab's `physics=` selector; solver settings are those of the MuJoCo shell."""

    newton_mjwarp: NewtonCfg = NewtonCfg(
        solver_cfg=MJWarpSolverCfg(
            njmax=_CONSTRAINTS,
            nconmax=_CONTACTS,
            iterations=10,
            ls_iterations=20,
            cone="pyramidal",
            integrator="implicitfast",
        )
    )
    isaacsim_physx: PhysxCfg = PhysxCfg()
    default: NewtonCfg = newton_mjwarp


@configclass
class SceneCfg(InteractiveSceneCfg):
    """One robot on flat ground, with a contact sensor on all its bodies."""

    ground: AssetBaseCfg = None
    robot: ArticulationCfg = None
    contacts: ContactSensorCfg = ContactSensorCfg(prim_path="{ENV_REGEX_NS}/Robot/.*")


@configclass
class TrackingEnvCfg(DirectRLEnvCfg):
    """The tracking task of one robot."""

    robot: str = "g1"
    """Name of a registered robot; the task id decides it."""
    recipe: str = "general"
    """Recipe that the task's configuration is composed from."""
    motions: list[str] = ["builtin"]
    """Motions, as `--motions` takes them."""
    overrides: list[str] = []
    """`key=value` changes to the recipe."""
    play: bool = False
    """For looking at: no randomisation, no noise, no curriculum."""

    # Isaac Lab wants values here; those of the composed configuration replace them before anything is built.
    decimation: int = 4
    episode_length_s: float = 10.0
    observation_space: int = 1
    state_space: int = 1
    action_space: int = 1

    sim: SimulationCfg = SimulationCfg(dt=0.005, render_interval=4, physics=PhysicsCfg())
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
    return load_config(cfg.recipe, cfg.overrides, given)


def set_scene(scene: SceneCfg, embodiment: Embodiment) -> None:
    """Put a robot and the ground into a scene; their USD files are made where they are missing."""
    friction = RigidBodyMaterialBaseCfg(static_friction=1.0, dynamic_friction=1.0, restitution=0.0)
    scene.ground = AssetBaseCfg(
        prim_path="/World/ground",
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
