"""N simulations of one robot on `mujoco.batch`: stepping, reading states, writing starts and randomised fields.

MuJoCo's conventions end here: quaternions are turned to scalar last, float64 becomes float32, NumPy becomes torch.
"""

from __future__ import annotations

import logging
import math
import os

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.rotations import cross, quat_apply, quat_apply_inverse
from athena_wbc.sim.config import SimConfig
from athena_wbc.task.randomisation import BodyParameters, PhysicsParameters
from athena_wbc.task.state import JointCommand, Push, RobotState

_TO_XYZW = [1, 2, 3, 0]
_TO_WXYZ = [3, 0, 1, 2]
_LOGGER = logging.getLogger(__name__)
_BAD = ("mjWARN_BADQPOS", "mjWARN_BADQVEL", "mjWARN_BADQACC", "mjWARN_BADCTRL")


def _import_batch():
    import mujoco

    try:
        from mujoco import batch
    except ImportError:
        raise AthenaError(
            f"the MuJoCo simulator needs mujoco >= 3.17, here is {mujoco.__version__}; "
            "run: pip install -e '.[mujoco]' in the checkout"
        ) from None
    return mujoco, batch


class Physics:
    """N simulations. All state is MuJoCo's; results are bit-identical at any number of threads.

    Args:
        embodiment, config: the robot and its simulation.
        num_envs: N.
        randomised: whether per-environment model fields will be written.
        device: of the tensors that are taken and returned; MuJoCo itself computes on the CPU.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        config: SimConfig,
        num_envs: int,
        randomised: bool,
        device: str | torch.device = "cpu",
    ) -> None:
        self._mujoco, batch = _import_batch()
        # MuJoCo's own handler leaves a MUJOCO_LOG.TXT wherever the run was started.
        self._mujoco.set_mju_user_warning(lambda message: _LOGGER.info("MuJoCo: %s", message))
        from athena_wbc.sim.scene import build_model, sole_geoms

        _check(config)
        self.embodiment = embodiment
        self.config = config
        self.num_envs = num_envs
        self.device = torch.device(device)
        self.model = build_model(embodiment, config)
        self._error = batch.SimulationError
        self.stage = self._mujoco.mjtStage.mjSTAGE_VEL.value
        self.batch = batch.Batch(self.model, num_envs, config.threads or _num_cores(), persistent=True)
        self._bind()
        self._index(sole_geoms(self.model, embodiment))
        self.randomised = randomised
        if randomised:
            self._expand()

    # --- stepping

    def step(self, command: JointCommand) -> Tensor:
        """One control step.

        Returns:
            (N,) bool: simulations that failed in this step. They are back in the model's default state; the caller
            resets them.
        """
        self._ctrl[:] = _host(command.target)
        if command.push is not None:
            self.push(command.push)
        failed = np.zeros(self.num_envs, dtype=bool)
        try:
            self.batch.step(nstep=self.config.decimation, stage=self.stage)
        except self._error as error:
            failed[error.ids] = True
        failed |= self.batch.warning[:, self._warning_ids, 1].any(axis=1)
        if failed.any():
            # Only a reset clears the warnings: the next failure would show the same count again.
            self.batch.reset(ids=np.flatnonzero(failed))
        return torch.from_numpy(failed).to(self.device)

    def push(self, push: Push) -> None:
        """Add to root velocities."""
        rows = _host(push.ids)
        quat = self._rows(self._qpos, push.ids)[:, 3:7][:, _TO_XYZW]
        self._qvel[rows, :3] += _host(push.lin_vel_w)
        self._qvel[rows, 3:6] += _host(quat_apply_inverse(quat, push.ang_vel_w))

    def read(self, ids: Tensor | None = None) -> RobotState:
        """State of all simulations, or of `ids` (n,).

        Contact forces and torques are of the last physics step, or of the start state where one was just written.
        """
        qpos, qvel = self._rows(self._qpos, ids), self._rows(self._qvel, ids)
        quat = qpos[:, 3:7][:, _TO_XYZW]
        pos = self._rows(self._xpos, ids)[:, self._keys]
        cvel = self._rows(self._cvel, ids)[:, self._keys]
        com = self._rows(self._subtree_com, ids)[:, self._root].unsqueeze(1)
        ang, lin = cvel[..., :3], cvel[..., 3:]
        sensors = self._rows(self._sensordata, ids)
        grounded = sensors[:, self._ground_all] - sensors[:, self._ground_allowed].sum(-1)
        return RobotState(
            root_pos_w=qpos[:, :3],
            root_quat_w=quat,
            root_lin_vel_w=qvel[:, :3],
            root_ang_vel_w=quat_apply(quat, qvel[:, 3:6]),
            joint_pos=qpos[:, 7:],
            joint_vel=qvel[:, 6:],
            joint_torque=self._rows(self._actuator_force, ids),
            body_pos_w=pos,
            body_quat_w=self._rows(self._xquat, ids)[:, self._keys][..., _TO_XYZW],
            body_lin_vel_w=lin + cross(ang, pos - com),
            body_ang_vel_w=ang,
            foot_force=sensors[:, self._foot_force].abs(),
            undesired_contact=(grounded > 0.5).float(),
        )

    def write(self, ids: Tensor, start: GeneralisedState) -> None:
        """Put the simulations `ids` (n,) into start states, at rest with respect to solver and controls."""
        rows = _host(ids)
        self.batch.state[rows] = self._default_state
        qpos = torch.cat((start.root_pos_w, start.root_quat_w[:, _TO_WXYZ], start.joint_pos), dim=-1)
        spin = quat_apply_inverse(start.root_quat_w, start.root_ang_vel_w)
        self._qpos[rows] = _host(qpos)
        self._qvel[rows] = _host(torch.cat((start.root_lin_vel_w, spin, start.joint_vel), dim=-1))
        self._ctrl[rows] = _host(start.joint_pos)
        # Up to the accelerations: else torques and contact forces would still be those of the episode before.
        self.batch.forward(ids=np.sort(rows))

    # --- randomisation

    def write_body_parameters(self, parameters: BodyParameters) -> None:
        """Masses, inertias and centre of mass of all simulations; derived constants follow."""
        if parameters.mass is not None:
            factor = _host(parameters.mass)
            self._fields["body_mass"][:, 1:] = self.model.body_mass[1:] * factor
            self._fields["body_inertia"][:, 1:] = self.model.body_inertia[1:] * factor[..., None]
        if parameters.com is not None:
            self._fields["body_ipos"][:, self._heaviest] = self.model.body_ipos[self._heaviest] + _host(parameters.com)
        if parameters.mass is not None or parameters.com is not None:
            self.batch.set_const()

    def write_parameters(self, ids: Tensor, parameters: PhysicsParameters) -> None:
        """What is drawn at every reset, for the simulations `ids` (n,)."""
        rows = _host(ids)
        p = parameters
        if p.friction is not None:
            self._fields["geom_friction"][rows[:, None], self._soles, 0] = _host(p.friction)[:, None]
        if p.stiffness is not None:
            kp = self.embodiment.stiffness * _host(p.stiffness)
            self._fields["actuator_gainprm"][rows, :, 0] = kp
            self._fields["actuator_biasprm"][rows, :, 1] = -kp
        if p.damping is not None:
            self._fields["actuator_biasprm"][rows, :, 2] = -self.embodiment.damping * _host(p.damping)
        if p.gravity is not None:
            self._fields["opt.gravity"][rows] = self.model.opt.gravity * _host(p.gravity)[:, None]

    # --- exact continuation

    def state_dict(self) -> dict[str, Tensor]:
        """MuJoCo's integration state and the randomised fields."""
        state = {"state": torch.from_numpy(self.batch.state.copy())}
        if self.randomised:
            state |= {f"field:{name}": torch.from_numpy(array.copy()) for name, array in self._fields.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where `state_dict` was taken."""
        if self.randomised:
            for name, array in self._fields.items():
                array[...] = state[f"field:{name}"].numpy()
            self.batch.set_const()
        self.batch.state[:] = state["state"].numpy()
        self.batch.forward(stage=self.stage)

    # --- set-up

    def _bind(self) -> None:
        bind = self.batch.bind
        self._qpos, self._qvel, self._ctrl = bind("qpos"), bind("qvel"), bind("ctrl")
        self._xpos, self._xquat, self._cvel = bind("xpos"), bind("xquat"), bind("cvel")
        self._subtree_com, self._sensordata = bind("subtree_com"), bind("sensordata")
        self._actuator_force = bind("actuator_force")
        self._default_state = self.batch.state[0].copy()

    def _index(self, soles: np.ndarray) -> None:
        e, m = self.embodiment, self.model
        self._root = m.body(e.root).id
        self._keys = torch.tensor([m.body(name).id for name in e.key_bodies], device=self.device)
        self._heaviest = m.body(e.body_names[int(np.argmax(e.body_mass))]).id
        self._soles = soles
        if not len(soles):
            raise AthenaError(f"robot '{e.name}': feet {', '.join(e.feet)} have no collider; give them geoms")
        self._foot_force = [m.sensor(f"foot:{name}").adr[0] + 3 for name in e.feet]
        allowed = [m.sensor(f"foot:{name}").adr[0] for name in e.feet]
        allowed += [m.sensor(f"ground:{name}").adr[0] for name in e.contact_allowed if name not in e.feet]
        self._ground_allowed = allowed
        self._ground_all = m.sensor("ground").adr[0]
        self._warning_ids = [getattr(self._mujoco.mjtWarning, name).value for name in _BAD]

    def _expand(self) -> None:
        names = ("body_mass", "body_inertia", "body_ipos", "geom_friction", "actuator_gainprm", "actuator_biasprm")
        self._fields = {name: self.batch.expand(name) for name in (*names, "opt.gravity")}

    def _rows(self, array: np.ndarray, ids: Tensor | None) -> Tensor:
        values = array if ids is None else array[_host(ids)]
        return torch.from_numpy(values.astype(np.float32)).to(self.device)


def _check(config: SimConfig) -> None:
    if not 0.0 < config.dt < math.inf:
        raise AthenaError(f"sim.dt: is {config.dt:g}; it must be positive")
    for key, least in (("decimation", 1), ("iterations", 1), ("ls_iterations", 1), ("threads", 0)):
        if getattr(config, key) < least:
            raise AthenaError(f"sim.{key}: is {getattr(config, key)}; it must be at least {least}")


def _num_cores() -> int:
    """Cores that this process may use; not every system can say, and then all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _host(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
