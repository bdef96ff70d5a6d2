from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recval.errors import ConfigError, DataError
from recval.uplift.targeting.gainers import gainers


def customers(rows=1000, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.normal(40, 10, rows),
            "visits": generator.poisson(3, rows),
            "shop": generator.choice(["north", "south", "west"], rows),
            "member": generator.random(rows) < 0.3,
        }
    )
    uplift = 0.1 * frame["age"] + 3 * (frame["shop"] == "west") + generator.normal(0, 1, rows)
    return frame, uplift.to_numpy()


def test_numbers_and_categories_are_compared_by_hand():
    frame, uplift = customers()
    found = gainers(frame, uplift).set_index(["feature", "category"])
    top = uplift >= np.sort(uplift)[-100]
    assert top.sum() == 100
    for name in ("age", "visits"):
        a, b = frame[name][top], frame[name][~top]
        row = found.loc[(name, None)] if (name, None) in found.index else found.xs(name).iloc[0]
        assert (row["top"], row["rest"]) == pytest.approx((a.mean(), b.mean()))
        assert row["difference"] == pytest.approx((a.mean() - b.mean()) / np.sqrt((a.var(ddof=0) + b.var(ddof=0)) / 2))
        assert (row["customers"], row["in_top"]) == (1000, 100)
        assert np.isnan(row["lift"])
    for name, category in (("shop", "west"), ("shop", "north"), ("member", "True"), ("member", "False")):
        has = (frame[name].astype(str) == category).to_numpy()
        row = found.loc[(name, category)]
        p, q = has[top].mean(), has[~top].mean()
        assert (row["customers"], row["in_top"]) == (has.sum(), has[top].sum())
        assert (row["top"], row["rest"], row["lift"]) == pytest.approx((p, q, p / q))
        assert row["difference"] == pytest.approx((p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2))


def test_the_plainest_difference_comes_first():
    frame, uplift = customers()
    found = gainers(frame, uplift)
    assert (np.diff(found["difference"].abs()) <= 0).all()
    assert set(found["feature"].head(4)) == {"shop", "age"}
    assert set(found["feature"].tail(3)) == {"member", "visits"}


def test_a_constant_uplift_shows_no_difference():
    frame, _ = customers()
    found = gainers(frame, np.ones(1000))
    assert np.abs(found["difference"]).max() < 1e-12
    assert found["in_top"].to_numpy() == pytest.approx(0.1 * found["customers"].to_numpy())


def test_the_order_of_rows_never_matters():
    frame, uplift = customers()
    uplift = np.round(uplift)  # Many ties, at the edge of the top too.
    order = np.random.default_rng(1).permutation(1000)
    one, other = (
        gainers(features, scores).sort_values(["feature", "category"], ignore_index=True)
        for features, scores in ((frame, uplift), (frame.iloc[order], uplift[order]))
    )
    pd.testing.assert_frame_equal(one, other)


def test_what_is_missing_is_a_group_of_its_own():
    frame = pd.DataFrame({"age": [1.0, 2.0, np.nan, np.nan], "shop": ["a", None, None, "b"], "none": [None] * 4})
    found = gainers(frame, [1.0, 2.0, 3.0, 4.0], top=0.5)
    age = found[(found["feature"] == "age") & (found["category"] == "(missing)")].iloc[0]
    assert (age["customers"], age["in_top"], age["top"], age["rest"]) == (2, 2, 1, 0)
    assert age["difference"] == np.inf
    shop = found[(found["feature"] == "shop") & (found["category"] == "(missing)")].iloc[0]
    assert (shop["customers"], shop["difference"]) == (2, 0)
    numbers = found[(found["feature"] == "age") & found["category"].isna()].iloc[0]
    assert numbers["customers"] == 2
    assert np.isnan(numbers["difference"])
    assert found[found["feature"] == "none"]["customers"].tolist() == [4]


def test_rare_categories_are_put_together():
    frame = pd.DataFrame({"code": [f"c{i}" for i in range(90)] + ["often"] * 10})
    found = gainers(frame, np.arange(100.0), most_categories=1).set_index("category")
    assert found["customers"].to_dict() == {"often": 10, "(all others)": 90}
    assert found.loc["often", "lift"] == np.inf


@pytest.mark.parametrize(
    ("uplift", "given", "error", "message"),
    [
        (np.full(1000, np.nan), {}, DataError, "the uplift must be finite, found 1,000 missing or infinite"),
        (np.ones(3), {}, DataError, "the features have 1000 rows, the uplift 3"),
        (np.ones((1000, 2)), {}, DataError, "of one treatment, found uplift of 2"),
        (np.ones(1000), {"top": 0}, ConfigError, r"a share in \(0, 1\). Got 0"),
        (np.ones(1000), {"most_categories": 0}, ConfigError, "1 or more. Got 0"),
    ],
)
def test_bad_input_is_one_line(uplift, given, error, message):
    with pytest.raises(error, match=message) as refused:
        gainers(customers()[0], uplift, **given)
    assert "\n" not in str(refused.value)


def test_dates_are_no_features():
    with pytest.raises(DataError, match="'day' holds datetime64"):
        gainers(pd.DataFrame({"day": pd.date_range("2020", periods=3)}), [1.0, 2.0, 3.0])
