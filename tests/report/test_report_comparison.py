import re

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs
from report_samples import Page

from recval.ranking.comparing import compare
from recval.report import write_comparison
from recval.report.comparison import friedman_sentence, verdicts
from recval.report.ranks import rank_figure, rank_text

EVIL = "<script>alert('é\"&')</script>"


def table(values, metric="ndcg@10"):
    return pd.DataFrame({"user": np.arange(len(values)), metric: values})


def systems(n=300, gains=(0.0, 0.0, 0.2), names="abc", seed=0):
    rng = np.random.default_rng(seed)
    base = rng.random(n)
    return {name: table(base + gain + rng.normal(0, 0.1, n)) for name, gain in zip(names, gains, strict=True)}


@pytest.fixture
def found():
    return compare(systems())


def page(path, comparison):
    write_comparison(comparison, path / "comparison.html")
    return (path / "comparison.html").read_text(encoding="utf8")


def test_the_page_says_what_was_found(tmp_path, found):
    html = page(tmp_path, found)
    words = Page(html).words
    assert Page(html).sections[:2] == ["verdict", "metrics"]
    assert "Comparison of a, b, c" in words
    assert re.search(r"ndcg@10: c has the best mean, 0\.\d+\. Significantly different from it: a \(−0\.\d+, p <", words)
    assert "Not told apart from it: none." in words
    assert "Holm over all 3 comparisons of this page" in words
    for test in found.tests.itertuples():
        row = f"{test.system} {test.other} {'+' if test.difference > 0 else '−'}{abs(test.difference):.4f}"
        assert row in words, row
    assert html.count('id="figure-') == 1


def test_what_was_not_found_comes_with_what_could_have_been():
    found = compare(systems(gains=(0.0, 0.0), names="ab"))
    (test,) = found.tests.to_dict("records")
    (sentence,) = verdicts(found)
    assert test["t_p_value_holm"] > 0.05
    assert "Significantly different from it: none." in sentence
    assert f"a true difference of {test['detectable']:.4f} would have been found with 80 % power" in sentence


def test_against_a_baseline_the_difference_is_that_of_the_other():
    found = compare(systems(), baseline="a")
    (sentence,) = verdicts(found)
    assert sentence.startswith("ndcg@10: a is the baseline, ")
    assert re.search(
        r"Significantly different from it: c \(\+0\.\d+, p < 0.0001\). Not told apart from it: b \(", sentence
    )


def test_where_lower_is_better_the_lowest_is_best():
    (sentence,) = verdicts(compare(systems(gains=(0.3, 0.0, 0.2)), lower_is_better=["ndcg@10"]))
    assert sentence.startswith("ndcg@10: b has the best mean, ")


def test_friedmans_sentence_states_the_ties():
    values = np.repeat([[0.5, 0.5, 0.5], [0.1, 0.1, 0.2], [0.1, 0.2, 0.3], [0.3, 0.1, 0.2]], 5, axis=0)
    found = compare({name: table(column) for name, column in zip("abc", values.T, strict=True)})
    sentence = friedman_sentence(found, "ndcg@10")
    assert f"χ²(2) = {found.ranks['statistic']['ndcg@10']:.2f}, p = " in sentence
    assert "over 20 users" in sentence
    assert "for 50.0 % of them some systems are equal, for 25.0 % all are." in sentence


def test_the_picture_in_text(found):
    lines = rank_text(found, "ndcg@10").splitlines()
    ranked = found.by_rank("ndcg@10")
    assert [line.split()[0] for line in lines] == list(ranked.index) == ["c", *ranked.index[1:]]
    assert [float(line.split()[1]) for line in lines] == pytest.approx(ranked.to_list(), abs=6e-4)
    assert ["●" in line for line in lines] == [False, True, True]


def test_a_bar_passes_what_it_does_not_hold_for(found):
    order = list(found.by_rank("ndcg@10").index)
    ends = [{row.system, row.other} == {order[0], order[2]} for row in found.tests.itertuples()]
    found.tests["wilcoxon_p_value_holm"] = np.where(ends, 0.9, 0.0)
    assert [line[-1] for line in rank_text(found, "ndcg@10").splitlines()] == ["●", "│", "●"]


def test_the_figure_shows_ranks_bars_and_the_critical_difference(found):
    figure = rank_figure(found, "ndcg@10")
    ranked = found.by_rank("ndcg@10")
    leaders = [line for line in figure.data if not line.showlegend and line.mode == "lines" and len(line.x) == 3]
    assert [line.x[0] for line in leaders] == pytest.approx(ranked.to_list())
    assert len({line.y[1] for line in leaders}) == 2
    (bar,) = [line for line in figure.data if line.name == "not told apart by Wilcoxon and Holm"]
    assert list(bar.x) == pytest.approx(ranked[["a", "b"]].sort_values().to_list())
    (ruler,) = [line for line in figure.data if str(line.name).startswith("critical difference")]
    assert ruler.x[1] - ruler.x[0] == pytest.approx(found.ranks["critical_difference"]["ndcg@10"])
    low, high = figure.layout.xaxis.range
    assert low <= min(ruler.x) < max(ruler.x) <= high
    assert low < ranked.min() < ranked.max() < high
    assert [note.text.split("  ")[0] for note in figure.layout.annotations] == list(ranked.index)


def test_equal_systems_can_be_drawn(tmp_path):
    same = table(np.linspace(0, 1, 9))
    found = compare({"a": same, "b": same})
    assert "nan" not in Page(page(tmp_path, found)).words.lower()
    assert [line[-1] for line in rank_text(found, "ndcg@10").splitlines()] == ["●", "●"]


def test_names_are_escaped(tmp_path):
    html = page(tmp_path, compare(systems(names=[f"x{EVIL}", "b", "c"])))
    assert "<script>alert" not in html
    assert f"x{EVIL}" in Page(html).words


def test_notes_are_shown(tmp_path):
    tables = systems()
    found = compare({**tables, "a": tables["a"][10:]})
    assert "Note: 10 of the 300 users of b are not in all systems." in Page(page(tmp_path, found)).words


def test_nothing_is_loaded_from_anywhere(tmp_path, found):
    html = page(tmp_path, found)
    assert not [tag for tag, attributes in Page(html).tags if {"src", "href"} & set(attributes)]
    assert html.count(get_plotlyjs()) == 1


def test_the_page_does_not_grow_with_the_users(tmp_path):
    sizes = [len(page(tmp_path, compare(systems(n), resamples=10))) for n in (100, 50_000)]
    assert abs(sizes[1] - sizes[0]) < 1000


def test_the_same_comparison_gives_the_same_page(tmp_path):
    assert page(tmp_path, compare(systems())) == page(tmp_path, compare(systems()))
