"""The formulas against numbers worked by hand."""

import math

import pytest
import torch

from training.learn import losses

ONE = torch.ones(1)


def test_bradley_terry_of_equal_rewards_is_ln_2_whatever_the_label() -> None:
    zero = torch.zeros(3)
    loss = losses.bradley_terry(zero, zero, soft_label=torch.tensor([0.0, 0.5, 1.0]), weight=torch.ones(3))
    assert loss.item() == pytest.approx(math.log(2))


def test_bradley_terry_charges_the_log_of_the_odds_against_the_label() -> None:
    loss = losses.bradley_terry(torch.tensor([0.0]), torch.tensor([math.log(3)]), soft_label=ONE, weight=ONE)
    assert loss.item() == pytest.approx(-math.log(3 / 4))


def test_a_soft_label_mixes_the_two_sides() -> None:
    a, b = torch.tensor([0.0]), torch.tensor([math.log(3)])
    loss = losses.bradley_terry(a, b, soft_label=torch.tensor([0.25]), weight=ONE)
    assert loss.item() == pytest.approx(-0.25 * math.log(3 / 4) - 0.75 * math.log(1 / 4))


def test_a_tie_pulls_the_rewards_together() -> None:
    a, b = torch.tensor([0.0], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    losses.bradley_terry(a, b, soft_label=torch.tensor([0.5]), weight=ONE).backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.item() < 0 < b.grad.item()


def test_a_pair_of_weight_three_counts_as_three() -> None:
    a, b = torch.tensor([0.0, 0.0]), torch.tensor([1.0, -2.0])
    weighted = losses.bradley_terry(a, b, soft_label=torch.ones(2), weight=torch.tensor([3.0, 1.0]))
    a, b = torch.zeros(4), torch.tensor([1.0, 1.0, 1.0, -2.0])
    repeated = losses.bradley_terry(a, b, soft_label=torch.ones(4), weight=torch.ones(4))
    assert weighted.item() == pytest.approx(repeated.item())


def test_centring_charges_the_square_of_the_sum() -> None:
    a, b = torch.tensor([1.0]), torch.tensor([2.0])
    plain = losses.bradley_terry(a, b, soft_label=ONE, weight=ONE)
    centred = losses.bradley_terry(a, b, soft_label=ONE, weight=ONE, center=0.01)
    assert (centred - plain).item() == pytest.approx(0.09)


def test_dpo_of_an_unmoved_policy_is_ln_2() -> None:
    margin = torch.tensor([3.0, -1.0])
    loss = losses.dpo(margin, margin, soft_label=torch.tensor([1.0, 0.0]), beta=0.1)
    assert loss.item() == pytest.approx(math.log(2))


def test_dpo_scales_the_gain_of_the_margin_by_beta() -> None:
    loss = losses.dpo(torch.tensor([10.0]), torch.tensor([0.0]), soft_label=ONE, beta=0.1)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_whitened_values_have_mean_0_and_spread_1_over_the_mask() -> None:
    values = torch.tensor([[1.0, 3.0, 100.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    assert losses.whitened(values, mask)[0].tolist() == pytest.approx([-1.0, 1.0, 0.0], abs=1e-5)


def test_ppo_gains_no_more_from_a_ratio_past_the_clip() -> None:
    old, advantage, mask = torch.zeros(1, 1), torch.ones(1, 1), torch.ones(1, 1)
    at_clip, _, _ = losses.ppo_policy(torch.full((1, 1), math.log(1.2)), old, advantage, mask, clip=0.2)
    beyond, ratio, clipped = losses.ppo_policy(torch.full((1, 1), math.log(3.0)), old, advantage, mask, clip=0.2)
    assert at_clip.item() == pytest.approx(-1.2)
    assert beyond.item() == pytest.approx(-1.2)
    assert ratio.item() == pytest.approx(3.0)
    assert clipped.item() == 1.0


def test_ppo_does_not_clip_what_makes_it_worse() -> None:
    old, mask = torch.zeros(1, 1), torch.ones(1, 1)
    loss, _, clipped = losses.ppo_policy(torch.full((1, 1), math.log(3.0)), old, -mask, mask, clip=0.2)
    assert loss.item() == pytest.approx(3.0)
    assert clipped.item() == 0.0


def test_the_value_loss_takes_the_worse_of_the_plain_and_the_clipped_error() -> None:
    value, old, goal, mask = (torch.tensor([[number]]) for number in (1.0, 0.0, 1.0, 1.0))
    assert losses.ppo_value(value, old, goal, mask, clip=0.2).item() == pytest.approx(0.5 * 0.8**2)


def test_gae_by_hand() -> None:
    rewards, values = torch.tensor([[0.0, 0.0, 1.0, 9.0]]), torch.tensor([[0.5, 0.25, 0.5, 9.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    advantages, returns = losses.gae(rewards, values, mask, gamma=1.0, lam=0.5)
    # surprises: 0.25 - 0.5, 0.5 - 0.25, 1 - 0.5
    third = 0.5
    second = 0.25 + 0.5 * third
    first = -0.25 + 0.5 * second
    assert advantages[0].tolist() == pytest.approx([first, second, third, 0.0])
    assert returns[0].tolist() == pytest.approx([first + 0.5, second + 0.25, 1.0, 0.0])


def test_gae_with_lambda_1_returns_the_reward_to_come() -> None:
    rewards, mask = torch.tensor([[1.0, 2.0, 3.0]]), torch.ones(1, 3)
    _, returns = losses.gae(rewards, torch.tensor([[7.0, -3.0, 2.0]]), mask, gamma=1.0, lam=1.0)
    assert returns[0].tolist() == pytest.approx([6.0, 5.0, 3.0])


def test_gae_does_not_reach_over_the_prompt() -> None:
    mask = torch.tensor([[0.0, 1.0, 1.0]])
    advantages, _ = losses.gae(torch.ones(1, 3), torch.ones(1, 3), mask, gamma=1.0, lam=0.95)
    assert advantages[0, 0].item() == 0.0


def test_the_score_is_earned_at_the_last_token_and_the_kl_at_each() -> None:
    mask = torch.tensor([[0.0, 1.0, 1.0, 0.0]])
    kl = torch.tensor([[5.0, 0.5, -0.25, 5.0]])
    rewards = losses.token_rewards(torch.tensor([2.0]), kl, mask, kl_coef=0.1)
    assert rewards[0].tolist() == pytest.approx([0.0, -0.05, 2.025, 0.0])


def test_the_kl_coefficient_holds_still_on_target_and_never_jumps() -> None:
    assert losses.adapted_kl_coef(0.05, kl=3.0, kl_target=3.0) == pytest.approx(0.05)
    assert losses.adapted_kl_coef(0.05, kl=300.0, kl_target=3.0) == pytest.approx(0.05 * math.exp(0.1))
    assert losses.adapted_kl_coef(0.05, kl=0.0, kl_target=3.0) == pytest.approx(0.05 * math.exp(-0.1))


def test_token_logprobs_pick_the_next_token() -> None:
    logits = torch.log(torch.tensor([[[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]]))
    logprobs, entropy = losses.token_logprobs(logits, torch.tensor([[0, 1, 0]]), torch.tensor([[1.0, 0.0]]))
    assert logprobs[0].tolist() == pytest.approx([math.log(0.75), 0.0])
    assert entropy[0, 0].item() == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
