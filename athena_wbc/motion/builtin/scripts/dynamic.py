"""Scripts of the fast clips: strikes, kicks and flights."""

from __future__ import annotations

from athena_wbc.motion.builtin.script import UPRIGHT, Air, Phase, Place, Script

REST = {"left_arm": "rest", "right_arm": "rest"}
GUARD = {"left_arm": "guard", "right_arm": "guard"}
BACK = {"left_arm": "swing_back", "right_arm": "swing_back"}
FORWARD = {"left_arm": "swing_forward", "right_arm": "swing_forward"}

PUNCH = Script(
    name="punch_combination",
    label="dynamic",
    text="steps into a fighting stance and throws a jab, a cross, a hook and an uppercut",
    phases=(
        Phase(0.2),
        Phase(0.6, weight=0.04, height=-0.03, **GUARD),
        Phase(0.46, left=Place(forward=0.28), height=-0.06),
        Phase(0.46, weight=0.5, height=-0.08, torso=(0.0, 0.1, -0.2)),
        Phase(0.26, left_arm="punch", torso=(0.0, 0.12, -0.4), weight=0.55),
        Phase(0.28, **GUARD, torso=(0.0, 0.1, -0.1)),
        Phase(0.28, right_arm="punch", torso=(0.0, 0.15, 0.5), weight=0.6),
        Phase(0.3, **GUARD, torso=(0.0, 0.1, 0.25), weight=0.5),
        Phase(0.32, left_arm="hook", torso=(0.0, 0.1, -0.55), weight=0.42),
        Phase(0.34, **GUARD, torso=(0.0, 0.1, -0.35), height=-0.12),
        Phase(0.3, right_arm="uppercut", torso=(0.0, 0.05, 0.4), weight=0.6, height=-0.05),
        Phase(0.4, **GUARD, torso=(0.0, 0.05, 0.0), weight=0.5),
        Phase(0.6, weight=0.04, height=-0.06, torso=UPRIGHT),
        Phase(0.46, left=Place(), height=0.0),
        Phase(0.6, weight=0.5, **REST),
        Phase(0.2),
    ),
)

HIGH_KICK = Script(
    name="high_kick",
    label="dynamic",
    text="kicks high to the front with the right leg",
    phases=(
        Phase(0.2),
        Phase(0.9, weight=1.0, **GUARD),
        Phase(0.44, right=Air(forward=0.3, left=0.14, up=0.4, pitch=0.5)),
        Phase(
            0.36,
            right=Air(forward=0.9, left=0.14, up=0.96, pitch=-1.05),
            torso=(0.0, -0.25, 0.0),
            pelvis=(0.0, -0.25, 0.0),
        ),
        Phase(0.36, right=Air(forward=0.3, left=0.14, up=0.4, pitch=0.5), torso=UPRIGHT, pelvis=UPRIGHT),
        Phase(0.44, right=Place()),
        Phase(0.9, weight=0.5, **REST),
        Phase(0.4),
    ),
)

JUMP = Script(
    name="vertical_jump",
    label="dynamic",
    text="jumps up from both feet, twice",
    height_of="com",
    phases=(
        Phase(0.2),
        *(
            phase
            for flight in (0.24, 0.3)
            for phase in (
                Phase(0.7, height=-0.18, torso=(0.0, 0.42, 0.0), pelvis=(0.0, 0.5, 0.0), **BACK),
                Phase(0.32, height=-0.08, torso=(0.0, 0.1, 0.0), pelvis=(0.0, 0.1, 0.0), **FORWARD),
                Phase(flight, left=Place(), right=Place(), flight=True),
                Phase(0.32, height=-0.19, torso=(0.0, 0.45, 0.0), pelvis=(0.0, 0.5, 0.0)),
                Phase(0.7, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT, **REST),
            )
        ),
        Phase(0.3),
    ),
)

HOP = Script(
    name="hop",
    label="dynamic",
    text="hops forward four times with both feet",
    height_of="com",
    phases=(
        Phase(0.2),
        Phase(0.6, height=-0.12, torso=(0.0, 0.3, 0.0), pelvis=(0.0, 0.3, 0.0), **BACK),
        Phase(0.3, height=-0.06, torso=(0.0, 0.22, 0.0), pelvis=(0.0, 0.22, 0.0), **FORWARD),
        *(
            phase
            for number in range(4)
            for phase in (
                Phase(0.2, left=Place(forward=0.12), right=Place(forward=0.12), flight=True),
                *((Phase(0.3),) if number < 3 else ()),
            )
        ),
        Phase(0.34, height=-0.12, torso=(0.0, 0.3, 0.0), pelvis=(0.0, 0.3, 0.0)),
        Phase(0.8, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT, **REST),
        Phase(0.3),
    ),
)

ONE_LEG_HOP = Script(
    name="one_leg_hop",
    label="dynamic",
    text="hops twice on the left leg",
    height_of="com",
    phases=(
        Phase(0.2),
        Phase(0.9, weight=1.0, left_arm="balance", right_arm="balance"),
        Phase(0.5, right=Air(forward=-0.15, left=0.18, up=0.3, pitch=0.5)),
        Phase(0.4, height=-0.1, torso=(-0.28, 0.12, 0.0)),
        Phase(0.28, height=-0.03),
        Phase(0.16, left=Place(), flight=True),
        Phase(0.32),
        Phase(0.16, left=Place(), flight=True),
        Phase(0.34, height=-0.1),
        Phase(0.5, height=0.0, torso=UPRIGHT),
        Phase(0.5, right=Place()),
        Phase(0.9, weight=0.5, **REST),
        Phase(0.2),
    ),
)

SCRIPTS = (PUNCH, HIGH_KICK, JUMP, HOP, ONE_LEG_HOP)
