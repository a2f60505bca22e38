"""A clip on MuJoCo's own model of its robot: what the clip's numbers mean, worked out apart from the generator."""

from __future__ import annotations

import functools

import mujoco
import numpy as np
from scipy.optimize import nnls
from scipy.spatial import ConvexHull

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.builtin.plan import Plan
from athena_wbc.motion.clip import MotionClip

GRAVITY = 9.81
FRICTION = 0.8


class Motion:
    """A clip of T frames, the plan that says which foot stands when, and the physics of it."""

    def __init__(self, robot: Embodiment, clip: MotionClip, plan: Plan | None = None) -> None:
        self.robot, self.clip, self.plan = robot, clip, plan
        self.model = mujoco.MjModel.from_xml_path(str(robot.model_path))
        for name, armature in zip(robot.joint_names, robot.armature, strict=True):
            self.model.joint(name).armature = armature
        self.data = mujoco.MjData(self.model)
        self.feet = [self.model.body(name).id for name in robot.feet]
        if self.data_of_default().xpos[self.feet[0], 1] < 0.0:
            self.feet.reverse()

    def data_of_default(self) -> mujoco.MjData:
        """The default pose at the origin."""
        self.data.qpos[:3] = (0.0, 0.0, self.robot.default_root_height)
        self.data.qpos[3:7] = (1.0, 0.0, 0.0, 0.0)
        for name, value in zip(self.robot.joint_names, self.robot.default_joint_pos, strict=True):
            self.data.joint(name).qpos[0] = value
        mujoco.mj_forward(self.model, self.data)
        return self.data

    @functools.cached_property
    def qpos(self) -> np.ndarray:
        """(T, nq) in MuJoCo's order."""
        qpos = np.empty((self.clip.num_frames, self.model.nq))
        qpos[:, :3], qpos[:, 3:7] = self.clip.root_pos, self.clip.root_quat[:, [3, 0, 1, 2]]
        for joint, name in enumerate(self.clip.joint_names):
            qpos[:, self.model.joint(name).qposadr[0]] = self.clip.joint_pos[:, joint]
        return qpos

    @functools.cached_property
    def _kinematics(self) -> dict[str, np.ndarray]:
        rows: dict[str, list] = {"com": [], "foot_pos": [], "foot_rotation": [], "overlap": []}
        for qpos in self.qpos:
            self.data.qpos[:] = qpos
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_comPos(self.model, self.data)
            mujoco.mj_collision(self.model, self.data)
            rows["com"].append(self.data.subtree_com[1].copy())
            rows["foot_pos"].append(self.data.xpos[self.feet])
            rows["foot_rotation"].append(self.data.xmat[self.feet].reshape(-1, 3, 3))
            rows["overlap"].append(max(0.0, -self.data.contact.dist.min(initial=0.0)))
        return {key: np.array(value) for key, value in rows.items()}

    @property
    def com(self) -> np.ndarray:
        """(T, 3) centre of mass of the whole body."""
        return self._kinematics["com"]

    @property
    def foot_pos(self) -> np.ndarray:
        """(T, 2, 3) origins of the feet, left first."""
        return self._kinematics["foot_pos"]

    @property
    def foot_rotation(self) -> np.ndarray:
        """(T, 2, 3, 3)"""
        return self._kinematics["foot_rotation"]

    @property
    def overlap(self) -> np.ndarray:
        """(T,) depth of the deepest collision of the body with itself, m."""
        return self._kinematics["overlap"]

    @functools.cached_property
    def sole(self) -> np.ndarray:
        """(T, 2, 4, 3) lowest points of the four spheres under each foot."""
        centres = []
        for foot in self.feet:
            geoms = np.flatnonzero((self.model.geom_bodyid == foot) & (self.model.geom_contype > 0))
            assert (self.model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_SPHERE).all() and len(geoms) == 4
            radius = self.model.geom_size[geoms[0], 0]
            centres.append(self.model.geom_pos[geoms])
        points = np.einsum("tfij,fpj->tfpi", self.foot_rotation, np.array(centres)) + self.foot_pos[:, :, None]
        return points - (0.0, 0.0, radius)

    def outside_support(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Distance of horizontal points (T, 2) from the support polygon, m; negative inside."""
        distance = []
        for k in frames:
            on_ground = self.sole[k][self.plan.contact[k]].reshape(-1, 3)
            on_ground = on_ground[on_ground[:, 2] < 0.002, :2]
            hull = ConvexHull(on_ground)
            distance.append((hull.equations[:, :2] @ points[k] + hull.equations[:, 2]).max())
        return np.array(distance)

    @functools.cached_property
    def flights(self) -> list[np.ndarray]:
        """Frames of each flight, from the last with a foot on the ground to the first with one again."""
        airborne = np.flatnonzero(self.plan.flight)
        runs = np.split(airborne, np.flatnonzero(np.diff(airborne) > 1) + 1) if len(airborne) else []
        return [np.arange(run[0] - 1, run[-1] + 2) for run in runs]

    def velocity(self, k: int, after: int) -> np.ndarray:
        """(nv,) from frame k to k + after."""
        velocity = np.empty(self.model.nv)
        duration = after / self.clip.fps
        mujoco.mj_differentiatePos(self.model, velocity, duration, self.qpos[k], self.qpos[k + after])
        return velocity

    def inverse_dynamics(self, stride: int) -> dict[str, np.ndarray]:
        """What the motion asks of ground and motors, in every stride-th frame in which a foot stands.

        Contact forces are those of least squares within friction pyramids at the soles' points on the ground.

        Returns:
            residual force (share of the weight) and moment (N m) that no contact force can give, and the torque of
            every joint (share of its limit).
        """
        model, data = self.model, self.data
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        limit = np.ones(model.nv)
        for name, effort in zip(self.robot.joint_names, self.robot.effort_limit, strict=True):
            limit[model.joint(name).dofadr[0]] = effort
        weight = self.robot.mass * GRAVITY
        scale = np.concatenate((np.full(3, 1 / weight), np.full(3, 10 / weight), 1e-3 / limit[6:]))
        edges = np.array([[FRICTION, 0, 1], [-FRICTION, 0, 1], [0, FRICTION, 1], [0, -FRICTION, 1]])
        force, moment, torque = [], [], []
        for k in range(1, len(self.qpos) - 1, stride):
            if not self.plan.contact[k].any():
                continue
            before, after = self.velocity(k - 1, 1), self.velocity(k, 1)
            data.qpos[:] = self.qpos[k]
            data.qvel[:], data.qacc[:] = 0.5 * (before + after), (after - before) * self.clip.fps
            mujoco.mj_inverse(model, data)
            columns = []
            for foot in np.flatnonzero(self.plan.contact[k]):
                for point in self.sole[k, foot][self.sole[k, foot][:, 2] < 0.002]:
                    jacobian = np.zeros((3, model.nv))
                    mujoco.mj_jac(model, data, jacobian, None, point, self.feet[foot])
                    columns.append((edges @ jacobian).T)
            basis = np.concatenate(columns, axis=1)
            share, _ = nnls(basis * scale[:, None], data.qfrc_inverse * scale)
            rest = data.qfrc_inverse - basis @ share
            force.append(np.linalg.norm(rest[:3]) / weight)
            moment.append(np.linalg.norm(rest[3:6]))
            torque.append(np.abs(rest[6:]) / limit[6:])
        return {"force": np.array(force), "moment": np.array(moment), "torque": np.array(torque)}
