"""Scripts of the clips that go somewhere, or step on the spot."""

from __future__ import annotations

from athena_wbc.motion.builtin.script import Air, Phase, Place, Script, mirrored

UPRIGHT = (0.0, 0.0, 0.0)


def _steps(count: int, first: Phase, swing: Phase) -> tuple[Phase, ...]:
    """Alternate steps: `first` moves the weight onto the right foot, `swing` swings the left one; then mirrored."""
    step = (first, swing)
    return tuple(phase for number in range(count) for phase in (mirrored(step) if number % 2 else step))


def _gait(count: int, shift: float, swing: float, stride: float, **posture) -> tuple[Phase, ...]:
    """A walk of `count` steps that starts and ends side by side; a step of half the stride at either end."""
    first = Phase(shift, weight=0.04)
    pace = Phase(
        swing,
        left=Place(forward=stride, lift=posture.pop("lift", 0.09)),
        left_arm="swing_back",
        right_arm="swing_forward",
        **posture,
    )
    steps = list(_steps(count, first, pace))
    closing = steps[-1]
    side = "left" if closing.left is not None else "right"
    steps[-1] = Phase(swing, **{side: Place(lift=0.09)}, left_arm="rest", right_arm="rest", torso=UPRIGHT)
    return tuple(steps)


WALK = Script(
    name="walk",
    label="locomotion",
    text="walks forward with swinging arms",
    phases=(
        Phase(0.3),
        Phase(0.6, weight=0.04, torso=(0.0, 0.05, 0.0), height=-0.03),
        *_gait(9, 0.14, 0.46, 0.36)[1:],
        Phase(0.6, weight=0.5, height=0.0),
        Phase(0.4),
    ),
)

WALK_CURVE = Script(
    name="walk_curve",
    label="locomotion",
    text="walks along a curve to the left",
    phases=(
        Phase(0.3),
        Phase(0.6, weight=0.04),
        *(
            phase
            for number in range(4)
            for phase in (
                *((Phase(0.16, weight=0.04),) if number else ()),
                Phase(
                    0.46,
                    left=Place(forward=0.3, turn=0.22),
                    left_arm="swing_back",
                    right_arm="swing_forward",
                ),
                Phase(0.16, weight=0.96),
                Phase(
                    0.46,
                    right=Place(forward=0.3 if number < 3 else 0.0, turn=0.22 if number < 3 else 0.0),
                    left_arm="swing_forward" if number < 3 else "rest",
                    right_arm="swing_back" if number < 3 else "rest",
                ),
            )
        ),
        Phase(0.6, weight=0.5),
        Phase(0.4),
    ),
)

MARCH = Script(
    name="march",
    label="locomotion",
    text="marches on the spot, lifting the knees",
    phases=(
        Phase(0.3),
        Phase(0.6, weight=0.02),
        *(
            phase
            for number in range(8)
            for phase in (mirrored if number % 2 else tuple)(
                (
                    Phase(0.18 if number else 0.06, weight=0.02),
                    Phase(
                        0.3,
                        left=Air(forward=0.14, up=0.26, pitch=0.25),
                        left_arm="swing_back",
                        right_arm="swing_forward",
                    ),
                    Phase(0.3, left=Place()),
                )
            )
        ),
        Phase(0.7, weight=0.5, left_arm="rest", right_arm="rest"),
        Phase(0.4),
    ),
)

SIDE_STEP = Script(
    name="side_step",
    label="locomotion",
    text="steps three times to the left and three times back to the right",
    phases=(
        Phase(0.3),
        Phase(0.5, weight=0.04, height=-0.03),
        *(
            phase
            for number in range(3)
            for phase in (
                *((Phase(0.22, weight=0.04),) if number else ()),
                Phase(0.44, left=Place(left=0.25)),
                Phase(0.28, weight=0.96),
                Phase(0.4, right=Place()),
            )
        ),
        *(
            phase
            for _ in range(3)
            for phase in (
                Phase(0.24, weight=0.96),
                Phase(0.44, right=Place(left=-0.25)),
                Phase(0.28, weight=0.04),
                Phase(0.4, left=Place()),
            )
        ),
        Phase(0.6, weight=0.5, height=0.0),
        Phase(0.4),
    ),
)

TURN = Script(
    name="turn_in_place",
    label="locomotion",
    text="turns to the left on the spot, by half a turn",
    phases=(
        Phase(0.3),
        Phase(0.5, weight=0.04),
        *(
            phase
            for number in range(6)
            for phase in (
                *((Phase(0.2, weight=0.04),) if number else ()),
                Phase(0.42, left=Place(turn=0.5236)),
                Phase(0.2, weight=0.96),
                Phase(0.42, right=Place()),
            )
        ),
        Phase(0.6, weight=0.5),
        Phase(0.4),
    ),
)

CROUCH_WALK = Script(
    name="crouch_walk",
    label="locomotion",
    text="walks forward in a deep crouch",
    phases=(
        Phase(0.3),
        Phase(1.0, height=-0.26, torso=(0.0, 0.6, 0.0), pelvis=(0.0, 0.45, 0.0)),
        Phase(0.5, weight=0.04),
        *_gait(6, 0.18, 0.46, 0.28, lift=0.07)[1:-1],
        Phase(0.46, right=Place(lift=0.07), left_arm="rest", right_arm="rest"),
        Phase(0.5, weight=0.5),
        Phase(1.0, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT),
        Phase(0.4),
    ),
)

SCRIPTS = (WALK, WALK_CURVE, MARCH, SIDE_STEP, TURN, CROUCH_WALK)
