"""Which body of a robot is which part of a person, found in the tree of its model alone.

The model's zero pose must stand upright (z up); nothing else is assumed of it: no names, no symmetry, no gains.
Bodies that are welded together count as one link. Legs are the pair of chains that ends lowest, arms the pair that
ends farthest along the chain on either side of the body; within a chain, joints are told by where they are and by what
they turn about. Names serve as a witness only: where they contradict the geometry, confidence falls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import mujoco
import numpy as np

from athena_wbc.errors import AthenaError, suggest

SIDES = ("left", "right")
LEG_ROLES = ("hip", "knee", "ankle", "foot")
ARM_ROLES = ("shoulder", "elbow", "wrist", "hand")
ROLE_NAMES = ("pelvis", "torso", "head", *(f"{side}_{part}" for side in SIDES for part in (*LEG_ROLES, *ARM_ROLES)))
"""All roles; every one but the head has to be found."""

_TWIST_COSINE = 0.8
"""A joint turns a limb about its own length where the cosine between axis and limb is larger."""

_LATERAL_COSINE = 0.7
_MIDDLE = (0.2, 0.8)
"""Where along the path of a limb, from its first joint to its very end, a knee or elbow may be."""

_KNEE, _ELBOW = 0.5, 0.4
"""Where they usually are; behind the elbow come forearm and hand."""

_ANKLE_SPREAD = 0.08
"""Ankle joints lie within this share of the leg's length of each other horizontally; a joint farther ahead is a toe."""


@dataclasses.dataclass(frozen=True)
class Role:
    """A part of the body."""

    body: str
    """Name of the body."""
    point: tuple[float, float, float]
    """The point that stands for the part, in the body's frame, m: of a joint, where its axes meet."""
    joints: tuple[str, ...]
    """Joints of the part, from the trunk outwards."""
    confidence: float
    """0 to 1."""
    reason: str
    """How it was found."""


@dataclasses.dataclass(frozen=True)
class Roles(Mapping[str, Role]):
    """The roles of a robot by name; the head is absent where the robot has none that moves."""

    found: Mapping[str, Role]
    forward: tuple[float, float, float]
    """Horizontal unit vector that the robot faces in the zero pose, world frame."""

    def __getitem__(self, name: str) -> Role:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def waist(self) -> tuple[str, ...]:
        """Joints between pelvis and torso."""
        return self.found["torso"].joints

    def pair(self, part: str) -> tuple[Role, Role]:
        """The left and the right one of a part."""
        return self.found[f"left_{part}"], self.found[f"right_{part}"]


def find_roles(
    model: mujoco.MjModel, robot: str = "", qpos: np.ndarray | None = None, overrides: Mapping[str, str] | None = None
) -> Roles:
    """Find the roles of a humanoid in its model.

    Args:
        model: the robot, with or without a free root.
        robot: its name, for messages.
        qpos: (nq,) pose to look at, upright; the zero pose of the model where None.
        overrides: role -> body, for what the tree does not tell.

    Raises:
        AthenaError: no two legs, no two arms, a limb without knee, ankle or elbow, an unknown name in overrides.
    """
    return _Finder(model, robot or "the model", qpos, overrides or {}).find()


@dataclasses.dataclass(frozen=True)
class _Limb:
    """Chain of links outside the trunk, from the trunk outwards."""

    links: tuple[int, ...]
    joints: tuple[int, ...]
    """One or more for each link, in order of the chain."""


