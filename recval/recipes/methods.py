"""The methods that a recipe can compare: what may be said of each, and the callback that each is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from recval.recipes.method import MethodRecipe
from recval.valuation import DVR, DVRSettings, triplets, weightings
from recval.valuation.standalone import (
    AlsLeaveOneOut,
    CoalitionValuator,
    DataOOB,
    EaseLeaveOneOut,
    KNNShapley,
    LeastCoreValuator,
)


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


class LeastCoreMethod(LeastCoreValuator, MethodRecipe):
    """See `recval.valuation.standalone.LeastCoreValuator`."""

    kind: Literal["least-core"] = "least-core"
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
    | GameMethod
    | LeastCoreMethod,
    Field(discriminator="kind"),
]
