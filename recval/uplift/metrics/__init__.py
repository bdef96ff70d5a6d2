"""Metrics of uplift: how well a score ranks, how right it is, and whether that is more than luck.

All take a score, who was treated and what was spent, of one treatment against the control; `measure` does so by name
for every treatment. How to choose: `auuc` or `qini` for a ranking, with `auuc_null_test` and `bootstrap` beside them;
`lift` at the share that will be treated; `calibration_table` where sizes matter; `rate` with doubly robust effects
where treatment was not random; `compare_models` for models over repeated splits; the metrics of the truth for
simulated customers.
"""

from recval.uplift.metrics.areas import auqc, auuc, qini
from recval.uplift.metrics.bootstrap import Interval, bootstrap, bootstrap_rate
from recval.uplift.metrics.calibration import calibration_error, calibration_table
from recval.uplift.metrics.comparison import SplitComparison, compare_models, compare_splits
from recval.uplift.metrics.curves import Curve, effect_curve, qini_curve, uplift_curve
from recval.uplift.metrics.lift import lift
from recval.uplift.metrics.measuring import check_metric, measure, metric_names
from recval.uplift.metrics.null_band import NullBand, NullTest, auuc_null_test, null_band
from recval.uplift.metrics.rank_correlation import rank_correlation
from recval.uplift.metrics.rank_metrics import rank_metrics
from recval.uplift.metrics.toc import randomised_effects, rate, toc
from recval.uplift.metrics.truth import mean_bias, oracle_qini, pehe, spearman

__all__ = [
    "Curve",
    "Interval",
    "NullBand",
    "NullTest",
    "SplitComparison",
    "auqc",
    "auuc",
    "auuc_null_test",
    "bootstrap",
    "bootstrap_rate",
    "calibration_error",
    "calibration_table",
    "check_metric",
    "compare_models",
    "compare_splits",
    "effect_curve",
    "lift",
    "mean_bias",
    "measure",
    "metric_names",
    "null_band",
    "oracle_qini",
    "pehe",
    "qini",
    "qini_curve",
    "randomised_effects",
    "rank_correlation",
    "rank_metrics",
    "rate",
    "spearman",
    "toc",
    "uplift_curve",
]
