"""The bridge to RecBole: any of its general recommenders as a `Backbone`, built from interactions in memory.

    backbone = build("LightGCN", split.train, {"n_layers": 3}, device="cpu", seed=42)

What a model can be used for depends on how RecBole wrote its loss.

- Trained on weighted samples: BPR, DGCF, DMF, FISM, GCMC, LightGCN, NAIS, NGCF, NNCF, NeuMF, SpectralCF. Their loss is
  the mean of one value a sample, and the bridge gets at these values.
- Fitted when built, then only scored: ADMMSLIM, AsymKNN, EASE, ItemKNN, NCEPLRec, Pop, SLIMElastic, and Random.
- Built and scored, but without losses per sample: those that reduce over the batch in their own code (ConvNCF, LINE,
  SGL, SimpleX), those whose sample is a whole user (CDAE, DiffRec, ENMF, LDiffRec, MacridVAE, MultiDAE, MultiVAE,
  RaCT, RecVAE), and NCL, which only its own trainer can train. `loss_per_sample` refuses them with a `ModelError`.

Do not use it for sequential, context-aware or knowledge-based recommenders: they need more than triplets of a user and
two items. For speed prefer recval's own recommender where there is one: RecBole's graph models propagate over the
whole graph in every step, and those without `full_sort_predict` score pair by pair.

RecBole is imported when the first model is built, not before. Its configuration, data loaders and trainers are not
used: no file is read or written, and the command line is left alone. ADMMSLIM and Random add noise to their scores,
drawn from torch's global generator.

Reference:
    Zhao et al. "RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation Algorithms."
    CIKM 2021.
"""

from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.build import build
from recval.backbones.recbole.catalogue import default_parameters, models

__all__ = ["RecBoleBackbone", "build", "default_parameters", "models"]
