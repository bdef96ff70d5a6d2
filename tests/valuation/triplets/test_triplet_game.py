"""The game of triplets against steps that are really taken, and its expansion against brute force."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from triplet_samples import REWARD, all_coalitions, backbone_of, game_of, shapley_by_definition

from recval.adapter import preconditioned
from recval.games import Shapley
from recval.valuation.triplets import taylor_game, taylor_values


@pytest.mark.parametrize("model", ["factors", "BPR", "LightGCN", "recbole:LightGCN"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_coalition_is_worth_what_the_model_is_after_its_steps(model, steps):
    backbone = backbone_of(model)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    game, batch = game_of(backbone, steps=steps)
    coalitions = all_coalitions(8)[[0, 1, 37, 90, 200, 255]]
    found = game.value(coalitions)
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    for coalition, value in zip(coalitions, found, strict=True):
        trained = copy.deepcopy(backbone).eval()
        optimizer = torch.optim.SGD(trained.parameters(), lr=5.0)
        for _ in range(steps):
            optimizer.zero_grad()
            (trained.loss_per_sample(batch) * torch.from_numpy(coalition)).mean().backward()
            optimizer.step()
        assert value == pytest.approx(float(REWARD(trained, torch.Generator().manual_seed(4)).detach()), abs=1e-10)
    assert np.ptp(found) > 1e-5


@pytest.mark.parametrize("model", ["factors", "LightGCN"])
def test_the_step_sizes_may_be_adams(model):
    """The grand coalition takes the step that Adam takes after its momentum has been set to the gradient."""
    backbone = backbone_of(model)
    optimizer = torch.optim.Adam(backbone.parameters(), lr=0.05, betas=(0.0, 0.99))
    game, batch = game_of(backbone, sizes=preconditioned(optimizer))
    trained = copy.deepcopy(backbone).eval()
    stepper = torch.optim.Adam(trained.parameters(), lr=0.05, betas=(0.0, 0.99))
    trained.loss_per_sample(batch).mean().backward()
    stepper.step()
    assert game.grand_value == pytest.approx(
        float(REWARD(trained, torch.Generator().manual_seed(4)).detach()), abs=1e-10
    )


@pytest.mark.parametrize("model", ["factors", "BPR", "LightGCN"])
def test_the_expansion_is_that_of_a_small_step(model):
    """Its error falls with the third power of the step, and its values are those of its coalitions."""
    backbone = backbone_of(model)
    coalitions, errors, spreads = all_coalitions(8), [], []
    for rate in (0.4, 0.2):
        game, _ = game_of(backbone, rate=rate)
        surrogate = taylor_game(game)
        values, expanded = game.value(coalitions), surrogate.value(coalitions)
        errors.append(np.abs(values - expanded).max())
        spreads.append(np.ptp(values))
        closed = surrogate.values_of(Shapley())
        np.testing.assert_allclose(shapley_by_definition(expanded, 8), closed, atol=1e-12)
        np.testing.assert_allclose(taylor_values(game), closed, atol=1e-12)
        assert np.abs(surrogate.pairs).max() > 1e-9
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.3)
    assert errors[1] < 0.01 * spreads[1]


def test_the_expansion_of_several_steps_has_their_length():
    backbone = backbone_of("factors")
    one, three = (game_of(backbone, rate=rate, steps=steps)[0] for rate, steps in ((0.3, 1), (0.1, 3)))
    np.testing.assert_allclose(taylor_values(three), taylor_values(one), atol=1e-12)
    np.testing.assert_allclose(taylor_game(three).values_of(Shapley()), taylor_values(one), atol=1e-12)
