"""non-parity: how differently high the groups' predictions are."""

from __future__ import annotations

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Predictions
from recval.ranking.predictions.two_groups import row_groups


@prediction_metric("non-parity", lower_is_better=True, overall=True)
def non_parity(predictions: Predictions) -> float:
    r"""Return :math:`|E_g[\hat r] - E_{g'}[\hat r]|`, the difference of the groups' mean predictions, at least 0.

    It does not look at the truth: groups that really rate differently are apart under a perfect model too.

    Source: Kamishima et al., "Enhancement of the neutrality in recommendation", 2012, as in Yao and Huang, "Beyond
    parity: fairness objectives for collaborative filtering", NIPS 2017.

    Raises:
        DataError: the users are not in exactly two groups.
    """
    group = row_groups(predictions)
    return float(abs(predictions.predicted[group == 0].mean() - predictions.predicted[group == 1].mean()))
