"""All that differs between Newton and PhysX, and all that Isaac Lab names otherwise than the task does.

Above this file there are only embodiment-ordered tensors on the task's device. Joints and bodies are matched by name:
Newton counts them depth first, PhysX breadth first. Positions are relative to each environment's origin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.task.randomisation import BodyParameters, PhysicsParameters
from athena_wbc.task.state import Push, RobotState
from athena_wbc.task.task import STANDARD_GRAVITY

TOUCH = 1e-3
"""N; a contact force from here on is a contact."""


class Backend:
    """The robots of a scene, as the task reads and writes them.

    Args:
        embodiment: the robot.
        scene: Isaac Lab's scene, with `robot` and `contacts`.
        sim: its simulation context, already playing.
    """

    def __init__(self, embodiment: Embodiment, scene, sim) -> None:
        self.embodiment = embodiment
        self.sim = sim
        self.device = torch.device(sim.device)
        self._robot = scene["robot"]
        self._contacts = scene["contacts"]
        self._origins = scene.env_origins
        e, where = embodiment, f"robot '{embodiment.name}'"
        joints = match_names(e.joint_names, self._robot.joint_names, f"{where}: joint")
        bodies = match_names(e.body_names, self._robot.body_names, f"{where}: body")
        touching = match_names(e.body_names, _sensed(self._contacts), f"{where}: contact sensor of body")
        self._joints = self._ids(joints)
        self._joints_32 = self._joints.int()
        self._bodies = self._ids(bodies)
        self._bodies_32 = self._bodies.int()
        self._keys = self._bodies[self._ids(e.key_body_index.tolist())]
        self._feet = self._ids([touching[e.body_names.index(name)] for name in e.feet])
        allowed = {*e.feet, *e.contact_allowed}
        self._undesired = self._ids([touching[i] for i, name in enumerate(e.body_names) if name not in allowed])
        self._heaviest = int(e.body_mass.argmax())
        self._stiffness = self._row(e.stiffness)
        self._damping = self._row(e.damping)
        self._effort = self._row(e.effort_limit)
        count = scene.num_envs
        self._stiffness_now = self._stiffness.repeat(count, 1)
        self._damping_now = self._damping.repeat(count, 1)
        self.engine: Newton | PhysX = _engine(sim, self._robot)

    # --- stepping

    def apply(self, target: Tensor) -> None:
        """Set the joint targets (N, J), rad."""
        self._robot.actuators.target_command.set_position_index(value=target.contiguous(), joint_ids=self._joints_32)

    def push(self, push: Push) -> None:
        """Add to root velocities."""
        velocity = self._robot.data.root_link_vel_w.torch[push.ids].clone()
        velocity[:, :3] += push.lin_vel_w
        velocity[:, 3:] += push.ang_vel_w
        self._robot.write_root_link_velocity_to_sim_index(root_velocity=velocity, env_ids=push.ids.int())

    def read(self) -> RobotState:
        """State of all environments; torques and contact forces are of the last physics step."""
        data = self._robot.data
        pose, velocity = data.root_link_pose_w.torch, data.root_link_vel_w.torch
        body_pose = data.body_link_pose_w.torch[:, self._keys]
        body_velocity = data.body_link_vel_w.torch[:, self._keys]
        forces = self.engine.ground_forces(self._contacts.data)
        touched = forces[:, self._undesired].norm(dim=-1).amax(dim=-1) if len(self._undesired) else None
        return RobotState(
            root_pos_w=pose[:, :3] - self._origins,
            root_quat_w=pose[:, 3:].clone(),
            root_lin_vel_w=velocity[:, :3].clone(),
            root_ang_vel_w=velocity[:, 3:].clone(),
            joint_pos=data.joint_pos.torch[:, self._joints],
            joint_vel=data.joint_vel.torch[:, self._joints],
            joint_torque=self._robot.actuators.applied_effort.torch[:, self._joints],
            body_pos_w=body_pose[..., :3] - self._origins.unsqueeze(1),
            body_quat_w=body_pose[..., 3:].clone(),
            body_lin_vel_w=body_velocity[..., :3].clone(),
            body_ang_vel_w=body_velocity[..., 3:].clone(),
            foot_force=forces[:, self._feet, 2].abs(),
            undesired_contact=torch.zeros_like(pose[:, 0]) if touched is None else (touched > TOUCH).float(),
        )

    def read_start(self, ids: Tensor) -> RobotState:
        """State of the environments `ids` (n,) that were just written.

        No physics step has seen it: the torque is that of a target at the present position, and nothing touches.
        """
        # Isaac Lab forwards kinematics after its own reset, but not after the automatic one in a step.
        self.sim.forward()
        state = self.read().select(ids)
        limit = self._effort.expand_as(state.joint_vel)
        state.joint_torque = torch.clamp(-self._damping_now[ids] * state.joint_vel, -limit, limit)
        state.foot_force = torch.zeros_like(state.foot_force)
        state.undesired_contact = torch.zeros_like(state.undesired_contact)
        return state

    def write(self, ids: Tensor, start: GeneralisedState) -> None:
        """Put the environments `ids` (n,) into start states, with joint targets at the positions."""
        rows = ids.int()
        pose = torch.cat((start.root_pos_w + self._origins[ids], start.root_quat_w), dim=-1)
        velocity = torch.cat((start.root_lin_vel_w, start.root_ang_vel_w), dim=-1)
        robot = self._robot
        robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=rows)
        robot.write_root_link_velocity_to_sim_index(root_velocity=velocity, env_ids=rows)
        robot.write_joint_position_to_sim_index(
            position=start.joint_pos.contiguous(), joint_ids=self._joints_32, env_ids=rows
        )
        robot.write_joint_velocity_to_sim_index(
            velocity=start.joint_vel.contiguous(), joint_ids=self._joints_32, env_ids=rows
        )
        robot.actuators.target_command.set_position_index(
            value=start.joint_pos.contiguous(), joint_ids=self._joints_32, env_ids=rows
        )

    def broken(self) -> Tensor:
        """(N,) environments whose state is no longer finite."""
        data = self._robot.data
        parts = (data.root_link_pose_w, data.root_link_vel_w, data.joint_pos, data.joint_vel)
        return ~torch.cat([part.torch for part in parts], dim=-1).isfinite().all(dim=-1)

    # --- randomisation: what is drawn is the task's; here it is only written

    def write_body_parameters(self, parameters: BodyParameters) -> None:
        """Masses, inertias and centre of mass, once for every environment."""
        data, robot = self._robot.data, self._robot
        everyone = torch.arange(len(self._origins), device=self.device, dtype=torch.int32)
        if parameters.mass is not None:
            mass = data.body_mass.torch[:, self._bodies] * parameters.mass
            inertia = data.body_inertia.torch[:, self._bodies] * parameters.mass.unsqueeze(-1)
            robot.set_masses_index(masses=mass.contiguous(), body_ids=self._bodies_32, env_ids=everyone)
            robot.set_inertias_index(inertias=inertia.contiguous(), body_ids=self._bodies_32, env_ids=everyone)
        if parameters.com is not None:
            body = self._bodies[self._heaviest : self._heaviest + 1]
            com = self.engine.centres_of_mass(data)[:, body].clone()
            com[..., :3] += parameters.com.unsqueeze(1)
            robot.set_coms_index(coms=com.contiguous(), body_ids=body.int(), env_ids=everyone)

    def write_parameters(self, ids: Tensor, parameters: PhysicsParameters) -> None:
        """What is drawn at every reset, for the environments `ids` (n,)."""
        p = parameters
        if p.stiffness is not None or p.damping is not None:
            if p.stiffness is not None:
                self._stiffness_now[ids] = self._stiffness * p.stiffness
            if p.damping is not None:
                self._damping_now[ids] = self._damping * p.damping
            self.engine.write_gains(ids, self._joints, self._stiffness_now[ids], self._damping_now[ids])
        if p.friction is not None:
            self.engine.write_friction(ids, list(self.embodiment.feet), p.friction)
        if p.gravity is not None:
            self.engine.write_gravity(ids, p.gravity)

    def _ids(self, indices) -> Tensor:
        return torch.tensor(list(indices), dtype=torch.long, device=self.device)

    def _row(self, values) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device).unsqueeze(0)


class Newton:
    """What Newton does its own way: model arrays that are written in place, with a note to the solver."""

    def __init__(self, sim, robot) -> None:
        import warp
        from newton import ModelFlags

        self._warp, self._flags = warp, ModelFlags
        self._manager = sim.physics_manager
        self._robot = robot
        self._drives = self._find_drives()

    def centres_of_mass(self, data) -> Tensor:
        """(N, B, 3) in body frames, in the form that `set_coms_index` takes."""
        return data.body_com_pos_b.torch

    def ground_forces(self, contacts) -> Tensor:
        """(N, B, 3) N, of the ground on each body that a contact sensor is on."""
        return contacts.force_matrix_w.torch[:, :, 0]

    def write_gains(self, ids: Tensor, joints: Tensor, stiffness: Tensor, damping: Tensor) -> None:
        """Set stiffness and damping (n, J) of joints (J,), counted as Isaac Lab does.

        Announced as a change of joints, it would make the solver compute again, for all worlds, constants that no gain
        is part of: with 64 environments 0.3 of a control step. So the solver's copy is written here too.
        """
        if self._drives is None:
            _announced_gains(self._robot, ids, joints, stiffness, damping)
            return
        model, view, rows = self._manager.get_model(), self._robot.root_view, ids.unsqueeze(-1)
        for name, values in (("joint_target_ke", stiffness), ("joint_target_kd", damping)):
            self._warp.to_torch(view.get_attribute(name, model)[:, 0])[rows, joints] = values
        position, velocity = self._drives[:, joints]
        solver = self._manager._solver.mjw_model
        gain, bias = self._warp.to_torch(solver.actuator_gainprm), self._warp.to_torch(solver.actuator_biasprm)
        gain[rows, position, 0], bias[rows, position, 1] = stiffness, -stiffness
        gain[rows, velocity, 0], bias[rows, velocity, 2] = damping, -damping

    def _find_drives(self) -> Tensor | None:
        """(2, J) the solver's position and velocity actuator of every joint; None where it has other ones."""
        solver, robot = self._manager._solver, self._robot
        source, driven = (getattr(solver, f"mjc_actuator_{name}", None) for name in ("ctrl_source", "to_newton_idx"))
        if driven is None or source.numpy().any() or list(robot.backend_joint_names) != list(robot.joint_names):
            return None
        # Degrees of freedom in the order of the joints; that of a velocity actuator is written as -(it + 2).
        driven = self._warp.to_torch(driven).long()
        kinds = [(driven >= 0).nonzero().squeeze(-1), (driven < -1).nonzero().squeeze(-1)]
        if any(len(kind) != robot.num_joints for kind in kinds):
            return None
        return torch.stack([kind[driven[kind].abs().argsort()] for kind in kinds])

    def write_gravity(self, ids: Tensor, factor: Tensor) -> None:
        """Set gravity as a share of 9.81 m/s^2, absolutely: adding and scaling would pile up."""
        # The last row of the array is of the world that all environments share.
        gravity = self._warp.to_torch(self._manager.get_model().gravity)
        down = torch.zeros(len(ids), 3, device=gravity.device)
        down[:, 2] = -STANDARD_GRAVITY * factor
        gravity[ids] = down
        self._manager.add_model_change(self._flags.MODEL_PROPERTIES)

    def write_friction(self, ids: Tensor, bodies: list[str], friction: Tensor) -> None:
        """Set the sliding friction of the colliders of some bodies."""
        view = self._robot.root_view
        values = self._warp.to_torch(view.get_attribute("shape_material_mu", self._manager.get_model())[:, 0])
        names = list(self._robot.backend_body_names)
        shapes = [shape for body in bodies for shape in view.body_shapes[names.index(body)]]
        columns = torch.tensor(shapes, dtype=torch.long, device=values.device)
        values[ids.unsqueeze(-1), columns] = friction.unsqueeze(-1).expand(-1, len(shapes))
        self._manager.add_model_change(self._flags.SHAPE_PROPERTIES)


