"""Trees as games: every leaf is a conjunction, all of some players in and none of some others.

The semi-value of a conjunction with |A| players in and |B| out is E[q^(|A| - 1) (1 - q)^|B|] for each of A, and
-E[q^|A| (1 - q)^(|B| - 1)] for each of B, so those of a sum of trees are exact.

`Tree` fits gradient boosted regression trees, or one tree. They find thresholds and interactions of several players
that a quadratic game cannot tell; for a game that is close to quadratic they need more coalitions than that.

Source: Lundberg et al., "From local explanations to global understanding with explainable AI for trees", 2020
(interventional values of leaves); Witter, Liu, Musco, "Regression-adjusted Monte Carlo estimators", arXiv 2506.11849.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from recval.games.game import Coalitions, Floats
from recval.games.semivalues import SemiValue
from recval.games.surrogates.base import Surrogate, SurrogateModel


class TreeGame(Surrogate):
    """A sum of conjunctions: g(S) = c + the weights of those leaves whose players are all in S or all out, as they say.

    Args:
        constant: c.
        weight: the weight of each leaf, shape [L].
        present: which players a leaf wants in, shape [L, n].
        absent: which players a leaf wants out, shape [L, n]; none that it wants in.
    """

    def __init__(self, constant: float, weight: Floats, present: Coalitions, absent: Coalitions) -> None:
        self.constant = float(constant)
        self.weight, self.present, self.absent = weight, present, absent
        self.n_players = present.shape[1]

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the values; a leaf is met where as many of its players are in, less those that should not be."""
        wants = (self.present.astype(np.float32) - self.absent).T
        met = coalitions.astype(np.float32) @ wants == self.present.sum(1)
        return self.constant + met @ self.weight

    def values_of(self, semivalue: SemiValue) -> Floats:
        """Return what the leaves add up to for each player, shape [n]."""
        n_in, n_out = self.present.sum(1), self.absent.sum(1)
        gained = self.weight * semivalue.moment(np.maximum(n_in - 1, 0), n_out)
        lost = self.weight * semivalue.moment(n_in, np.maximum(n_out - 1, 0))
        return gained @ self.present - lost @ self.absent


class Tree(SurrogateModel):
    """Regression trees that are fitted with gradient boosting.

    Attributes:
        trees: how many; one tree is fitted to the values themselves, whatever the learning rate.
        depth: how many players a conjunction is of, at most.
        learning_rate: how much of each tree is added.
    """

    kind: Literal["tree"] = "tree"
    trees: PositiveInt = 200
    depth: PositiveInt = 4
    learning_rate: float = Field(0.1, gt=0, le=1)

    def fit(self, coalitions: Coalitions, values: Floats, seed: int) -> TreeGame:
        """Return the fitted game."""
        from sklearn.ensemble import GradientBoostingRegressor

        rate = self.learning_rate if self.trees > 1 else 1.0
        boosting = GradientBoostingRegressor(
            n_estimators=self.trees, max_depth=self.depth, learning_rate=rate, random_state=seed % 2**32
        )
        boosting.fit(coalitions, values)
        leaves = [_leaves(fitted.tree_) for fitted in boosting.estimators_[:, 0]]
        weight, present, absent = (np.concatenate(parts) for parts in zip(*leaves, strict=True))
        return TreeGame(boosting.init_.constant_.item(), rate * weight, present, absent)


def _leaves(tree: Any) -> tuple[Floats, Coalitions, Coalitions]:
    """Return the values of a scikit-learn tree's leaves, and which players each wants in and out."""
    present = np.zeros((tree.node_count, tree.n_features), np.bool_)
    absent = np.zeros_like(present)
    for node in np.flatnonzero(tree.feature >= 0):  # a node comes after the one above it
        left, right, player = tree.children_left[node], tree.children_right[node], tree.feature[node]
        for child in (left, right):
            present[child], absent[child] = present[node], absent[node]
        absent[left, player] = present[right, player] = True
    is_leaf = tree.feature < 0
    return tree.value[is_leaf, 0, 0], present[is_leaf], absent[is_leaf]
