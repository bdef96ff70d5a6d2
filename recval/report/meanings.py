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
    "triplet-shapley": (
        "A value is the mean predicted Shapley value of the interaction’s training triplets, in deviations from "
        "the mean of all triplets at the time; it is for comparing interactions."
    ),
    "knn-shapley": (
        "A value is the exact Shapley value of the interaction as a vote of a neighbour; one below zero says that "
        "users alike do not want the item."
    ),
    "data-oob": (
        "A value is where models that have not seen the interaction rank it for its user, 1 being first; at 0.5 they "
        "know nothing of it."
    ),
    "loo-ease": "A value is how much the validation margins of EASE fall without the interaction, others left in.",
    "least-core": (
        "A value is what the interaction’s player is paid so that no coalition is much worse off than alone, in equal "
        "parts; a worthless player may be paid."
    ),
    "loo-als": (
        "A value is how much the user’s validation margins under ALS fall without the interaction, the items’ factors "
        "held."
    ),
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
    if method["kind"] == "game":
        return (
            f"A value is what the interaction, or the player that it belongs to, adds to {method['metric']} on the "
            "validation part; the interactions of a player share its value equally."
        )
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


def error_meaning(estimates: int, seeds: int, asked: int) -> str:
    """Return what the values are means over, and what their standard error says, in a sentence.

    Args:
        estimates: the largest number of estimates that a value is the mean of.
        seeds: over how many seeds the values are.
        asked: the seeds of the recipe.
    """
    if estimates == 1:
        why = "There is one seed" if seeds == asked else "Every seed gives the same"
        return f"{why}, so the values have no standard error."
    if seeds > 1:
        return f"Values are means over {estimates} seeds, and s.e. is their standard error over seeds."
    return f"Values are means over up to {estimates:,} estimates with one seed, and s.e. is their standard error."


def cost_label(unit: str | None) -> str:
    """Return in words what the cost of a valuation is measured in; `unit` is the method whose training is 1."""
    return "seconds" if unit is None else f"cost in trainings with {unit}"


def _named(reward: Any) -> str:
    if reward is None:
        return ""
    parts = [reward] if isinstance(reward, str) else [f"{weight:g} · {name}" for name, weight in reward.items()]
    return f" {' + '.join(parts)}"
