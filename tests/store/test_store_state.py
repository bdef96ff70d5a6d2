from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import RunError
from recval.store.files import write_tensors
from recval.store.state import load_optimizer_state, optimizer_state, read_state, write_state

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=5)
tensors = st.lists(st.floats(width=32), max_size=4).map(torch.tensor)
states = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.recursive(
        leaves | tensors,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def same(first, second):
    """Equal to the last bit and in type; NaN equals itself."""
    if isinstance(first, torch.Tensor):
        return (
            isinstance(second, torch.Tensor) and first.dtype == second.dtype and torch.equal(bits(first), bits(second))
        )
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float):
        return math.isnan(first) == math.isnan(second) and (math.isnan(first) or first.hex() == second.hex())
    return first == second


def bits(tensor):
    return tensor.view(torch.int32) if tensor.dtype == torch.float32 else tensor


@settings(deadline=None, derandomize=True, max_examples=150)
@given(states)
def test_a_state_comes_back_as_it_was(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "state.safetensors"
    write_state(path, state)
    assert same(read_state(path), state)


def test_tuples_come_back_as_lists_and_tensors_as_they_were_when_written(tmp_path):
    tensor = torch.zeros(3)
    state = {"betas": (0.9, 0.999), "views": [tensor, tensor[:2], tensor.view(3, 1)], "best": -math.inf}
    write_state(tmp_path / "state", state)
    tensor += 1
    read = read_state(tmp_path / "state")
    assert read["betas"] == [0.9, 0.999]
    assert read["best"] == -math.inf
    assert [view.tolist() for view in read["views"]] == [[0, 0, 0], [0, 0], [[0], [0], [0]]]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": [{1: 2}]}, r"the keys of a state must be text, got \[1\]"),
        ({"a": {"b": object()}}, "a state cannot hold a object"),
        ({"a": {1, 2}}, "a state cannot hold a set"),
        ({"a": {"__tensor__": "0"}}, "the key __tensor__ marks the place of a tensor"),
    ],
)
def test_what_is_no_state_is_refused_before_anything_is_written(tmp_path, state, message):
    with pytest.raises(TypeError, match=message):
        write_state(tmp_path / "state", state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "header", [None, {"other": "1"}, {"state": "{"}, {"state": '{"a": {"__tensor__": "7"}}'}], ids=str
)
def test_a_file_of_tensors_that_holds_no_state_is_refused(tmp_path, header):
    path = tmp_path / "state"
    write_tensors(path, {"0": torch.zeros(1)}, header)
    with pytest.raises(RunError) as raised:
        read_state(path)
    assert str(raised.value) == f"{path} holds no training state, or a damaged one"


def network(seed):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.05, weight_decay=0.01),
    "amsgrad": lambda parameters: torch.optim.AdamW(parameters, lr=0.05, amsgrad=True),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_five_steps_a_restart_and_five_steps_equal_ten_steps_bit_for_bit(tmp_path, name):
    inputs = torch.randn(10, 16, 6, generator=torch.Generator().manual_seed(9))

    def train(model, optimizer, steps):
        for step in steps:
            optimizer.zero_grad()
            model(inputs[step]).square().mean().backward()
            optimizer.step()

    whole = network(0)
    train(whole, OPTIMIZERS[name](whole.parameters()), range(10))

    first = network(0)
    optimizer = OPTIMIZERS[name](first.parameters())
    train(first, optimizer, range(5))
    write_state(tmp_path / "state", {"model": dict(first.state_dict()), "optimizer": optimizer_state(optimizer)})
    halfway = [parameter.detach().clone() for parameter in first.parameters()]

    second = network(1)
    optimizer = OPTIMIZERS[name](second.parameters())
    state = read_state(tmp_path / "state")
    second.load_state_dict(state["model"])
    load_optimizer_state(optimizer, state["optimizer"])
    train(second, optimizer, range(5, 10))

    for before, resumed, uninterrupted in zip(halfway, second.parameters(), whole.parameters(), strict=True):
        assert torch.equal(resumed, uninterrupted)
        assert not torch.equal(before, uninterrupted)
