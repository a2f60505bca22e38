"""Scripts of the slow clips, in which the centre of mass stays over the support."""

from __future__ import annotations

from athena_wbc.motion.builtin.script import UPRIGHT, Air, Heel, Phase, Place, Script, mirrored

REST = {"left_arm": "rest", "right_arm": "rest"}
BALANCE = {"left_arm": "balance", "right_arm": "balance"}
REACH = {"left_arm": "reach", "right_arm": "reach"}

WAVE = Script(
    name="wave",
    label="balance",
    text="stands and waves with the right hand",
    phases=(
        Phase(0.2),
        Phase(0.9, right_arm="wave_in", torso=(-0.05, 0.0, -0.15), weight=0.42),
        *(Phase(0.4, right_arm=pose) for pose in ("wave_out", "wave_in") * 4),
        Phase(1.0, right_arm="rest", torso=UPRIGHT, weight=0.5),
        Phase(0.2),
    ),
)

SQUAT = Script(
    name="squat",
    label="balance",
    text="squats twice with the arms stretched forward, the second time deep",
    phases=(
        Phase(0.2),
        Phase(0.9, height=-0.2, torso=(0.0, 0.25, 0.0), pelvis=(0.0, 0.2, 0.0), **REACH),
        Phase(0.9, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT, **REST),
        Phase(0.1),
        Phase(1.3, height=-0.42, torso=(0.0, 0.5, 0.0), pelvis=(0.0, 0.4, 0.0), **REACH),
        Phase(0.3),
        Phase(1.3, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT, **REST),
        Phase(0.3),
    ),
)

_LUNGE = (
    Phase(0.8, weight=0.0, press=0.06, height=-0.05),
    Phase(0.6, left=Place(forward=0.58, left=-0.06, lift=0.1), height=-0.13, press=0.07, **BALANCE),
    Phase(0.5, weight=0.45, press=0.05, right=Heel(0.4)),
    Phase(0.7, weight=0.78, press=0.0, height=-0.32, right=Heel(0.8)),
    Phase(0.7, weight=0.45, press=0.05, height=-0.13, right=Heel(0.4)),
    Phase(0.5, weight=0.0, press=0.07, right=Heel(0.0), torso=(0.12, 0.0, 0.0)),
    Phase(0.6, left=Place(lift=0.1), height=-0.06, press=0.05),
    Phase(0.7, weight=0.5, press=0.0, height=0.0, torso=UPRIGHT, **REST),
)

LUNGE = Script(
    name="lunge",
    label="balance",
    text="makes a lunge with the left leg and one with the right leg",
    phases=(Phase(0.2), *_LUNGE, *mirrored(_LUNGE), Phase(0.2)),
)

ONE_LEG_STAND = Script(
    name="one_leg_stand",
    label="balance",
    text="stands on the left leg, leans forward with the right leg stretched back and the arms spread",
    phases=(
        Phase(0.2),
        Phase(1.0, weight=1.0, **BALANCE),
        Phase(0.9, right=Air(forward=-0.1, left=0.14, up=0.15, pitch=0.3), left_arm="side", right_arm="side"),
        Phase(
            1.2,
            right=Air(forward=-0.8, left=0.14, up=0.42, pitch=1.1),
            torso=(0.0, 0.75, 0.0),
            pelvis=(0.0, 0.55, 0.0),
        ),
        Phase(0.4),
        Phase(1.2, right=Air(forward=-0.1, left=0.14, up=0.15, pitch=0.3), torso=UPRIGHT, pelvis=UPRIGHT),
        Phase(0.8, right=Place(), **BALANCE),
        Phase(1.0, weight=0.5, **REST),
        Phase(0.2),
    ),
)

ONE_LEG_SQUAT = Script(
    name="one_leg_squat",
    label="balance",
    text="squats on the right leg with the left leg held in front",
    phases=(
        Phase(0.2),
        Phase(1.0, weight=0.0, **BALANCE),
        Phase(0.8, left=Air(forward=0.2, left=-0.14, up=0.2)),
        Phase(
            1.1, height=-0.19, left=Air(forward=0.45, left=-0.2, up=0.35, pitch=-0.3), torso=(0.14, 0.25, 0.0), **REACH
        ),
        Phase(0.2),
        Phase(1.1, height=0.0, left=Air(forward=0.2, left=-0.14, up=0.2), torso=UPRIGHT, **BALANCE),
        Phase(0.8, left=Place()),
        Phase(1.0, weight=0.5, **REST),
        Phase(0.2),
    ),
)

SCRIPTS = (WAVE, SQUAT, LUNGE, ONE_LEG_STAND, ONE_LEG_SQUAT)
