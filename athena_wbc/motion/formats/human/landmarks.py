"""Which joint is which landmark: by naming families, and by the structure of the tree where names are unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.human import LANDMARKS, REQUIRED, SIDED

FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "MotionBuilder (Mixamo, LAFAN1, CMU, Perception Neuron, Rokoko)": {
        "pelvis": ("hips", "hip", "pelvis"),
        "chest": ("spine3", "spine4", "spine2", "chest", "spine1", "spine"),
        "neck": ("neck", "neck1"),
        "head": ("head",),
        "hip": ("upleg", "thigh"),
        "knee": ("leg", "shin"),
        "ankle": ("foot",),
        "toe": ("toebase", "toe", "toes"),
        "shoulder": ("arm",),
        "elbow": ("forearm",),
        "wrist": ("hand",),
    },
    "SOMA": {
        "pelvis": ("hips",),
        "chest": ("chest",),
        "neck": ("neck1",),
        "head": ("head",),
        "hip": ("leg",),
        "knee": ("shin",),
        "ankle": ("foot",),
        "toe": ("toebase",),
        "shoulder": ("arm",),
        "elbow": ("forearm",),
        "wrist": ("hand",),
    },
    "hip-knee-ankle (Poser, Daz, MotionBank, SMPL, DeepMimic)": {
        "pelvis": ("hips", "pelvis", "root", "hip"),
        "chest": ("chest4", "chest3", "chest2", "chest", "spine3", "spine2", "torso"),
        "neck": ("neck", "neck1"),
        "head": ("head",),
        "hip": ("hip",),
        "knee": ("knee",),
        "ankle": ("ankle",),
        "toe": ("toe", "toebase", "foot", "ball"),
        "shoulder": ("shoulder",),
        "elbow": ("elbow",),
        "wrist": ("wrist",),
    },
    "Xsens": {
        "pelvis": ("pelvis", "hips"),
        "chest": ("t8", "chest4", "chest3"),
        "neck": ("neck",),
        "head": ("head",),
        "hip": ("upperleg",),
        "knee": ("lowerleg",),
        "ankle": ("foot",),
        "toe": ("toe", "toes"),
        "shoulder": ("upperarm",),
        "elbow": ("forearm", "lowerarm"),
        "wrist": ("hand",),
    },
    "VRM and Unity": {
        "pelvis": ("hips",),
        "chest": ("upperchest", "chest", "spine"),
        "neck": ("neck",),
        "head": ("head",),
        "hip": ("upperleg",),
        "knee": ("lowerleg",),
        "ankle": ("foot",),
        "toe": ("toes", "toe", "toebase"),
        "shoulder": ("upperarm",),
        "elbow": ("lowerarm",),
        "wrist": ("hand",),
    },
    "Biped, Unreal and Rigify": {
        "pelvis": ("pelvis", "hips", "spine"),
        "chest": ("spine2", "spine03", "spine3", "spine003", "chest", "spine1", "spine01"),
        "neck": ("neck", "neck01", "spine004"),
        "head": ("head", "spine006"),
        "hip": ("thigh",),
        "knee": ("calf", "shin"),
        "ankle": ("foot",),
        "toe": ("toe0", "ball", "toe"),
        "shoulder": ("upperarm",),
        "elbow": ("forearm", "lowerarm"),
        "wrist": ("hand",),
    },
    "Acclaim (ends of the bones)": {
        "pelvis": ("root",),
        "chest": ("upperback",),
        "neck": ("lowerneck",),
        "head": ("head",),
        "hip": ("hipjoint",),
        "knee": ("femur",),
        "ankle": ("tibia",),
        "toe": ("foot",),
        "shoulder": ("clavicle",),
        "elbow": ("humerus",),
        "wrist": ("radius",),
    },
}
"""Family -> landmark -> names, best first. Sided names go without their side, which may stand before or behind them, as
``left`` or ``l``; case, separators and namespaces are ignored."""

_NAMESPACE = re.compile(r"^(mixamorig\d*|bip\d*|character\d*|robot|skeleton\d*|reference)(?=.)")
_SHORTEST_FOOT = 0.15
"""Share of the shank below which the end of a foot is none: some skeletons end right below the ankle."""

_ALONG_SHANK = 0.9
"""Cosine between foot and shank above which it only prolongs the leg."""

_SIDES = ({"left": "left", "right": "right"}, {"left": "l", "right": "r"})


def normalise(name: str) -> str:
    """A joint's name in lower case, without namespace, separators and the prefix of a rig."""
    name = re.split(r"[:|]", name)[-1].lower()
    return _NAMESPACE.sub("", re.sub(r"[^a-z0-9]", "", name)) or name


