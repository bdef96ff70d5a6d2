r"""Data-OOB: how well the models that never saw an interaction expect it.

Many bags of training interactions are drawn, a model is built on each, and an interaction's value is the mean, over
the bags that left it out, of where its score stands among the items that the user does not have in the bag,

.. math:: \phi_{ui} = \frac{1}{|\{b : (u, i) \notin b\}|} \sum_{b : (u, i) \notin b} \text{percentile}_b(u, i) .

It is 1 for what all of these models would recommend first, about 0.5 for what they know nothing of, and low for what
does not fit the user. No validation data are needed: the training interactions judge each other.

Choose it to find interactions that do not fit the rest, where there is no validation part, or it is too small to
judge by. A rare taste does not fit either, and popular items fit everybody: the value tells what is predictable, not
what is useful. Bags with replacement, as in the paper, leave out about 37 % of the interactions; a `share` above that
without replacement leaves models with more to learn from. The standard errors are those over bags; 20 bags mostly
settle the order, for each interaction is left out of 7 of them.

Different from the paper: it values labelled points by whether the out-of-bag predictions of decision trees are right.
Here a prediction is a ranking, an interaction drawn twice counts once, and the model is EASE (ItemKNN where there are
too many items for it), or any backbone.

Source: Kwon & Zou. "Data-OOB: Out-of-bag Estimate as a Simple and Efficient Data Value." ICML 2023, arXiv 2304.07718.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from recval.adapter.leave_one_out import EASE_ITEMS
from recval.backbones import Backbone, build, complete
from recval.data import Interactions, Split
from recval.engine import in_order
from recval.engine.executor import Report
from recval.errors import DataError, ModelError
from recval.ranking import ItemSets
from recval.rng import derive, numpy_generator
from recval.store.state import State
from recval.training import Loop, Training
from recval.valuation.standalone.bag_kernel import percentiles
from recval.valuation.standalone.bag_sums import Keeper, Sums
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing

Floats = npt.NDArray[np.float64]
_USERS_A_BLOCK = 256


class DataOOB(StandaloneValuator):
    """Out-of-bag values of training interactions.

    Attributes:
        bags: how many models are built.
        share: the size of a bag, as a share of the training interactions.
        replacement: whether an interaction may be drawn twice, as in a bootstrap.
        learner: the model that is built on each bag; by default EASE, and ItemKNN where there are too many items for
            it. One that needs training is trained as the recipe says, its epochs chosen by the validation part.
        parameters: parameters of the learner that differ from its defaults.
    """

    kind: Literal["data-oob"] = "data-oob"
    bags: int = Field(20, ge=2)
    share: float = Field(1.0, gt=0, le=1)
    replacement: bool = True
    learner: str | None = None
    parameters: Mapping[str, Any] = Field(default_factory=dict)

    def check(self, split: Split) -> None:
        """Refuse bags that leave nothing out, a learner that does not exist, and data of one interaction.

        Raises:
            ConfigError: the learner has no such parameter.
            DataError: no bag leaves anything out.
            ModelError: there is no such learner.
        """
        size, n = self._size(len(split.train)), len(split.train)
        if n < 2 or (not self.replacement and size == n):
            raise DataError(
                f"a bag of {size:,} out of {n:,} interactions leaves nothing out; "
                "give a smaller share, or draw with replacement"
            )
        complete(self._learner(split), self.parameters)

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions; one that is in all bags has the mean of the others."""
        self.check(valuing.split)
        train = valuing.split.train
        keeper = Keeper(valuing.checkpoint, self._identity(valuing))
        sums = keeper.read(self.bags) or Sums.none(len(train))
        shared = _Bagging(self, self._learner(valuing.split), valuing.split, valuing.training, valuing.seed)
        bags = range(sums.bags, self.bags)
        for found in in_order(valuing.executor, _out_of_bag, bags, shared, valuing.report):
            sums = sums.plus(found)
            keeper.write(sums)
        facts = {"bags": sums.bags, "never left out": int((sums.count == 0).sum())}
        return Valued(sums.values(train), facts=facts)

    def bag(self, n: int, seed: int, index: int) -> npt.NDArray[np.int64]:
        """Return the rows of a bag, ascending and distinct."""
        drawn = numpy_generator(seed, "bag", index).choice(n, self._size(n), replace=self.replacement)
        return np.unique(drawn)

    def _size(self, n: int) -> int:
        return max(round(self.share * n), 1)

    def _learner(self, split: Split) -> str:
        return self.learner or ("EASE" if len(split.items) <= EASE_ITEMS else "ItemKNN")

    def _identity(self, valuing: Valuing) -> State:
        """Return what the sums in a checkpoint are of; more bags may follow."""
        return {
            "settings": self.model_dump(mode="json", exclude={"bags"}),
            "training": valuing.training.model_dump(mode="json"),
            "seed": valuing.seed,
            "data": valuing.split.fingerprint()["sha256"],
        }


@dataclass(frozen=True, eq=False)
class _Bagging:
    """What all bags share."""

    settings: DataOOB
    learner: str
    split: Split
    training: Training
    seed: int

    def model(self, bag: Interactions, index: int) -> Backbone:
        """Return the model of a bag."""
        seed = derive(self.seed, "bag", index)
        backbone = build(self.learner, bag, self.settings.parameters, device=self.training.device, seed=seed)
        if backbone.needs_training:
            split = Split(bag, self.split.valid, self.split.valid.take(np.arange(0)))
            Loop(backbone, split, self.training, seed=seed, masked=ItemSets.of(self.split.train)).fit()
        return backbone.eval()


def _out_of_bag(bagging: _Bagging, index: int, report: Report) -> Floats:
    """Return the percentile of each interaction that a bag left out, NaN for the others, shape [n]."""
    train = bagging.split.train
    bag = train.take(bagging.settings.bag(len(train), bagging.seed, index))
    model, inside = bagging.model(bag, index), ItemSets.of(bag)
    # A second copy of what is in the bag was not left out.
    outside = np.flatnonzero(~inside.contains(train.user, train.item[:, None])[:, 0])
    outside = outside[np.argsort(train.user[outside], kind="stable")]
    found = np.full(len(train), np.nan)
    for start in range(0, len(train.users), _USERS_A_BLOCK):
        users = np.arange(start, min(start + _USERS_A_BLOCK, len(train.users)))
        low, high = np.searchsorted(train.user[outside], [users[0], users[-1] + 1])
        rows = outside[low:high]
        if len(rows):
            found[rows] = percentiles(_scores(model, users, inside), train.user[rows] - start, train.item[rows])
    return found


@torch.no_grad()
def _scores(model: Backbone, users: npt.NDArray[np.int64], inside: ItemSets) -> npt.NDArray[np.floating]:
    """Return the scores of all items for users, NaN for those in the bag, shape [B, n_items]."""
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), "cpu")
    scores = model.score(torch.from_numpy(users).to(device)).cpu().numpy()
    if np.isnan(scores).any():
        raise ModelError("a model of a bag gives scores that are not numbers")
    scores = scores.copy()
    scores[inside.cells(users)] = np.nan
    return scores