class PhysX:
    """What PhysX does its own way: gravity is one for the whole scene, materials live on the host."""

    def __init__(self, sim, robot) -> None:
        import warp

        self._warp = warp
        self._robot = robot

    def centres_of_mass(self, data) -> Tensor:
        """(N, B, 7) poses in body frames, in the form that `set_coms_index` takes."""
        return data.body_com_pose_b.torch

    def ground_forces(self, contacts) -> Tensor:
        """(N, B, 3) N, of whatever touches a body: a sensor of many bodies does not tell the ground apart."""
        return contacts.net_forces_w.torch

    def write_gains(self, ids: Tensor, joints: Tensor, stiffness: Tensor, damping: Tensor) -> None:
        """Set stiffness and damping (n, J) of joints (J,), counted as Isaac Lab does."""
        _announced_gains(self._robot, ids, joints, stiffness, damping)

    def write_gravity(self, ids: Tensor, factor: Tensor) -> None:
        """Hold up the share of each body's weight that is too much, by a force that stays."""
        mass = self._robot.data.body_mass.torch[ids]
        forces = torch.zeros(*mass.shape, 3, device=mass.device)
        forces[..., 2] = (1.0 - factor).unsqueeze(-1) * mass * STANDARD_GRAVITY
        self._robot.permanent_wrench_composer.set_forces_and_torques_index(
            forces=forces, torques=torch.zeros_like(forces), env_ids=ids.int(), is_global=True
        )

    def write_friction(self, ids: Tensor, bodies: list[str], friction: Tensor) -> None:
        """Set the static and dynamic friction of the colliders of some bodies."""
        view, names = self._robot.root_view, list(self._robot.backend_body_names)
        materials = self._warp.to_torch(view.get_material_properties())
        counts = list(self._robot.num_shapes_per_body)
        rows = ids.cpu()
        for body in bodies:
            first = sum(counts[: names.index(body)])
            materials[rows, first : first + counts[names.index(body)], :2] = friction.cpu().view(-1, 1, 1)
        view.set_material_properties(
            self._warp.from_torch(materials, dtype=self._warp.float32),
            self._warp.from_torch(rows.int(), dtype=self._warp.int32),
        )