def find_by_names(names: Sequence[str]) -> tuple[dict[str, str], str] | None:
    """Landmarks of the family that fits best and its name, or None where none has all that a whole body needs."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(normalise(name), name)
    best: tuple[dict[str, str], str] | None = None
    for family, table in FAMILIES.items():
        for sides in _SIDES:
            for order in ("{0}{1}", "{1}{0}"):
                found = _match(table, plain, sides, order)
                if set(REQUIRED) <= set(found) and (best is None or len(found) > len(best[0])):
                    best = found, family
    return best


def _match(
    table: Mapping[str, tuple[str, ...]], plain: Mapping[str, str], sides: Mapping[str, str], order: str
) -> dict[str, str]:
    found: dict[str, str] = {}
    for landmark, candidates in table.items():
        if landmark not in SIDED:
            name = next((plain[candidate] for candidate in candidates if candidate in plain), None)
            if name is not None:
                found[landmark] = name
            continue
        for side, word in sides.items():
            wanted = (order.format(word, candidate) for candidate in candidates)
            name = next((plain[candidate] for candidate in wanted if candidate in plain), None)
            if name is not None:
                found[f"{side}_{landmark}"] = name
    return {landmark: found[landmark] for landmark in LANDMARKS if landmark in found}


def find_by_structure(names: Sequence[str], parents: Sequence[int], positions: np.ndarray) -> dict[str, str] | None:
    """Landmarks from the tree and the geometry alone, or None where it is not that of a person.

    The pelvis is the first joint with three limbs: two chains that do not branch into limbs again are the legs, the
    one that does is the spine, which ends where the arms begin. The two longest neighbouring segments of a limb are
    its upper and lower half. Left is where it must be for the toes (without toes: the bent knees) to point forwards.

    Args:
        names: J names. parents: J indices, -1 for the root. positions: (T, J, 3) in any unit and frame.
    """
    tree = _Tree(parents, positions)
    pelvis = next((joint for joint in tree.order if len(tree.limbs(joint)) >= 3), None)
    if pelvis is None:
        return None
    limbs = tree.limbs(pelvis)
    branched = {limb: tree.branch(limb) for limb in limbs}
    trunks = [limb for limb in limbs if branched[limb] is not None]
    legs = [tree.halves(pelvis, limb) for limb in limbs if branched[limb] is None]
    if len(trunks) != 1 or len(legs) != 2 or None in legs:
        return None
    chest = branched[trunks[0]]
    arms = sorted(tree.limbs(chest), key=lambda limb: -tree.reach(chest, limb))[:2]
    halves = [tree.halves(chest, limb) for limb in arms]
    if None in halves:
        return None
    others = [child for child in tree.children[chest] if child not in arms]
    head = tree.chain(max(others, key=lambda child: len(tree.chain(child)))) if others else []
    found = {"pelvis": pelvis, "chest": chest}
    if head:
        found |= {"neck": head[0], "head": head[min(1, len(head) - 1)]}
    at = {joint: positions[:, joint] for joint in range(len(names))}
    up = at[chest] - 0.5 * (at[legs[0][2]] + at[legs[1][2]])
    forward = np.zeros_like(up)
    for hip, knee, ankle, toe in legs:
        forward += at[toe] - at[ankle] if toe is not None else at[knee] - 0.5 * (at[hip] + at[ankle])
    left = np.cross(up, forward)
    for kind, limb in (("hip knee ankle toe", legs), ("shoulder elbow wrist", halves)):
        side = float(np.sum((at[limb[0][0]] - at[limb[1][0]]) * left))
        if abs(side) < 1e-9:
            return None
        ordered = limb if side > 0.0 else limb[::-1]
        for name, joints in zip(("left", "right"), ordered, strict=True):
            parts = zip(kind.split(), joints, strict=False)
            found |= {f"{name}_{part}": joint for part, joint in parts if joint is not None}
    return {landmark: names[found[landmark]] for landmark in LANDMARKS if landmark in found}


def _ends_of_feet(
    found: Mapping[str, str], names: Sequence[str], parents: Sequence[int], positions: np.ndarray
) -> dict[str, str]:
    """Toe landmarks of a skeleton that names none: the first joint down each foot that lies ahead of the ankle."""
    toes: dict[str, str] = {}
    for side in ("left", "right"):
        if f"{side}_toe" in found:
            return {}
        knee, ankle = (names.index(found[f"{side}_{part}"]) for part in ("knee", "ankle"))
        shank = positions[:, ankle] - positions[:, knee]
        leg = np.linalg.norm(shank, axis=1)
        below = ankle
        while f"{side}_toe" not in toes:
            children = [joint for joint, parent in enumerate(parents) if parent == below]
            if len(children) != 1:
                return {}
            below = children[0]
            foot = positions[:, below] - positions[:, ankle]
            length = np.linalg.norm(foot, axis=1)
            along = np.median((foot * shank).sum(axis=1) / np.maximum(length * leg, 1e-9))
            if np.median(length) > _SHORTEST_FOOT * np.median(leg) and abs(along) < _ALONG_SHANK:
                toes[f"{side}_toe"] = names[below]
    return toes


class _Tree:
    """Chains of a skeleton, with their median lengths."""

    def __init__(self, parents: Sequence[int], positions: np.ndarray) -> None:
        self.children: list[list[int]] = [[] for _ in parents]
        for joint, parent in enumerate(parents):
            if parent >= 0:
                self.children[parent].append(joint)
        self.order = [joint for joint, parent in enumerate(parents) if parent < 0]
        for joint in self.order:
            self.order += self.children[joint]
        self.length = np.zeros(len(parents))
        for joint, parent in enumerate(parents):
            if parent >= 0:
                step = positions[:, joint] - positions[:, parent]
                self.length[joint] = np.median(np.linalg.norm(step, axis=1))
        self.depth = [0.0] * len(parents)
        for joint in reversed(self.order):
            below = (self.depth[child] + self.length[child] for child in self.children[joint])
            self.depth[joint] = max(below, default=0.0)

    def reach(self, joint: int, child: int) -> float:
        """Length from a joint to the farthest end below one of its children."""
        return self.length[child] + self.depth[child]

    def limbs(self, joint: int) -> list[int]:
        """Children that lead to arms, legs or a spine: at least 30 % of the longest such reach, three joints long."""
        reaches = {child: self.reach(joint, child) for child in self.children[joint]}
        longest = max(reaches.values(), default=0.0)
        return [c for c, reach in reaches.items() if reach > 0.3 * longest and len(self.chain(c)) >= 3]

    def chain(self, joint: int) -> list[int]:
        """The longest way down from a joint, which comes first."""
        chain = [joint]
        while self.children[chain[-1]]:
            last = chain[-1]
            chain.append(max(self.children[last], key=lambda child, last=last: self.reach(last, child)))
        return chain

    def branch(self, limb: int) -> int | None:
        """The first joint along a limb from which two long limbs leave."""
        total = self.depth[limb] + self.length[limb]
        for joint in self.chain(limb):
            if sum(self.reach(joint, child) > 0.4 * total for child in self.limbs(joint)) >= 2:
                return joint
        return None

    def halves(self, start: int, limb: int) -> tuple[int, int, int, int | None] | None:
        """Upper end, middle and lower end of a limb's two longest neighbouring segments, and the joint behind."""
        chain = [start, *self.chain(limb)]
        if len(chain) < 4:
            return None
        pairs = [min(self.length[chain[i]], self.length[chain[i + 1]]) for i in range(2, len(chain) - 1)]
        first = 1 + int(np.argmax(pairs))
        upper, knee, ankle = chain[first : first + 3]
        return upper, knee, ankle, chain[first + 3] if first + 3 < len(chain) else None


def find_landmarks(
    where: str, names: Sequence[str], parents: Sequence[int], positions: np.ndarray
) -> tuple[dict[str, str], str]:
    """Landmarks of a skeleton, and by what they were found.

    Raises:
        AthenaError: neither names nor structure show a whole body.
    """
    by_name = find_by_names(names)
    if by_name is not None:
        found, family = by_name
        toes = _ends_of_feet(found, names, parents, positions)
        said = f"; toes: the ends of the feet, {' and '.join(toes.values())}" if toes else ""
        return found | toes, f"by names of the family {family}{said}"
    by_structure = find_by_structure(names, parents, positions)
    if by_structure is not None and set(REQUIRED) <= set(by_structure):
        return by_structure, "by the structure of the tree, since the names are of no known family"
    shown = ", ".join(names[:12]) + (f", ... {len(names)} in all" if len(names) > 12 else "")
    raise AthenaError(
        f"{where}: the joints {shown} show no whole body with legs and arms; name them by --landmarks if it has one"
    )