class _Finder:
    def __init__(self, model: mujoco.MjModel, robot: str, qpos: np.ndarray | None, overrides: Mapping[str, str]):
        self.model, self.robot, self.overrides = model, robot, overrides
        self.data = mujoco.MjData(model)
        if qpos is not None:
            self.data.qpos[:] = qpos
        mujoco.mj_forward(model, self.data)
        # Links: the first body of every group of bodies that are welded together, below the root.
        self.weld = model.body_weldid
        self.root = self._find_root()
        self.parent = {link: int(self.weld[model.body_parentid[link]]) for link in self._links()}
        self.children: dict[int, list[int]] = {link: [] for link in (self.root, *self.parent)}
        for link, parent in self.parent.items():
            if link != self.root and parent in self.children:
                self.children[parent].append(link)
        self.lateral = np.array([0.0, 1.0, 0.0])

    def find(self) -> Roles:
        for role, body in self.overrides.items():
            names = [self.model.body(index).name for index in range(1, self.model.nbody)]
            if role not in ROLE_NAMES:
                raise AthenaError(f"robot '{self.robot}': roles: role {suggest(role, ROLE_NAMES)}")
            if body not in names:
                raise AthenaError(f"robot '{self.robot}': roles.{role}: body {suggest(body, names)}")
        leaves = [link for link, below in self.children.items() if not below and link != self.root]
        chains = {leaf: self._chain(leaf) for leaf in leaves}
        legs = self._find_legs(chains)
        pelvis = self._common(*legs)
        feet_first = [self._limb(self._chain(leaf), pelvis) for leaf in legs]
        forward, reason = self._find_forward(feet_first)
        self.lateral = np.cross((0.0, 0.0, 1.0), forward)
        feet_first.sort(key=lambda limb: -self._offset(limb))
        taken = {link for limb in feet_first for link in limb.links}
        arms = self._find_arms({leaf: chain for leaf, chain in chains.items() if leaf not in taken})
        torso = self._common(*arms)
        arm_limbs = sorted(
            (self._limb(self._chain(leaf), torso) for leaf in arms), key=lambda limb: -self._offset(limb)
        )
        found = {"pelvis": self._trunk(pelvis, "last body that both legs hang from, facing by " + reason, ())}
        found["torso"] = self._trunk(torso, "last body that both arms hang from", self._between(pelvis, torso))
        head = self._find_head(torso, {link for limb in arm_limbs for link in limb.links} | taken)
        if head is not None:
            found["head"] = head
        for side, limb in zip(SIDES, feet_first, strict=True):
            found |= {f"{side}_{part}": role for part, role in self._leg(side, limb).items()}
        for side, limb in zip(SIDES, arm_limbs, strict=True):
            found |= {f"{side}_{part}": role for part, role in self._arm(side, limb).items()}
        found = self._check_mirror(found)
        for role, body in self.overrides.items():
            joints = found[role].joints if role in found else ()
            point = found[role].point if role in found and found[role].body == body else (0.0, 0.0, 0.0)
            found[role] = Role(body, point, joints, 1.0, "given")
        return Roles(
            {name: found[name] for name in ROLE_NAMES if name in found}, tuple((forward.round(6) + 0.0).tolist())
        )

    # The tree.

    def _find_root(self) -> int:
        free = np.flatnonzero(self.model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
        if len(free):
            return int(self.model.jnt_bodyid[free[0]])
        tops = [body for body in range(1, self.model.nbody) if self.model.body_parentid[body] == 0]
        if not tops:
            raise AthenaError(f"robot '{self.robot}': the model has no bodies; give a robot's model")
        # Without a free joint the base is welded to the world.
        self.weld = self.model.body_weldid.copy()
        top = max(tops, key=lambda body: int((self.model.body_rootid == body).sum()))
        self.weld[(self.weld == 0) & (self.model.body_rootid == top)] = top
        return top

    def _links(self) -> list[int]:
        root = self.model.body_rootid[self.root]
        bodies = range(self.root, self.model.nbody)
        return [body for body in bodies if self.model.body_rootid[body] == root and self.weld[body] == body]

    def _chain(self, link: int) -> list[int]:
        """Links from the root to `link`."""
        chain = [link]
        while chain[-1] != self.root:
            chain.append(self.parent[chain[-1]])
        return chain[::-1]

    def _common(self, first: int, second: int) -> int:
        other = set(self._chain(second))
        return [link for link in self._chain(first) if link in other][-1]

    def _joints(self, link: int) -> list[int]:
        start, count = int(self.model.body_jntadr[link]), int(self.model.body_jntnum[link])
        hinge = mujoco.mjtJoint.mjJNT_HINGE
        return [joint for joint in range(start, start + count) if self.model.jnt_type[joint] == hinge]

    def _limb(self, chain: list[int], trunk: int) -> _Limb:
        links = tuple(chain[chain.index(trunk) + 1 :])
        return _Limb(links, tuple(joint for link in links for joint in self._joints(link)))

    def _between(self, first: int, second: int) -> tuple[str, ...]:
        """Joints between two links of which one hangs from the other, or both from a third."""
        common = self._common(first, second)
        links = [*self._limb(self._chain(first), common).links[::-1], *self._limb(self._chain(second), common).links]
        return tuple(self.model.joint(joint).name for link in links for joint in self._joints(link))

    def _bodies(self, link: int) -> np.ndarray:
        return np.flatnonzero(self.weld == link)

    def _surface(self, link: int) -> np.ndarray:
        """(n, 3) corners of the boxes around the colliders of a link, or around all its geoms, world frame."""
        geoms = [geom for geom in range(self.model.ngeom) if self.weld[self.model.geom_bodyid[geom]] == link]
        solid = [g for g in geoms if self.model.geom_contype[g] or self.model.geom_conaffinity[g]] or geoms
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
        corners = [self.data.xpos[self._bodies(link)]]
        for geom in solid:
            centre, half = self.model.geom_aabb[geom, :3], self.model.geom_aabb[geom, 3:]
            turn = self.data.geom_xmat[geom].reshape(3, 3)
            corners.append(self.data.geom_xpos[geom] + (centre + signs * half) @ turn.T)
        return np.concatenate(corners)

    def _path(self, limb: _Limb) -> np.ndarray:
        """(n,) distance of each joint along the limb from its first joint, m."""
        anchors = self.data.xanchor[list(limb.joints)]
        return np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(anchors, axis=0), axis=1))))

    def _offset(self, limb: _Limb) -> float:
        """Signed distance to the left of the root, m: the farthest along the chain."""
        across = (self.data.xanchor[list(limb.joints)] - self.data.xpos[self.root]) @ self.lateral
        return float(across[np.abs(across).argmax()])

    # Limbs.

    def _find_legs(self, chains: Mapping[int, list[int]]) -> tuple[int, int]:
        depth = {leaf: float(self._surface(leaf)[:, 2].min()) for leaf in chains}
        pairs = []
        for first in chains:
            for second in chains:
                if first < second:
                    limbs = [self._limb(chains[leaf], self._common(first, second)) for leaf in (first, second)]
                    if min(len(limb.joints) for limb in limbs) >= 3:
                        joints = sum(len(limb.joints) for limb in limbs)
                        pairs.append((max(depth[first], depth[second]) - 1e-3 * joints, first, second))
        if not pairs:
            raise AthenaError(
                f"robot '{self.robot}': legs were not found: no two chains of three hinges or more end beside each "
                "other; a humanoid with two legs is needed"
            )
        return min(pairs)[1:]

    def _find_arms(self, chains: Mapping[int, list[int]]) -> tuple[int, int]:
        best: tuple[float, int, int] | None = None
        for first in chains:
            for second in chains:
                if first >= second:
                    continue
                limbs = [self._limb(chains[leaf], self._common(first, second)) for leaf in (first, second)]
                if min(len(limb.joints) for limb in limbs) < 3:
                    continue
                sides = [self._offset(limb) for limb in limbs]
                reach = [float(self._path(limb)[-1]) for limb in limbs]
                if sides[0] * sides[1] < 0.0 and min(reach) > 0.8 * max(reach) and (not best or sum(reach) > best[0]):
                    best = (sum(reach), first, second)
        if best is None:
            raise AthenaError(
                f"robot '{self.robot}': arms were not found: no two chains of three hinges or more end on either side "
                "of the body; name torso, shoulders, elbows and hands in the robot file, or use a model with arms"
            )
        return best[1:]

    def _find_forward(self, legs: list[_Limb]) -> tuple[np.ndarray, str]:
        """Where the robot faces: across its legs, towards the longer part of its feet."""
        apart = self._leg_root(legs[0]) - self._leg_root(legs[1])
        apart[2] = 0.0
        if np.linalg.norm(apart) < 1e-3:
            raise AthenaError(f"robot '{self.robot}': legs: both begin at one point; correct the model")
        forward = np.cross(apart / np.linalg.norm(apart), (0.0, 0.0, 1.0))
        ahead = []
        for limb in legs:
            along = (self._surface(limb.links[-1]) - self.data.xanchor[limb.joints[-1]]) @ forward
            ahead.append(along.max() + along.min())
        size = float(np.mean(ahead))
        if abs(size) > 0.01:
            return forward * np.sign(size), "the longer part of the feet"
        axis = np.array([1.0, 0.0, 0.0])
        return forward * (np.sign(forward @ axis) or 1.0), "the x axis: the feet are as long behind as in front"

    def _leg_root(self, limb: _Limb) -> np.ndarray:
        return self.data.xanchor[list(limb.joints[: max(1, len(limb.joints) // 2)])].mean(axis=0)

    def _leg(self, side: str, limb: _Limb) -> dict[str, Role]:
        path, joints = self._path(limb), limb.joints
        sole = float(self._surface(limb.links[-1])[:, 2].min())
        length = path[-1] + max(0.0, float(self.data.xanchor[joints[-1], 2]) - sole)
        lateral = np.abs(self.data.xaxis[list(joints)] @ self.lateral) > _LATERAL_COSINE
        knee = self._middle(limb, f"{side}_knee", path / length, lateral, _KNEE, "lateral hinge")
        below = list(joints[joints.index(knee) + 1 :])
        anchors = self.data.xanchor[below]
        near = [j for j, anchor in zip(below, anchors, strict=True) if anchor[2] - sole < 0.3 * length]
        if not near:
            raise AthenaError(
                f"robot '{self.robot}': {side}_ankle was not found: no joint below '{self._joint_name(knee)}'; "
                "a foot that turns is needed"
            )
        flat = np.linalg.norm(self.data.xanchor[near][:, :2] - self.data.xanchor[near[0], :2], axis=1)
        ankle = [joint for joint, far in zip(near, flat, strict=True) if far < _ANKLE_SPREAD * length]
        foot = int(self.model.jnt_bodyid[ankle[-1]])
        hips = list(joints[: joints.index(knee)])
        if not hips:
            raise AthenaError(
                f"robot '{self.robot}': {side}_hip was not found: no joint above the knee; add hip joints"
            )
        hip = self._meeting(hips, self._twists(limb), path / length)
        knee_point = self._on_axis(knee, hip, self._centre(ankle))
        ahead = self._surface(foot)
        low = ahead[ahead[:, 2] < ahead[:, 2].min() + 0.01]
        fraction = path[joints.index(knee)] / length
        return {
            "hip": self._role(self._nearest(hips, hip), hip, hips, 1.0, "where the axes above the knee meet", "hip"),
            "knee": self._role(
                int(self.model.jnt_bodyid[knee]),
                knee_point,
                [knee],
                1.0 - abs(fraction - _KNEE),
                f"lateral hinge at {fraction:.0%} of the leg",
                "knee",
            ),
            "ankle": self._role(foot, self._centre(ankle), ankle, 1.0, "lowest joints of the leg", "ankle"),
            "foot": self._role(foot, low.mean(axis=0), [], 1.0, "body below the ankle, middle of its sole", ""),
        }

    def _arm(self, side: str, limb: _Limb) -> dict[str, Role]:
        limb = self._without_fingers(limb)
        path, joints = self._path(limb), limb.joints
        last = self.data.xanchor[joints[-1]]
        surface = self._surface(limb.links[-1])
        reach = np.linalg.norm(surface - last, axis=1)
        length = path[-1] + float(reach.max())
        twist = self._twists(limb)
        elbow = self._middle(limb, f"{side}_elbow", path / length, ~twist, _ELBOW, "hinge across the arm")
        index = joints.index(elbow)
        if index == 0:
            raise AthenaError(
                f"robot '{self.robot}': {side}_shoulder was not found: no joint above the elbow; add shoulder joints"
            )
        shoulders, wrists = list(joints[:index]), list(joints[index + 1 :])
        shoulder = self._meeting(shoulders, twist, path / length)
        elbow_point = self._on_axis(elbow, shoulder, self.data.xanchor[wrists[0]] if wrists else surface.mean(axis=0))
        bends = [joint for joint, turns in zip(wrists, twist[index + 1 :], strict=True) if not turns]
        hand = limb.links[-1]
        if bends:
            wrist_body, wrist = int(self.model.jnt_bodyid[bends[0]]), self.data.xanchor[bends[0]]
            reason = "first joint that bends the hand"
        else:
            # Nothing bends the hand: the end of the forearm, as far as its colliders reach.
            wrist_body, middle = hand, surface[reach > 0.5 * reach.max()].mean(axis=0)
            outward = (middle - elbow_point) / max(np.linalg.norm(middle - elbow_point), 1e-9)
            wrist = elbow_point + outward * float(((surface - elbow_point) @ outward).max()) * 0.8
            reason = "end of the forearm, which no joint bends"
        fraction = path[index] / length
        return {
            "shoulder": self._role(
                self._nearest(shoulders, shoulder),
                shoulder,
                shoulders,
                1.0,
                "where the axes above the elbow meet",
                "shoulder",
            ),
            "elbow": self._role(
                int(self.model.jnt_bodyid[elbow]),
                elbow_point,
                [elbow],
                1.0 - abs(fraction - _ELBOW),
                f"hinge across the arm at {fraction:.0%} of its length",
                "elbow",
            ),
            "wrist": self._role(wrist_body, wrist, wrists, 1.0 if bends else 0.8, reason, "wrist" if bends else ""),
            "hand": self._role(hand, self.data.xpos[hand], [], 1.0, "last body of the arm before any fingers", ""),
        }

    def _middle(self, limb: _Limb, role: str, fraction: np.ndarray, fits: np.ndarray, usual: float, what: str) -> int:
        """The joint nearest to the usual place of a knee or elbow among those that fit."""
        given = self.overrides.get(role)
        if given is not None:
            joints = [j for j in limb.joints if self.model.body(self.model.jnt_bodyid[j]).name == given]
            if joints:
                return joints[-1]
        inside = fits & (fraction > _MIDDLE[0]) & (fraction < _MIDDLE[1])
        if not inside.any():
            raise AthenaError(
                f"robot '{self.robot}': {role} was not found: no {what} between {_MIDDLE[0]:.0%} and {_MIDDLE[1]:.0%} "
                f"of the chain to '{self.model.body(limb.links[-1]).name}'; name its body in the robot file"
            )
        distance = np.where(inside, np.abs(fraction - usual), np.inf)
        return limb.joints[int(distance.argmin())]

    def _twists(self, limb: _Limb) -> np.ndarray:
        """(n,) bool: the joint turns the limb about its own length."""
        anchors = self.data.xanchor[list(limb.joints)]
        end = self._surface(limb.links[-1]).mean(axis=0)
        twists = []
        for index, joint in enumerate(limb.joints):
            ahead = [point - anchors[index] for point in (*anchors[index + 1 :], end)]
            far = [vector for vector in ahead if np.linalg.norm(vector) > 0.01] or [np.ones(3)]
            cosine = abs(self.data.xaxis[joint] @ far[0]) / np.linalg.norm(far[0])
            twists.append(cosine > _TWIST_COSINE)
        return np.array(twists)

    def _without_fingers(self, limb: _Limb) -> _Limb:
        """The limb up to the first link that branches, which is the hand, or that does not turn."""
        for index, link in enumerate(limb.links):
            joints = tuple(joint for inner in limb.links[: index + 1] for joint in self._joints(inner))
            following = limb.links[index + 1] if index + 1 < len(limb.links) else None
            ends = following is None or len(self.children[link]) > 1 or not self._joints(following)
            if ends and (len(joints) >= 3 or following is None):
                return _Limb(limb.links[: index + 1], joints)
        return limb

    def _find_head(self, torso: int, limbs: set[int]) -> Role | None:
        """The highest link above the torso that belongs to no limb."""
        above = [link for link in self.children if torso in self._chain(link) and link != torso and link not in limbs]
        above = [link for link in above if not limbs & set(self._chain(link))]
        top = max(above, key=lambda link: float(self._surface(link)[:, 2].max()), default=None)
        if top is None or self._surface(top)[:, 2].max() < self.data.xpos[torso, 2]:
            return None
        joints = [joint for link in self._limb(self._chain(top), torso).links for joint in self._joints(link)]
        point = self._surface(top).mean(axis=0)
        return self._role(top, point, joints, 1.0, "highest link on the torso besides the arms", "head")

    # Points.

    def _trunk(self, link: int, reason: str, joints: tuple[str, ...]) -> Role:
        return Role(self.model.body(link).name, (0.0, 0.0, 0.0), joints, 1.0, reason)

    def _centre(self, joints: list[int]) -> np.ndarray:
        """The point nearest to all axes, in the least squares sense; along a common direction, the middle of them."""
        anchors, axes = self.data.xanchor[joints], self.data.xaxis[joints]
        across = np.eye(3) - axes[:, :, None] * axes[:, None, :] + 1e-3 * np.eye(3)
        return np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, anchors))

    def _meeting(self, joints: list[int], twists: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Where the axes meet about which a limb swings.

        An axis that turns the limb about its length may begin anywhere along it, and does not count.
        """
        swings = [joint for place, joint in enumerate(joints) if not (twists[place] and fraction[place] > 0.1)]
        return self._centre(swings or joints)

    def _on_axis(self, joint: int, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The point of a joint's axis nearest to the line between two points; its motor may sit beside the limb."""
        anchor, axis = self.data.xanchor[joint], self.data.xaxis[joint]
        middle = 0.5 * (before + after)
        return anchor + axis * float((middle - anchor) @ axis)

    def _nearest(self, joints: list[int], point: np.ndarray) -> int:
        bodies = [int(self.model.jnt_bodyid[joint]) for joint in joints]
        return min(bodies, key=lambda body: float(np.linalg.norm(self.data.xpos[body] - point)))

    def _role(self, body: int, point: np.ndarray, joints: list[int], confidence: float, reason: str, word: str) -> Role:
        local = self.data.xmat[body].reshape(3, 3).T @ (point - self.data.xpos[body])
        names = tuple(self._joint_name(joint) for joint in joints)
        everywhere = " ".join(self.model.joint(j).name for j in range(self.model.njnt)).lower()
        if word and word in everywhere and not any(word in name.lower() for name in names):
            confidence *= 0.5
            reason += f"; but the joints named '{word}' are elsewhere"
        return Role(
            self.model.body(body).name, tuple((local.round(6) + 0.0).tolist()), names, round(confidence, 3), reason
        )

    def _joint_name(self, joint: int) -> str:
        return self.model.joint(joint).name

    def _check_mirror(self, found: dict[str, Role]) -> dict[str, Role]:
        """Halve the confidence of parts that are not the mirror image of each other."""
        for part in (*LEG_ROLES, *ARM_ROLES):
            roles = [found[f"{side}_{part}"] for side in SIDES]
            points = [self._world(role) - self.data.xpos[self.root] for role in roles]
            mirrored = points[1] - 2.0 * (points[1] @ self.lateral) * self.lateral
            gap = float(np.linalg.norm(points[0] - mirrored))
            if gap > 0.03 or len(roles[0].joints) != len(roles[1].joints):
                for side, role in zip(SIDES, roles, strict=True):
                    found[f"{side}_{part}"] = dataclasses.replace(
                        role,
                        confidence=role.confidence * 0.5,
                        reason=f"{role.reason}; left and right differ by {gap:.3f} m",
                    )
        return found

    def _world(self, role: Role) -> np.ndarray:
        body = self.model.body(role.body).id
        return self.data.xpos[body] + self.data.xmat[body].reshape(3, 3) @ np.array(role.point)
