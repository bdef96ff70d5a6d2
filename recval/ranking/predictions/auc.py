"""auc: how often a row labelled 1 is predicted higher than one labelled 0."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Floats, Predictions


@prediction_metric("auc")
def auc(predictions: Predictions) -> Floats:
    r"""Return the share of pairs of a 1 and a 0 in the right order, in [0, 1]; equal predictions count one half.

    Over all rows, pairs of different users count too; see `gauc` for pairs within users. NaN where all labels are
    equal.

    .. math:: \frac{\sum_{y_i = 1} r_i - P (P + 1) / 2}{P (n - P)}

    with :math:`r_i` the mean rank of a prediction among the n, from the lowest on, and P the rows labelled 1.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 1982; RecBole's `AUC`.

    Raises:
        DataError: a label is neither 0 nor 1.
    """
    user, labels, n_users = predictions.user, predictions.labels, predictions.n_users
    counts = np.bincount(user, minlength=n_users)
    positives = np.bincount(user[labels], minlength=n_users)
    ranks = _mean_ranks(user, predictions.predicted, np.cumsum(counts) - counts)
    above = np.bincount(user[labels], ranks[labels], minlength=n_users) - positives * (positives + 1) / 2
    pairs = positives * (counts - positives)
    return np.divide(above, pairs, out=np.full(n_users, np.nan), where=pairs > 0)


def _mean_ranks(user: np.ndarray, values: Floats, starts: np.ndarray) -> Floats:
    """Return the rank, from 1, of each value among those of its user; equal values share the mean of theirs."""
    order = np.lexsort((values, user))
    user, values = user[order], values[order]
    begins = np.concatenate([[True], (user[1:] != user[:-1]) | (values[1:] != values[:-1])])
    run = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(values)) - 1
    ranks = np.empty(len(values))
    ranks[order] = (first + last)[run] / 2 + 1 - starts[user]
    return ranks
