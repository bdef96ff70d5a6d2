"""The methods that a recipe can compare: what may be said of each, and the callback that each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from recval.declarations import Declaration
from recval.recipes.models import Model
from recval.training import Callback as TrainingCallback
from recval.training import Training
from recval.valuation import DVR, DVRSettings, triplets, weightings
from recval.valuation.standalone import (
    AlsLeaveOneOut,
    CoalitionValuator,
    DataOOB,
    EaseLeaveOneOut,
    KNNShapley,
    StandaloneValuator,
)


class MethodRecipe(Declaration):
    """What every method may set for itself.

    Attributes:
        model: the backbone; by default that of the recipe, of a placebo that of the method it is the placebo of.
        training: how it is trained; by default as the recipe says, or as that method's is.
        makes: what makes the method's callback of its settings; None for plain training.
        gives_values: whether it values the training interactions.
    """

    model: Model | None = None
    training: Training | None = None
    makes: ClassVar[Callable[..., TrainingCallback] | None] = None
    gives_values: ClassVar[bool] = False

    @property
    def weighs(self) -> bool:
        """Whether it gives the samples weights of its own, or draws them by numbers of its own."""
        return self.makes is not None

    @property
    def stands_alone(self) -> bool:
        """Whether it values without a part in training; then it trains nothing to be tested, and only gives values."""
        return isinstance(self, StandaloneValuator)

    @property
    def is_random(self) -> bool:
        """Whether another seed may give other values."""
        return True

    def callback(self, methods: Mapping[str, MethodRecipe]) -> TrainingCallback | None:
        """Return a fresh callback that weighs or values as the method does; None for plain training.

        Args:
            methods: the methods of the recipe by name.
        """
        make = type(self).makes
        return None if make is None else make(**self._settings())

    def _settings(self) -> dict[str, Any]:
        """Return what the method sets, by name, without what every method may set."""
        return self.model_dump(exclude={"kind", *MethodRecipe.model_fields})


class Plain(MethodRecipe):
    """Training without weights."""

    kind: Literal["plain"] = "plain"


class UniformMethod(MethodRecipe):
    """See `recval.valuation.Uniform`."""

    kind: Literal["uniform"] = "uniform"
    makes = weightings.Uniform


class ShuffledMethod(MethodRecipe):
    """The weights of another method, given to the wrong samples; see `recval.valuation.Shuffled`."""

    kind: Literal["shuffled"] = "shuffled"
    of: str

    @property
    def weighs(self) -> bool:
        """False: its weights are another method's."""
        return False

    def callback(self, methods: Mapping[str, MethodRecipe]) -> weightings.Shuffled:
        """Return a fresh callback with a fresh one of the other method."""
        weighting = methods[self.of].callback(methods)
        assert weighting is not None
        return weightings.Shuffled(weighting)


class BalancedMethod(weightings.BalancedSettings, MethodRecipe):
    """See `recval.valuation.Balanced`."""

    kind: Literal["balanced"] = "balanced"
    makes = weightings.Balanced


class PropensityMethod(weightings.PropensitySettings, MethodRecipe):
    """See `recval.valuation.Propensity`."""

    kind: Literal["propensity"] = "propensity"
    makes = weightings.Propensity
    gives_values = True


class LossMethod(weightings.LossValueSettings, MethodRecipe):
    """See `recval.valuation.LossRanking`."""

    kind: Literal["loss"] = "loss"
    makes = weightings.LossRanking
    gives_values = True

    @property
    def weighs(self) -> bool:
        """False: it only looks on."""
        return False


class TruncatedLossMethod(weightings.TruncatedLossSettings, MethodRecipe):
    """See `recval.valuation.TruncatedLoss`."""

    kind: Literal["t-ce"] = "t-ce"
    makes = weightings.TruncatedLoss
    gives_values = True


class ReweightedLossMethod(weightings.ReweightedLossSettings, MethodRecipe):
    """See `recval.valuation.ReweightedLoss`."""

    kind: Literal["r-ce"] = "r-ce"
    makes = weightings.ReweightedLoss
    gives_values = True


class SelfPacedMethod(weightings.SelfPacedSettings, MethodRecipe):
    """See `recval.valuation.SelfPaced`."""

    kind: Literal["self-paced"] = "self-paced"
    makes = weightings.SelfPaced
    gives_values = True


