"""One training from data to result: split, train, evaluate once on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from recval.backbones import Backbone, build
from recval.data import Interactions, Split, load, split_by_ratio
from recval.engine.executor import Report
from recval.errors import ConfigError, DataError
from recval.games import Values
from recval.ranking import Evaluator, ItemSets
from recval.recipes.recommending import final_scorer, recommend, recommend_to_new
from recval.rng import RandomSource, seed_of
from recval.training import Callback, Loop, Progress, Training


@dataclass(frozen=True, eq=False)
class Result:
    """What one training gave.

    Attributes:
        backbone: the model, with the parameters of its best epoch.
        split: what it was trained, chosen and evaluated on.
        progress: the course of training; with `refit`, of the one that the number of epochs was chosen by.
        per_user: the test metrics that each user has a value of, one row a user, indexed by the user's id.
        metrics: the value of every test metric for all users, unrounded; see `recval.ranking.Evaluation`. Like
            `per_user`, empty where no metric was asked for.
        values: the values of the training interactions, if a valuator took part.
        explainer_state: the parameters that explain these values, if the valuator has any.
    """

    backbone: Backbone
    split: Split
    progress: Progress
    per_user: pd.DataFrame
    metrics: dict[str, float]
    values: Values | None
    explainer_state: dict[str, Tensor] | None

    def recommend(
        self, users: Sequence[object] | None = None, k: int = 10, *, exclude_seen: bool = True
    ) -> pd.DataFrame:
        """Return the best items for users, one row a recommendation: user, item, rank (from 1) and score.

        Args:
            users: the users' own ids; all by default.
            k: items a user.
            exclude_seen: leave out what the user has a training or validation interaction with.

        Raises:
            DataError: a user is unknown.
        """
        return recommend(self.backbone, self.split, users, k, exclude_seen=exclude_seen)

    def recommend_to_new(
        self, histories: Interactions | pd.DataFrame, k: int = 10, *, exclude_seen: bool = True
    ) -> pd.DataFrame:
        """Return the best items for users that the model has never met; see `recommend_to_new` of this package.

        Raises:
            DataError: a user has no interaction with an item that the model knows.
            ModelError: the model knows only the users that it was trained on.
        """
        return recommend_to_new(self.backbone, self.split, histories, k, exclude_seen=exclude_seen)


def fit(
    data: Interactions | Split | str | Path,
    model: str | Backbone = "BPR",
    valuator: Callback | None = None,
    *,
    parameters: Mapping[str, object] | None = None,
    training: Training | None = None,
    metrics: Sequence[str] = ("ndcg@10", "recall@10"),
    rng: RandomSource = 0,
    known: Interactions | None = None,
    checkpoint: str | Path | None = None,
    report: Report = lambda fraction: None,
) -> Result:
    """Train a model, with a valuator or without, and evaluate it once on the test part.

    Args:
        data: a split; or interactions, or the name of a data set, of which 10 % a user are tested and 10 % validated.
        model: the name of a model (`recval models list`), or a backbone.
        valuator: what weighs the samples, such as `recval.DVR(reward="bpr")`.
        parameters: parameters that replace the model's defaults.
        training: how to train.
        metrics: what to evaluate, with cut-offs; where there are none, the test part is not looked at.
        rng: all randomness derives from it.
        known: interactions of the same vocabularies that are not trained on, and are never recommended either.
        checkpoint: a file to continue from, and to keep what it takes to continue.
        report: called with the share of training that is done.

    Raises:
        ConfigError: a metric or parameter is unknown, or there is nothing for the valuator to weigh.
        DataError: the data cannot be trained or evaluated on.
        ModelError: the model is unknown or diverged.
    """
    seed = seed_of(rng)
    training = training or Training()
    if training.refit:
        check_refit(model, valuator)
    data = split_of(data, seed)
    masked = [data.train] if known is None else [data.train, known]
    evaluate = evaluator_of(data, metrics, training, masked) if metrics else None
    backbone = build_backbone(model, data, parameters, training, seed)
    if valuator is not None and not backbone.needs_training:
        raise ConfigError("a model that needs no training has no samples for a valuator to weigh")
    if training.refit and backbone.needs_training and len(data.valid) == 0:
        raise DataError("refit trains for as many epochs as validated best, but nothing is held out to validate on")
    callbacks = [] if valuator is None else [valuator]
    progress = Progress()
    if backbone.needs_training:
        loop = Loop(backbone, data, training, callbacks=callbacks, seed=seed, masked=ItemSets.of(*masked))
        progress = loop.fit(None if checkpoint is None else Path(checkpoint), report)
    if training.refit:
        settings = training.model_copy(update={"epochs": max(progress.best_epoch, 1)})
        backbone = _refitted(str(model), data.with_validation(), parameters, settings, seed, checkpoint)
    found = (pd.DataFrame(), {}) if evaluate is None else evaluated(backbone, data, evaluate)
    values, explainer = (getattr(valuator, name, None) for name in ("values", "explainer_state"))
    return Result(backbone.eval(), data, progress, *found, values, explainer)


def split_of(data: Interactions | Split | str | Path, seed: int) -> Split:
    """Return a split as it is; of anything else one with 10 % a user to test and 10 % to validate on."""
    if isinstance(data, Split):
        return data
    return split_by_ratio(load(data) if isinstance(data, str | Path) else data, rng=seed)


def evaluator_of(
    split: Split, metrics: Sequence[str], training: Training, known: Sequence[Interactions] = ()
) -> Evaluator:
    """Return what evaluates on the test part of a split.

    Args:
        split: the split.
        metrics: what to evaluate, with cut-offs.
        training: says on which device.
        known: what is never recommended, besides the validation part; by default the training part.
    """
    seen = ItemSets.of(*(known or [split.train]), split.valid)
    return Evaluator(split.test, seen, metrics, train=split.train, device=training.device)


def evaluated(backbone: Backbone, split: Split, evaluate: Evaluator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the test metrics of each user, by the user's id, and of all; see `Result`."""
    found = evaluate(final_scorer(backbone.eval(), split))
    names = pd.Index(split.users.names(found.per_user.index.to_numpy()), name="user")
    return found.per_user.set_axis(names), found.means


def check_refit(model: str | Backbone, valuator: Callback | None) -> None:
    """Check that a model can be trained once more with the validation part.

    Raises:
        ConfigError: it is a backbone that cannot be built anew, or the valuator would see what it is rewarded by.
    """
    if isinstance(model, Backbone):
        raise ConfigError("to refit, name the model instead of giving a backbone: it is built and trained anew")
    if valuator is not None:
        raise ConfigError("refit trains on the validation part too, which valuators and weights are chosen by; use one")


def _refitted(
    model: str,
    joined: Split,
    parameters: Mapping[str, object] | None,
    training: Training,
    seed: int,
    checkpoint: str | Path | None,
) -> Backbone:
    """Return the model trained on both parts; its own checkpoint lies beside that of the first training."""
    backbone = build_backbone(model, joined, parameters, training, seed)
    if backbone.needs_training:
        own = None if checkpoint is None else Path(checkpoint).with_suffix(".refit.safetensors")
        Loop(backbone, joined, training, seed=seed).fit(own)
        if own is not None:
            own.unlink(missing_ok=True)
    return backbone


def build_backbone(
    model: str | Backbone, split: Split, parameters: Mapping[str, object] | None, training: Training, seed: int
) -> Backbone:
    """Return a backbone by its name, or the one that is given."""
    if isinstance(model, Backbone):
        return model.to(torch.device(training.device))
    return build(model, split.train, parameters, device=training.device, seed=seed)
