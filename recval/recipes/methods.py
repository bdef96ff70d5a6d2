"""The methods that a recipe can compare: what may be said of each, and the callback that each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from recval.declarations import Declaration
from recval.recipes.models import Model
from recval.training import Callback as TrainingCallback
from recval.training import Training
from recval.valuation import DVR, DVRSettings, weightings


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
        """Whether it gives the samples weights of its own."""
        return self.makes is not None

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


class FirstOrderMethod(weightings.FirstOrderSettings, MethodRecipe):
    """See `recval.valuation.FirstOrder`."""

    kind: Literal["first-order"] = "first-order"
    makes = weightings.FirstOrder
    gives_values = True

    @property
    def weighs(self) -> bool:
        """Whether it is told to."""
        return self.weigh


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
    | FirstOrderMethod
    | TripletImportanceMethod
    | GradientMatchingMethod
    | DVRLMethod
    | DVRMethod,
    Field(discriminator="kind"),
]