class InRunMethod(weightings.InRunSettings, MethodRecipe):
    """See `recval.valuation.InRun`."""

    kind: Literal["in-run"] = "in-run"
    makes = weightings.InRun
    gives_values = True

    @property
    def weighs(self) -> bool:
        """Whether it is told to."""
        return self.weigh


class InfluenceMethod(weightings.InfluenceSettings, MethodRecipe):
    """See `recval.valuation.Influence`."""

    kind: Literal["influence"] = "influence"
    makes = weightings.Influence
    gives_values = True

    @property
    def weighs(self) -> bool:
        """False: it only looks on."""
        return False


class PopularityNegativesMethod(triplets.PopularityNegativesSettings, MethodRecipe):
    """See `recval.valuation.triplets.PopularityNegatives`."""

    kind: Literal["popular-negatives"] = "popular-negatives"
    makes = triplets.PopularityNegatives

    @property
    def weighs(self) -> bool:
        """False: it draws other negatives, all alike."""
        return False


class HardNegativesMethod(triplets.HardNegativesSettings, MethodRecipe):
    """See `recval.valuation.triplets.HardNegatives`."""

    kind: Literal["hard-negatives"] = "hard-negatives"
    makes = triplets.HardNegatives


class TripletShapleyMethod(triplets.TripletShapleySettings, MethodRecipe):
    """See `recval.valuation.triplets.TripletShapley`."""

    kind: Literal["triplet-shapley"] = "triplet-shapley"
    makes = triplets.TripletShapley
    gives_values = True


class TripletImportanceMethod(weightings.LearnedWeightsSettings, MethodRecipe):
    """See `recval.valuation.TripletImportance`."""

    kind: Literal["til"] = "til"
    makes = weightings.TripletImportance
    gives_values = True


class GradientMatchingMethod(weightings.GradientMatchingSettings, MethodRecipe):
    """See `recval.valuation.GradientMatching`."""

    kind: Literal["bod"] = "bod"
    makes = weightings.GradientMatching
    gives_values = True


class DVRLMethod(weightings.DVRLSettings, MethodRecipe):
    """See `recval.valuation.dvrl`."""

    kind: Literal["dvrl"] = "dvrl"
    makes = staticmethod(weightings.dvrl)
    gives_values = True


class DVRMethod(DVRSettings, MethodRecipe):
    """See `recval.valuation.DVR`."""

    kind: Literal["dvr"] = "dvr"
    makes = DVR
    gives_values = True


class KNNShapleyMethod(KNNShapley, MethodRecipe):
    """See `recval.valuation.standalone.KNNShapley`."""

    kind: Literal["knn-shapley"] = "knn-shapley"
    gives_values = True

    @property
    def is_random(self) -> bool:
        """Whether a model is trained for it."""
        return self.similarity == "embeddings"


class DataOOBMethod(DataOOB, MethodRecipe):
    """See `recval.valuation.standalone.DataOOB`."""

    kind: Literal["data-oob"] = "data-oob"
    gives_values = True


class EaseLeaveOneOutMethod(EaseLeaveOneOut, MethodRecipe):
    """See `recval.valuation.standalone.EaseLeaveOneOut`."""

    kind: Literal["loo-ease"] = "loo-ease"
    gives_values = True


class AlsLeaveOneOutMethod(AlsLeaveOneOut, MethodRecipe):
    """See `recval.valuation.standalone.AlsLeaveOneOut`."""

    kind: Literal["loo-als"] = "loo-als"
    gives_values = True


class GameMethod(CoalitionValuator, MethodRecipe):
    """See `recval.valuation.standalone.CoalitionValuator`."""

    kind: Literal["game"] = "game"
    gives_values = True


Method = Annotated[
    Plain
    | UniformMethod
    | ShuffledMethod
    | BalancedMethod
    | PropensityMethod
    | LossMethod
    | TruncatedLossMethod
    | ReweightedLossMethod
    | SelfPacedMethod
    | InRunMethod
    | InfluenceMethod
    | PopularityNegativesMethod
    | HardNegativesMethod
    | TripletShapleyMethod
    | TripletImportanceMethod
    | GradientMatchingMethod
    | DVRLMethod
    | DVRMethod
    | KNNShapleyMethod
    | DataOOBMethod
    | EaseLeaveOneOutMethod
    | AlsLeaveOneOutMethod
    | GameMethod,
    Field(discriminator="kind"),
]
