from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.backbones import graph, spmm
from recval.backbones.graph import UserItemGraph
from recval.backbones.propagation import Propagation
from recval.data import Interactions, Vocabulary


def random_interactions(n_users=7, n_items=11, n=30):
    """Distinct random pairs; the last user and the last item have none."""
    pairs = np.random.default_rng(0).choice((n_users - 1) * (n_items - 1), n, replace=False)
    table = pa.table({"user": pairs // (n_items - 1), "item": pairs % (n_items - 1)})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


def tables(data, width=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shapes = (len(data.users), width), (len(data.items), width)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def dense(data, n_layers):
    """The polynomial in A_hat as a dense matrix, in double precision."""
    n_users, size = len(data.users), len(data.users) + len(data.items)
    adjacency = np.zeros((size, size))
    adjacency[data.user, n_users + data.item] = 1
    adjacency += adjacency.T
    root = adjacency.sum(0).clip(1) ** -0.5
    normalised = root[:, None] * adjacency * root
    return torch.from_numpy(sum(np.linalg.matrix_power(normalised, layer) for layer in range(n_layers + 1))) / (
        n_layers + 1
    )


@pytest.fixture(params=["compiled", "torch"])
def path(request, monkeypatch):
    """Both ways to multiply: the compiled one, and torch's, which other devices take."""
    if request.param == "torch":
        monkeypatch.setattr(graph, "_COMPILED_FOR", ())


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("n_layers", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("nodes", [[], [0], [17, 3, 11, 4], list(range(18))])
def test_values_and_gradients_are_those_of_the_dense_polynomial(n_layers, nodes):
    data = random_interactions()
    propagation = Propagation(UserItemGraph(data), n_layers).double()
    users, items = tables(data)
    nodes = torch.tensor(nodes, dtype=torch.int64)
    propagated, own = propagation.at(nodes, users, items)
    both = torch.cat([users, items])
    expected = (dense(data, n_layers) @ both)[nodes]
    torch.testing.assert_close(propagated, expected, atol=2e-7, rtol=0)
    assert torch.equal(own, both[nodes])
    pull, pull_own = torch.randn_like(expected), torch.randn_like(expected)
    found = torch.autograd.grad((propagated * pull + own * pull_own).sum(), [users, items])
    wanted = torch.autograd.grad((expected * pull + both[nodes] * pull_own).sum(), [users, items])
    for gradient, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, reference, atol=2e-7, rtol=0)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_gradients_and_their_gradients_pass_gradcheck(n_layers):
    data = random_interactions()
    propagation = Propagation(UserItemGraph(data), n_layers).double()
    nodes = torch.tensor([9, 0, 5, 17])
    inputs = tuple(tables(data, width=2))
    assert torch.autograd.gradcheck(lambda *both: propagation.at(nodes, *both), inputs)
    assert torch.autograd.gradgradcheck(lambda *both: propagation.at(nodes, *both), inputs)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.data())
def test_the_compiled_products_are_the_dense_ones(draw):
    size, width = draw.draw(st.integers(1, 12)), draw.draw(st.integers(1, 9))
    matrix = torch.tensor(
        draw.draw(st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=size, max_size=size))
    )
    rows = torch.tensor(draw.draw(st.lists(st.integers(0, size - 1), unique=True)), dtype=torch.int64)
    generator = torch.Generator().manual_seed(size)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), matrix.sum(1).cumsum(0)])
    columns = matrix.nonzero()[:, 1].int()
    table, scale = torch.randn(size, width, generator=generator), torch.randn(len(rows), generator=generator)
    out = torch.randn(len(rows), width, generator=generator)
    expected = out + scale[:, None] * (matrix.float() @ table)[rows]
    spmm.add_product(out, rows, starts, columns, table, scale)
    torch.testing.assert_close(out, expected)
    back = torch.randn(size, width, generator=generator)
    expected = back + matrix.float()[rows].T @ out
    spmm.add_transposed_product(back, rows, starts, columns, out)
    torch.testing.assert_close(back, expected)


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch):
    monkeypatch.setattr(spmm, "_WORTH_A_THREAD", 1)
    data = random_interactions(200, 300, 5000)
    propagation, (users, items) = Propagation(UserItemGraph(data), 3), tables(data, dtype=torch.float32)
    nodes = torch.randperm(500, generator=torch.Generator().manual_seed(0))[:70]
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            propagated, _ = propagation.at(nodes, users, items)
            found.append((propagated, *torch.autograd.grad(propagated.sum(), [users, items])))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, *others in zip(*found, strict=True) for other in others)


@pytest.mark.usefixtures("path")
def test_bfloat16_rounds_the_neighbours_alone():
    data = random_interactions(50, 70, 900)
    users, items = tables(data, dtype=torch.float32)
    nodes = torch.arange(120)
    exact, _ = Propagation(UserItemGraph(data), 1).at(nodes, users, items)
    rounded, _ = Propagation(UserItemGraph(data, "bfloat16"), 1).at(nodes, users, items)
    scale = UserItemGraph(data).scale[:, None]
    both = torch.cat([users, items]).detach()
    by_hand = both + scale * (
        (dense(data, 1).float() * 2 - torch.eye(120)) / (scale * scale.T) @ (both * scale).bfloat16().float()
    )
    torch.testing.assert_close(rounded, by_hand / 2, atol=1e-5, rtol=0)
    assert 1e-5 < (rounded - exact).abs().max() < 1e-2


def test_a_repeated_interaction_is_one_edge(interactions):
    once = UserItemGraph(interactions([(0, 0), (0, 1), (1, 1)], 3, 2))
    often = UserItemGraph(interactions([(0, 1), (0, 0), (1, 1), (0, 0), *[(0, 1)] * 300], 3, 2))
    for name in ("starts", "columns", "scale"):
        assert torch.equal(getattr(once, name), getattr(often, name))


def test_a_node_without_edges_keeps_its_share_alone(interactions):
    users, items = torch.ones(3, 2), torch.ones(2, 2)
    propagated, _ = Propagation(UserItemGraph(interactions([(0, 0), (1, 1)], 3, 2)), 3)(users, items)
    assert propagated.tolist() == [[1, 1], [1, 1], [0.25, 0.25]]


def test_the_graph_is_no_part_of_the_state():
    assert UserItemGraph(random_interactions()).state_dict() == {}