def match_names(wanted: tuple[str, ...], found: list[str], what: str) -> list[int]:
    """Index in `found` of every name of `wanted`.

    Raises:
        AthenaError: a name is missing, or there is one too many; lists them.
    """
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra:
        parts = [f"the asset lacks {', '.join(missing)}"] if missing else []
        parts += [f"the robot file lacks {', '.join(extra)}"] if extra else []
        raise AthenaError(f"{what}: {'; '.join(parts)}; bring asset and robot.yaml together")
    return [found.index(name) for name in wanted]


def _sensed(contacts) -> list[str]:
    """Names of the bodies that a contact sensor is on, without their paths."""
    # Newton's sensor calls them sensors, since it may be on single colliders too.
    names = contacts.sensor_names if hasattr(contacts, "sensor_names") else contacts.body_names
    return [name.rpartition("/")[2] for name in names]


def _announced_gains(robot, ids: Tensor, joints: Tensor, stiffness: Tensor, damping: Tensor) -> None:
    where = {"joint_ids": joints.int(), "env_ids": ids.int()}
    robot.write_joint_stiffness_to_sim_index(stiffness=stiffness.contiguous(), **where)
    robot.write_joint_damping_to_sim_index(damping=damping.contiguous(), **where)


def _engine(sim, robot) -> Newton | PhysX:
    # The manager's class is a name that is resolved late; the configuration says whose it is.
    packages = {base.__module__.partition(".")[0] for base in type(sim.cfg.physics).__mro__}
    if "isaaclab_newton" in packages:
        return Newton(sim, robot)
    return PhysX(sim, robot)
