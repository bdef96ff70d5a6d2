import numpy as np
import pandas as pd
import pytest
from report_samples import explanation
from scipy.stats import spearmanr

from recval.report.valued import (
    by_count,
    explained_pairs,
    explanations,
    extremes,
    rank_correlation,
    with_counts,
)
from recval.store.files import write_json
from recval.store.run import Run


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    users, items = rng.zipf(1.5, 3000) % 50, rng.zipf(1.3, 3000) % 80
    return with_counts(pd.DataFrame({"user": users, "item": items, "value": rng.normal(size=3000)}))


def test_counts_are_of_the_valued_interactions(frame):
    for row in frame.sample(40, random_state=0).itertuples():
        assert row.activity == (frame["user"] == row.user).sum()
        assert row.popularity == (frame["item"] == row.item).sum()


def test_extremes_are_in_order():
    frame = pd.DataFrame({"value": [0.1, -0.5, 0.9, 0.0], "rank": [2, 4, 1, 3]})
    best, worst = extremes(frame, 2)
    assert best["value"].tolist() == [0.9, 0.1]
    assert worst["value"].tolist() == [-0.5, 0.0]


def test_correlation_equals_scipys_with_ties(frame):
    expected = spearmanr(frame["value"], frame["popularity"]).statistic
    assert rank_correlation(frame, "popularity") == pytest.approx(expected)
    assert np.isnan(rank_correlation(frame.assign(popularity=1), "popularity"))


def test_bins_hold_every_interaction_once(frame):
    cuts = np.unique(np.quantile(frame["activity"], np.linspace(0.05, 0.95, 19)))
    binned = by_count(frame, "activity")
    inside = [
        frame[(frame["activity"] > low) & (frame["activity"] <= high)]
        for low, high in zip([-np.inf, *cuts], [*cuts, np.inf], strict=True)
    ]
    expected = [
        (part["activity"].mean(), part["value"].mean(), *np.quantile(part["value"], [0.25, 0.75]))
        for part in inside
        if len(part)
    ]
    np.testing.assert_allclose(binned.to_numpy(), expected)
    assert binned["activity"].is_monotonic_increasing


def test_one_bin_where_all_counts_are_equal(frame):
    binned = by_count(frame.assign(activity=7), "activity")
    assert binned["activity"].tolist() == [7]
    assert binned["mean"].tolist() == pytest.approx([frame["value"].mean()])


def test_a_run_without_explanations_has_none(tmp_path):
    assert explanations(Run(tmp_path)) == []
    assert len(explained_pairs([])) == 0


def test_all_pairs_of_explanations_are_named(tmp_path):
    run, found = Run(tmp_path), [explanation("ann", "i1"), explanation(7, "i3", partners=[])]
    write_json(run.explanations_path, found)
    assert explanations(run) == found
    assert explained_pairs(found).to_records(index=False).tolist() == [("ann", "i1"), ("bob", "i2"), (7, "i3")]
