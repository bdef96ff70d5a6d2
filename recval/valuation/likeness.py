"""Likeness: how much a training interaction looks like validation data, rather than like something else.

The other rewards ask what a training step does to a model. These ask the valuator directly: it is taught to tell
validation interactions from a contrast, by logistic regression on what it observes,

    mean over validation of log sigma(phi)  +  mean over the contrast of log sigma(-phi),

so that phi estimates the logarithm of how much more frequent such an interaction is in validation data than in the
contrast (Bickel, Brückner and Scheffer, ICML 2007; Sugiyama, Suzuki and Kanamori, "Density Ratio Estimation in Machine
Learning", 2012). Weights that rise with it turn the training data into the validation data (Shimodaira 2000).

- `likeness[training]`: the contrast is the training data. For validation data that is cleaner than training data: the
  values find what a clean sample has less of. Where both are alike, there is next to nothing to find.
- `likeness[unseen]`: the contrast is the training users with items, drawn uniformly, that they have no interaction
  with. For validation data as it comes: the values find interactions that look accidental.
- `likeness[popular]`: the same with items drawn by their popularity, for accidents that happen to popular items.

How to choose: `likeness[training]` if somebody has checked the validation data, otherwise one of the others. When not
to use: no metric is looked at, so there is no reason for a metric to rise; and an interaction that is rightly
surprising has a low value.

Counts (`activity`, `popularity`) and vectors (`user`, `item`) hold the training interactions that they are asked about,
but not the validation interactions. So `likeness[training]` learns a little of what was trained on, even where both
parts are alike. `cosine` and `ease` leave the interaction itself out.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recval.adapter.observation import Input, Inputs, Observer
from recval.adapter.rewards.validation import check_validation
from recval.backbones import Batch
from recval.data import Interactions, Split
from recval.errors import ConfigError, DataError, unknown
from recval.ranking import ItemSets
from recval.rng import torch_generator
from recval.training import Loop, TripletSampler

Contrast = Literal["training", "unseen", "popular"]
CONTRASTS: tuple[Contrast, ...] = get_args(Contrast)
REWARDS = tuple(f"likeness[{contrast}]" for contrast in CONTRASTS)
OF_THE_STEP = frozenset[Input]({"negative", "loss"})
"""Inputs that only a sample in training has, or that tell whether it was trained on."""


def contrast_of(reward: Any) -> Contrast | None:
    """Return what a reward of likeness tells validation interactions from; None for a reward of another sort.

    Raises:
        ConfigError: it is a reward of likeness to something else.
    """
    if not (isinstance(reward, str) and reward.startswith("likeness")):
        return None
    if reward not in REWARDS:
        raise ConfigError(unknown("reward", reward, REWARDS))
    return CONTRASTS[REWARDS.index(reward)]


def check_inputs(inputs: Inputs) -> None:
    """Check that the inputs are defined for interactions that are not trained on.

    Raises:
        ConfigError: one is not.
    """
    found = [name for name in inputs if name in OF_THE_STEP]
    if found:
        raise ConfigError(
            f"the input {found[0]} tells training samples from all others, so that likeness would learn nothing else; "
            "leave it out, or choose another reward"
        )


class Likeness:
    """Samples of validation interactions and of the contrast, as they are observed.

    Args:
        contrast: what validation interactions are told from.
        loop: the training; its backbone is observed.
        inputs: what is observed.

    Raises:
        DataError: as for `contrast_pairs`.
    """

    def __init__(self, contrast: Contrast, loop: Loop, inputs: Inputs) -> None:
        others = contrast_pairs(contrast, loop.split, loop.seed)
        self._validation = _Pairs(loop, inputs, loop.split.valid)
        self._others = None if others is None else _Pairs(loop, inputs, others)

    def __call__(self, training: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return observations of validation interactions and of the contrast, as many each as training samples.

        Args:
            training: what was observed of the training samples, shape [B, F].
            generator: the source of the sample, on the CPU.

        Returns:
            Two tensors of shape [B, F], without a graph.
        """
        count = len(training)
        alike = self._validation.sample(count, generator)
        return alike, training if self._others is None else self._others.sample(count, generator)


class _Pairs:
    """Pairs of users and items, to be observed at random."""

    def __init__(self, loop: Loop, inputs: Inputs, pairs: Interactions) -> None:
        split, self._device = loop.split, loop.settings.device
        self._observe = Observer(loop.backbone, split.train, inputs, self._device, valid=split.valid, pairs=pairs)
        row, user, item = torch.arange(len(pairs)), *map(torch.tensor, (pairs.user, pairs.item))
        self._all = Batch(row, user, item, item).to(self._device)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return what is observed of a random sample with replacement, shape [count, F]."""
        rows = torch.randint(len(self._all), (count,), generator=generator).to(self._device)
        return self._observe(self._all[rows], torch.zeros(count, device=self._device))


def contrast_pairs(contrast: Contrast, split: Split, seed: int) -> Interactions | None:
    """Return what validation interactions are told from; None for the training samples of the step.

    Raises:
        DataError: nobody has a validation item, or there are no unseen pairs.
    """
    check_validation(split)
    if contrast == "training":
        return None
    try:
        return unseen_pairs(split, torch_generator(seed, "likeness"), popular=contrast == "popular")
    except DataError as error:
        raise DataError(
            f"likeness[{contrast}] needs items that users have not met: {error}; take likeness[training]"
        ) from None


def unseen_pairs(split: Split, generator: torch.Generator, *, popular: bool = False) -> Interactions:
    """Return pairs that are neither trained on nor held out for validation, about as many as training interactions.

    Args:
        split: the interactions; each user is drawn as often as it has training interactions.
        generator: the source of the pairs, on the CPU.
        popular: draw the items by their popularity, instead of uniformly; pairs that are known are left out then.

    Raises:
        DataError: a user has met every item; or, if `popular`, every pair that was drawn is known.
    """
    train = split.train
    users = torch.from_numpy(train.user.copy())
    if not popular:
        items = TripletSampler(train, exclude=[split.valid]).negatives(users, generator).numpy()
        return _interactions(train, train.user, items)
    items = train.item[torch.randperm(len(train), generator=generator).numpy()]
    is_new = ~ItemSets.of(train, split.valid).contains(train.user, items[:, None])[:, 0]
    if not is_new.any():
        raise DataError(f"all of the {len(train):,} pairs that were drawn are known")
    return _interactions(train, train.user[is_new], items[is_new])


def _interactions(like: Interactions, users: np.ndarray, items: np.ndarray) -> Interactions:
    return Interactions(pa.table({"user": users, "item": items}), like.users, like.items)
