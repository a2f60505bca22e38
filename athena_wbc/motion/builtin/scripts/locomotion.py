"""Scripts of the clips that go somewhere, or step on the spot."""

from __future__ import annotations

import dataclasses

from athena_wbc.motion.builtin.script import UPRIGHT, Air, Phase, Place, Script, mirrored


def gait(steps: int, shift: float, swing: float, stride: Place, arms: bool = True) -> tuple[Phase, ...]:
    """Alternate steps, the left foot first; the last one brings the feet side by side.

    Args:
        steps: how many.
        shift: time of double support between two swings, in which the weight changes over.
        swing: time of a swing.
        stride: a step of the left foot.
        arms: swing the arms against the legs.
    """
    swung = {"left_arm": "swing_back", "right_arm": "swing_forward"} if arms else {}
    still = {"left_arm": "rest", "right_arm": "rest"} if arms else {}
    phases: list[Phase] = []
    for number in range(steps):
        last = number == steps - 1
        place = dataclasses.replace(stride, forward=0.0, turn=0.0) if last else stride
        step = (Phase(shift, weight=0.04), Phase(swing, left=place, **(still if last else swung)))
        # The first shift starts from standing and is up to the script.
        step = step[1:] if number == 0 else step
        phases += _outward(step, number)
    return tuple(phases)


def _outward(step: tuple[Phase, ...], number: int) -> tuple[Phase, ...]:
    """The step for the foot whose turn it is; turning keeps its direction, which mirroring exchanges."""
    if number % 2 == 0:
        return step
    flipped = mirrored(step)
    last = flipped[-1]
    return (*flipped[:-1], dataclasses.replace(last, right=dataclasses.replace(last.right, turn=step[-1].left.turn)))


WALK = Script(
    name="walk",
    label="locomotion",
    text="walks forward with swinging arms",
    phases=(
        Phase(0.2),
        Phase(0.6, weight=0.04, height=-0.04, torso=(0.0, 0.06, 0.0)),
        *gait(9, shift=0.12, swing=0.42, stride=Place(forward=0.4)),
        Phase(0.7, weight=0.5, height=0.0, torso=UPRIGHT),
        Phase(0.3),
    ),
)

WALK_CURVE = Script(
    name="walk_curve",
    label="locomotion",
    text="walks along a curve to the left",
    phases=(
        Phase(0.2),
        Phase(0.6, weight=0.04, height=-0.02),
        *gait(8, shift=0.16, swing=0.46, stride=Place(forward=0.26, turn=0.2)),
        Phase(0.7, weight=0.5, height=0.0),
        Phase(0.3),
    ),
)

MARCH = Script(
    name="march",
    label="locomotion",
    text="marches on the spot, lifting the knees",
    phases=(
        Phase(0.2),
        Phase(0.6, weight=0.03),
        *(
            phase
            for number in range(8)
            for phase in (mirrored if number % 2 else tuple)(
                (
                    Phase(0.16, weight=0.03),
                    Phase(
                        0.3,
                        left=Air(forward=0.14, left=-0.06, up=0.26, pitch=0.25),
                        left_arm="swing_back",
                        right_arm="swing_forward",
                    ),
                    Phase(0.3, left=Place()),
                )
            )
        ),
        Phase(0.7, weight=0.5, left_arm="rest", right_arm="rest"),
        Phase(0.3),
    ),
)

_SIDE_STEP = (
    Phase(0.22, weight=0.05),
    Phase(0.36, left=Place(left=0.15)),
    Phase(0.22, weight=0.95),
    Phase(0.36, right=Place()),
)

SIDE_STEP = Script(
    name="side_step",
    label="locomotion",
    text="steps twice to the left and twice back to the right",
    phases=(
        Phase(0.2),
        Phase(0.4, weight=0.3, height=-0.03),
        *(_SIDE_STEP * 2),
        *(mirrored(_SIDE_STEP) * 2),
        Phase(0.6, weight=0.5, height=0.0),
        Phase(0.3),
    ),
)

TURN = Script(
    name="turn_in_place",
    label="locomotion",
    text="turns to the left on the spot, by half a turn",
    phases=(
        Phase(0.2),
        Phase(0.4, weight=0.3),
        *(
            (
                Phase(0.2, weight=0.04),
                Phase(0.4, left=Place(turn=0.6283)),
                Phase(0.2, weight=0.96),
                Phase(0.4, right=Place()),
            )
            * 5
        ),
        Phase(0.6, weight=0.5),
        Phase(0.3),
    ),
)

CROUCH_WALK = Script(
    name="crouch_walk",
    label="locomotion",
    text="walks forward in a deep crouch",
    phases=(
        Phase(0.2),
        Phase(0.9, height=-0.23, torso=(0.0, 0.65, 0.0), pelvis=(0.0, 0.5, 0.0)),
        Phase(0.5, weight=0.04),
        *gait(8, shift=0.14, swing=0.42, stride=Place(forward=0.22, lift=0.07), arms=False),
        Phase(0.5, weight=0.5),
        Phase(0.9, height=0.0, torso=UPRIGHT, pelvis=UPRIGHT),
        Phase(0.3),
    ),
)

SCRIPTS = (MARCH, WALK, SIDE_STEP, TURN, WALK_CURVE, CROUCH_WALK)
