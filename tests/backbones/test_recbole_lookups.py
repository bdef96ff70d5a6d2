from __future__ import annotations

import pytest
import torch
from torch import nn

from recval.backbones import build
from recval.backbones.recbole.lookups import Lookup, speed_up_lookups
from recval.testing import planted


@pytest.mark.parametrize("shape", [(), (50,), (4, 6)])
def test_rows_gradients_and_gradients_of_these_are_torch_s_to_the_bit(shape):
    torch.manual_seed(0)
    plain = nn.Embedding(7, 5)
    fast = nn.Sequential(nn.Embedding.from_pretrained(plain.weight.detach().clone(), freeze=False))
    speed_up_lookups(fast)
    assert type(fast[0]) is Lookup
    ids, weights = torch.randint(7, shape), torch.rand(*shape, 5)
    found = []
    for table in (plain, fast[0]):
        rows = table(ids)
        (gradient,) = torch.autograd.grad((weights * rows.sigmoid()).sum(), table.weight, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), table.weight)
        found.append((rows, gradient, second))
    for theirs, ours in zip(*found, strict=True):
        assert torch.equal(theirs, ours)


def test_no_ids_give_no_rows():
    table = nn.Sequential(nn.Embedding(7, 5))
    speed_up_lookups(table)
    rows = table(torch.empty(3, 0, dtype=torch.int64))
    assert rows.shape == (3, 0, 5)
    rows.sum().backward()
    assert not table[0].weight.grad.any()


def test_tables_that_do_more_than_look_up_are_left_alone():
    special = [{"padding_idx": 0}, {"max_norm": 1.0}, {"sparse": True}, {"scale_grad_by_freq": True}]
    tables = nn.ModuleList([nn.Embedding(3, 2, **kind) for kind in special])
    speed_up_lookups(tables)
    assert all(type(table) is nn.Embedding for table in tables)


def test_the_bridge_speeds_a_model_up_and_keeps_the_names_of_its_parameters():
    backbone = build("BPR", planted()[0].train)
    assert isinstance(backbone.model.user_embedding, Lookup)
    assert list(backbone.model.state_dict()) == ["user_embedding.weight", "item_embedding.weight"]
