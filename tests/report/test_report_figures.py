import json

import numpy as np
import pandas as pd
import pytest
from report_samples import removal

from recval.report import figures
from recval.report.curves import REMOVAL, curve_points


@pytest.fixture
def history():
    """Seed 1 of DVR stops early, and odd epochs have no validation."""
    rows = [
        {"method": method, "seed": seed, "epoch": epoch, "loss": 1.0 / epoch + seed, "ndcg@10": measured}
        for method in ("plain", '<b>"DVR')
        for seed in (0, 1)
        for epoch in range(1, 7 if (method, seed) != ('<b>"DVR', 1) else 5)
        for measured in [0.1 * epoch + 0.01 * seed if epoch % 2 == 0 else np.nan]
    ]
    return pd.DataFrame(rows)


def thick(figure):
    return {line.name: line for line in figure.data if line.line.width > 1}


def test_learning_curves_skip_epochs_without_validation(history):
    lines = thick(figures.learning_curves(history, "ndcg@10", "ndcg@10 (validation)"))
    np.testing.assert_array_equal(lines["plain"].x, [2, 4, 6])
    np.testing.assert_allclose(lines["plain"].y, [0.205, 0.405, 0.605])


def test_the_mean_ends_with_the_first_seed_that_stops(history):
    figure = figures.learning_curves(history, "loss", "training loss")
    ours = thick(figure)['&lt;b&gt;"DVR']
    np.testing.assert_array_equal(ours.x, [1, 2, 3, 4])
    seeds = [line for line in figure.data if line.name == ours.name and line is not ours and line.line.width == 1]
    assert [len(line.x) for line in seeds] == [6, 4]
    np.testing.assert_allclose(seeds[0].y, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6])


def test_one_seed_is_one_line_a_method(history):
    figure = figures.learning_curves(history[history["seed"] == 0], "loss", "training loss")
    assert len(figure.data) == 2


def test_more_methods_than_colours():
    colours = figures.method_colours([f"m{number}" for number in range(20)])
    assert len(colours) == 20
    assert list(colours.values()).count(figures.GREY) == 1


def test_the_histogram_counts_every_value():
    values = pd.Series(np.random.default_rng(0).normal(0.2, 1, 5000))
    figure = figures.value_histogram(values)
    (bars,) = figure.data
    assert sum(bars.y) == 5000
    low = bars.x - bars.width / 2
    assert bars.y[3] == ((values >= low[3]) & (values < low[4])).sum()
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == 0


def test_the_band_lies_between_the_quartiles():
    binned = pd.DataFrame({"activity": [1.0, 9.5], "mean": [0.1, 0.2], "lower": [-0.1, 0.0], "upper": [0.3, 0.4]})
    lower, upper, mean = figures.value_by_count(binned, "interactions of the user").data
    assert upper.fill == "tonexty"
    for line, column in ((lower, "lower"), (upper, "upper"), (mean, "mean")):
        np.testing.assert_array_equal(line.x, binned["activity"])
        np.testing.assert_array_equal(line.y, binned[column])


def dropped():
    return curve_points(removal().to_pandas(), {"fractions": (0.2, 0.4)}, REMOVAL)


def test_removal_starts_with_nothing_dropped():
    figure = figures.share_curve(dropped(), "ndcg@10", {"0": 0.30, "1": 0.32}, REMOVAL)
    assert [line.name for line in figure.data] == ["lowest dropped", "highest dropped", "random dropped"]
    lowest = figure.data[0]
    np.testing.assert_array_equal(lowest.x, [0, 0.2, 0.4])
    np.testing.assert_allclose(lowest.y, [0.31, 0.29, 0.28])
    np.testing.assert_allclose(lowest.error_y.array, [0.01, 0, 0], atol=1e-12)
    np.testing.assert_allclose(lowest.error_y.arrayminus, [0.01, 0, 0], atol=1e-12)


def test_removal_without_plain_training():
    figure = figures.share_curve(dropped(), "ndcg@10", {}, REMOVAL)
    np.testing.assert_array_equal(figure.data[1].x, [0.2, 0.4])
    np.testing.assert_allclose(figure.data[1].y, [0.2, 0.1])


def test_figures_suit_light_and_dark_paper(history):
    layout = json.loads(figures.learning_curves(history, "loss", "loss").to_json())["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert layout["font"]["color"] == figures.GREY
