"""The bridge to RecBole: any of its recommenders as a `Backbone`, built from interactions in memory.

    backbone = build("LightGCN", split.train, {"n_layers": 3}, device="cpu", seed=42)

87 of RecBole's 92 models work: they are built, trained by recval's loop on its samples, and ranked. `docs/models.md`
lists them all. What a model needs, and what it can be used for, follows from its family and from its loss.

- General models learn from pairs; context-aware ones from side fields of users and items as well; knowledge-aware ones
  from a knowledge graph of the items as well (`Interactions.knowledge`); sequential ones from what a user did before,
  in the order of time, which later interactions change without any training (`Backbone.fold_in`).
- Where the loss is the mean of one value a sample, the bridge gets at these values, and samples can be weighed
  (`Backbone.has_sample_losses`). Other models are trained on the loss of the batch as RecBole trains them; those whose
  sample is a whole user (auto-encoders, ENMF) meet each user once an epoch.
- ADMMSLIM, AsymKNN, EASE, ItemKNN, NCEPLRec, Pop, SLIMElastic and Random are complete as they are built.
- KGAT, KGIN, MCCLK, GRU4RecKG and KSR cannot be built: see `catalogue.UNMET`. RecBole's wrappers of LightGBM and
  XGBoost are not covered.

A class of one's own that is written for RecBole stands wherever a name does. `ValuedTrainer` is RecBole's own trainer
with recval's callbacks, for a script that stays with RecBole; `repairs.apply()` mends what such a script needs.

For speed prefer recval's own recommender where there is one: RecBole's graph models propagate over the whole graph in
every step, and those without `full_sort_predict` score pair by pair.

RecBole is imported when the first model is built, not before. Unless a script asks for its trainer, its configuration,
data loaders and trainers are not used: no file is read or written, and the command line is left alone. ADMMSLIM, KTUP
and Random add noise to their scores, the same for every block of users.

Reference:
    Zhao et al. "RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation Algorithms."
    CIKM 2021.
"""

from typing import TYPE_CHECKING, Any

from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.build import build
from recval.backbones.recbole.catalogue import default_parameters, family_of, models
from recval.backbones.recbole.parameters import complete

if TYPE_CHECKING:
    from recval.backbones.recbole.trainer import ValuedTrainer

__all__ = ["RecBoleBackbone", "ValuedTrainer", "build", "complete", "default_parameters", "family_of", "models"]


def __getattr__(name: str) -> Any:
    """Import RecBole's trainer when it is first asked for."""
    if name == "ValuedTrainer":
        from recval.backbones.recbole.trainer import ValuedTrainer

        return ValuedTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
