"""Likeness: how much a training interaction looks like validation data, rather than like something else.

The other rewards ask what a training step does to a model. These ask the valuator directly: it is taught to tell
validation interactions from a contrast, by logistic regression on what it observes,

    mean over validation of log sigma(phi)  +  mean over the contrast of log sigma(-phi),

so that phi estimates the logarithm of how much more frequent such an interaction is in validation data than in the
contrast (Bickel, Brückner and Scheffer, ICML 2007; Sugiyama, Suzuki and Kanamori, "Density Ratio Estimation in Machine
Learning", 2012). Weights that rise with it turn the training data into the validation data (Shimodaira 2000).

- `likeness[training]`: the contrast is the training data. For validation data that is cleaner than training data: the
  values find what a clean sample has less of. Where both are alike, there is nothing to find.
- `likeness[unseen]`: the contrast is the training users with items, drawn uniformly, that they have no interaction
  with. For validation data as it comes: the values find interactions that look accidental.
- `likeness[popular]`: the same with items drawn by their popularity, for accidents that happen to popular items.

How to choose: `likeness[training]` if somebody has checked the validation data, otherwise one of the others. When not
to use: no metric is looked at, so there is no reason for a metric to rise; and an interaction that is rightly
surprising has a low value.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recval.adapter.observation import Input, Observer
from recval.backbones import Batch
from recval.data import Interactions, Split
from recval.errors import ConfigError, unknown
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


def check_inputs(inputs: tuple[Input, ...]) -> None:
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
    """

    def __init__(self, contrast: Contrast, loop: Loop, inputs: tuple[Input, ...]) -> None:
        self._validation = _Pairs(loop, inputs, loop.split.valid)
        self._others = None
        if contrast != "training":
            generator = torch_generator(loop.seed, "likeness")
            self._others = _Pairs(loop, inputs, unseen_pairs(loop.split, generator, popular=contrast == "popular"))

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

    def __init__(self, loop: Loop, inputs: tuple[Input, ...], pairs: Interactions) -> None:
        split, self._device = loop.split, loop.settings.device
        self._observe = Observer(loop.backbone, split.train, inputs, self._device, valid=split.valid, pairs=pairs)
        row, user, item = torch.arange(len(pairs)), *map(torch.tensor, (pairs.user, pairs.item))
        self._all = Batch(row, user, item, item).to(self._device)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return what is observed of a random sample with replacement, shape [count, F]."""
        rows = torch.randint(len(self._all), (count,), generator=generator).to(self._device)
        return self._observe(self._all[rows], torch.zeros(count, device=self._device))


def unseen_pairs(split: Split, generator: torch.Generator, *, popular: bool = False) -> Interactions:
    """Return pairs that are neither trained on nor held out for validation, about as many as training interactions.

    Args:
        split: the interactions; each user is drawn as often as it has training interactions.
        generator: the source of the pairs, on the CPU.
        popular: draw the items by their popularity, instead of uniformly; pairs that are known are left out then.
    """
    train = split.train
    users = torch.from_numpy(train.user.copy())
    if not popular:
        items = TripletSampler(train, exclude=[split.valid]).negatives(users, generator).numpy()
        return _interactions(train, train.user, items)
    items = train.item[torch.randperm(len(train), generator=generator).numpy()]
    is_new = ~ItemSets.of(train, split.valid).contains(train.user, items[:, None])[:, 0]
    return _interactions(train, train.user[is_new], items[is_new])


def _interactions(like: Interactions, users: np.ndarray, items: np.ndarray) -> Interactions:
    return Interactions(pa.table({"user": users, "item": items}), like.users, like.items)
