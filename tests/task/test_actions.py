"""Joint targets from actions: modes, scale, clip, delay, calibration, and the history that others read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.task.actions import JointPositionAction
from athena_wbc.task.config import ActionConfig
from tests.tracking import g1

J = g1().num_joints
KNEE = g1().joint_names.index("left_knee_joint")
WRIST = g1().joint_names.index("left_wrist_yaw_joint")


def make(num_envs: int = 2, max_delay: int = 0, **changes) -> JointPositionAction:
    return JointPositionAction(ActionConfig(**changes), g1(), num_envs, max_delay, torch.device("cpu"))


def apply(
    action: JointPositionAction,
    value: float | Tensor,
    reference: Tensor | None = None,
    delay: list[int] | None = None,
    offset: float = 0.0,
) -> Tensor:
    count = len(action.action)
    value = torch.as_tensor(value, dtype=torch.float32)
    policy = value.expand(count, J).clone() if value.dim() == 0 else value.unsqueeze(-1).repeat(1, J)
    return action.apply(policy, reference, torch.tensor(delay or [0] * count), torch.full((count, J), offset))


def test_scale_is_a_share_of_effort_over_stiffness():
    scale = make(scale=0.25).scale
    assert scale[KNEE].item() == pytest.approx(0.25 * 139 / 99.0984278)
    assert scale[WRIST].item() == pytest.approx(0.25 * 5 / 16.7783275)
    torch.testing.assert_close(make(scale=0.5).scale, 2 * scale)
    torch.testing.assert_close(scale, torch.as_tensor(g1().action_scale, dtype=torch.float32))


def test_absolute_targets_start_from_the_default_pose():
    target = apply(make(mode="absolute"), 2.0)
    assert target[0, KNEE].item() == pytest.approx(0.669 + 2 * 0.25 * 139 / 99.0984278)
    assert target[0, WRIST].item() == pytest.approx(2 * 0.25 * 5 / 16.7783275)


def test_residual_targets_start_from_the_reference():
    reference = torch.linspace(-0.5, 0.5, 2 * J).view(2, J)
    action = make()
    torch.testing.assert_close(apply(action, 0.0, reference), reference)
    torch.testing.assert_close(apply(action, -3.0, reference), reference - 3.0 * action.scale)


def test_the_command_is_the_same_number_for_the_same_target_in_both_modes():
    reference = torch.linspace(-0.5, 0.5, 2 * J).view(2, J)
    residual, absolute = make(mode="residual"), make(mode="absolute")
    target = apply(residual, 0.7, reference)
    nothing = torch.zeros(2, J)
    raw = (target - absolute.default) / absolute.scale
    again = absolute.apply(raw, None, torch.zeros(2, dtype=torch.long), nothing)
    torch.testing.assert_close(again, target)
    torch.testing.assert_close(residual.command, absolute.command)
    torch.testing.assert_close(absolute.command, raw)
    assert (residual.action - 0.7).abs().max() == 0.0, "the raw output stands beside it"


def test_actions_beyond_the_clip_are_cut():
    action = make(mode="absolute", clip=4.0)
    target = apply(action, torch.tensor([100.0, -5.0]))
    torch.testing.assert_close(target[0], action.default + 4.0 * action.scale)
    torch.testing.assert_close(target[1], action.default - 4.0 * action.scale)
    assert action.action[:, 0].tolist() == [4.0, -4.0]
    assert apply(action, 3.9)[0, 0].item() == pytest.approx((action.default + 3.9 * action.scale)[0].item())


def test_calibration_shifts_what_is_executed_and_not_what_was_commanded():
    action = make(mode="absolute")
    plain = apply(action, 0.5)
    command = action.command.clone()
    torch.testing.assert_close(apply(action, 0.5, offset=0.02), plain + 0.02)
    assert torch.equal(action.command, command)


def test_delays_of_none_one_and_two_steps():
    action = make(num_envs=3, max_delay=2, mode="absolute")
    executed = [(apply(action, float(k), delay=[0, 1, 2]) - action.default) / action.scale for k in range(1, 6)]
    by_env = torch.stack(executed)[:, :, KNEE].round(decimals=4).T.tolist()
    # In an episode's first steps there is nothing older than its first target.
    assert by_env == [[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 2.0, 3.0]]


def test_a_reset_forgets_the_late_targets_of_its_environment_alone():
    action = make(num_envs=2, max_delay=2, mode="absolute")
    delay = [2, 2]
    for k in (1.0, 2.0, 3.0):
        apply(action, k, delay=delay)
    action.reset(torch.tensor([1]))
    late = [
        (apply(action, k, delay=delay) - action.default)[:, KNEE] / action.scale[KNEE] for k in (7.0, 8.0, 9.0, 10.0)
    ]
    assert torch.stack(late).T.round(decimals=4).tolist() == [[2.0, 3.0, 7.0, 8.0], [7.0, 7.0, 7.0, 8.0]]


def test_the_calibration_of_now_holds_for_late_targets_too():
    action = make(num_envs=1, max_delay=1, mode="absolute")
    apply(action, 1.0, delay=[1], offset=0.5)
    target = apply(action, 2.0, delay=[1], offset=0.1)
    torch.testing.assert_close(target, (action.default + action.scale + 0.1).unsqueeze(0))


def test_the_first_action_of_an_episode_is_no_jump():
    action = make()
    for k in (1.0, 2.0):
        apply(action, k)
    action.reset(torch.tensor([1]))
    seen = []
    for k in (4.0, 7.0, 9.0):
        apply(action, k)
        a, b, c = action.action[:, 0], action.previous[:, 0], action.before_previous[:, 0]
        seen.append([(a - b).tolist(), (a - 2 * b + c).tolist()])
    # Environment 0 goes on with 1, 2, 4, 7, 9; environment 1 begins with 4.
    assert seen == [[[2.0, 0.0], [1.0, 0.0]], [[3.0, 3.0], [1.0, 3.0]], [[2.0, 2.0], [-1.0, -1.0]]]


def test_history_of_the_policys_output():
    action = make()
    for k in (1.0, 2.0, 4.0):
        apply(action, k)
    assert [t[0, 0].item() for t in (action.action, action.previous, action.before_previous)] == [4.0, 2.0, 1.0]
    action.reset(torch.tensor([0]))
    assert [t[:, 0].tolist() for t in (action.action, action.previous)] == [[0.0, 4.0], [0.0, 2.0]]
    apply(action, 8.0)
    histories = (action.action, action.previous, action.before_previous)
    assert [t[:, 0].tolist() for t in histories] == [[8.0, 8.0], [0.0, 4.0], [0.0, 2.0]]


def test_the_policys_tensor_is_left_alone():
    policy = torch.full((2, J), 3.0)
    action = make(clip=2.0)
    action.apply(policy, torch.zeros(2, J), torch.zeros(2, dtype=torch.long), torch.zeros(2, J))
    action.reset(torch.tensor([0, 1]))
    assert (policy == 3.0).all()


def test_state_goes_round():
    action, other = (make(max_delay=1, mode="absolute") for _ in range(2))
    for k in (1.0, 2.0):
        apply(action, k, delay=[1, 0])
    other.load_state_dict(action.state_dict())
    assert torch.equal(apply(other, 5.0, delay=[1, 0]), apply(action, 5.0, delay=[1, 0]))
    assert torch.equal(other.before_previous, action.before_previous)
    assert torch.equal(other.command, action.command)


def test_an_unknown_mode_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^task\.action\.mode: unknown 'residua'; did you mean 'residual'"):
        make(mode="residua")


@pytest.mark.parametrize(("key", "value"), [("scale", 0.0), ("clip", -1.0), ("lead_steps", -1)])
def test_numbers_out_of_range_are_refused(key: str, value: float):
    with pytest.raises(AthenaError, match=rf"^task\.action\.{key}: is {value:g}"):
        make(**{key: value})
