"""What the methods of a recipe mean by their rewards and values, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CONTRASTS = {
    "likeness[training]": "a training one",
    "likeness[unseen]": "one that never was, with an item drawn uniformly",
    "likeness[popular]": "one that never was, with an item drawn by popularity",
}
_LOSSES = (
    "A value is minus the loss of the trained model on the interaction, so that what is hard to learn has a low one, "
    "be it noise or a rare taste."
)
_WEIGHTS = "A value is the mean weight of the interaction in training, where the weights of a batch have mean 1."
_OF_KIND = {
    "loss": _LOSSES,
    "t-ce": _LOSSES,
    "r-ce": _LOSSES,
    "self-paced": _LOSSES,
    "til": _WEIGHTS,
    "bod": _WEIGHTS,
    "propensity": "A value is the interaction’s weight, which follows from its item’s count alone.",
    "dvrl": "A high value says that the interaction is readily selected; where zero lies means nothing.",
}


def aims_of(reward: Any) -> set[str]:
    """Return the metrics that a reward is, or is a sum of, as written; a soft form stands for its metric."""
    parts = [reward] if isinstance(reward, str) else list(reward) if isinstance(reward, Mapping) else []
    return {part.removeprefix("soft-").removeprefix("lambda-") for part in parts}


def value_meaning(method: Mapping[str, Any]) -> str:
    """Return what a value says, in a sentence.

    Args:
        method: the method that valued, as a recipe has it.
    """
    reward = method.get("reward")
    if method["kind"] in _OF_KIND:
        return _OF_KIND[method["kind"]]
    if isinstance(reward, str) and reward in _CONTRASTS:
        return (
            "A value above zero says that the interaction is more like a validation one than like "
            f"{_CONTRASTS[reward]}, one below zero that it is less: a log-odds. No metric was aimed at."
        )
    return (
        f"A value above zero says that more weight on the interaction is expected to raise the reward{_named(reward)}, "
        "one below zero that it is expected to lower it."
    )


def _named(reward: Any) -> str:
    if reward is None:
        return ""
    parts = [reward] if isinstance(reward, str) else [f"{weight:g} · {name}" for name, weight in reward.items()]
    return f" {' + '.join(parts)}"
