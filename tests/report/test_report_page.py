import re
from html import unescape

import numpy as np
import pytest
import yaml
from plotly.offline import get_plotlyjs
from report_samples import METHODS, Page, explanation, recipe, removal, summary, values, write_run

from recval.report import write_report
from recval.report.sections import removal_section, valuation_section
from recval.store.files import write_json
from recval.store.run import Run

EVIL = "<script>alert('é\"&')</script>"
HISTORIES = {
    (method, seed): [{"epoch": 1, "loss": 0.7, "mrr@5": None}, {"epoch": 2, "loss": 0.5, "mrr@5": 0.2}]
    for method in ("plain", "placebo", "DVR")
    for seed in (0, 1)
}


def report(path, *args, **kwargs):
    run = write_run(path, *args, **kwargs)
    write_report(run)
    return run.report_path.read_text(encoding="utf8")


@pytest.fixture
def whole(tmp_path):
    table = values(["ann", "ann", "bob"], ["i1", "i2", "i1"], [0.5, -0.25, 0.125])
    return report(tmp_path, summary(), recipe(), table, removal(), HISTORIES)


def test_every_section(whole):
    page = Page(whole)
    assert page.sections == ["verdict", "metrics", "curves", "values", "explained", "removal", "recipe"]
    assert "DVR raises ndcg@10 over plain by 0.0103 (+3.5 %)" in page.words
    assert "No placebo (placebo) differs significantly" in page.words
    assert "plain baseline 0.3000 ± 0.0141" in page.words
    assert "References, not trained by this recipe EASE 0.4321" in page.words
    assert "mrr@5 (validation)" in page.words
    assert "With 40 % dropped, ndcg@10 is 0.2800 (lowest)" in page.words
    assert "recval run recipe.yaml" in page.words
    assert "3.11.7" in page.words


def test_the_extremes_are_listed_in_order(whole):
    words = Page(whole).words
    best, worst = words.index("Most valuable"), words.index("Least valuable")
    assert re.findall(r"(ann|bob) (i\d) – (\S+) ± 0.0123 (\d) (\d)", words[best:worst]) == [
        ("ann", "i1", "0.5000", "2", "2"),
        ("bob", "i1", "0.1250", "1", "2"),
        ("ann", "i2", "−0.2500", "2", "1"),
    ]
    assert re.findall(r"(ann|bob) (i\d)", words[worst:]) == [("ann", "i2"), ("bob", "i1"), ("ann", "i1")]
    assert "33.3 % of them below zero" in words


def valuation(**changes):
    """What a run says of its values: two methods of which one was not timed, and noise that is known."""

    def spread(*by_seed):
        return {"mean": sum(by_seed) / len(by_seed), "sd": 0.0125 if len(by_seed) > 1 else None}

    known = {"players": 1234, "interactions": 3, "seeds": [0], "facts": {}, "stability": None}
    fast = {"kind": "knn-shapley", "seconds": 0.5, "relative": 0.25, "evaluations": None, "standard_error": None}
    slow = {"kind": "game", "seconds": 200.0, "relative": 100.0, "evaluations": 5000.0, "standard_error": 0.0625}
    return {
        "valuator": "DVR",
        "unit": "plain",
        "noise": 0.125,
        "methods": {
            f"<{EVIL}": known | fast | {"auroc": spread(0.75), "auprc": spread(0.5)},
            "DVR": known
            | slow
            | {"auroc": spread(0.5, 0.75), "auprc": spread(0.25, 0.5), "seeds": [0, 1], "stability": 0.875},
        },
    } | changes


def with_valuation(path, found, seeds=(0, 1), count=2):
    table = values(["ann", "bob"], ["i1", "i1"], [0.5, -0.5]).set_column(4, "count", [[count, count]])
    run = write_run(path, summary(), recipe(seeds=list(seeds)), table)
    write_json(run.valuation_path, found)
    write_report(run)
    return run.report_path.read_text(encoding="utf8")


def test_valuations_stand_beside_each_other_with_their_cost(tmp_path):
    html = with_valuation(tmp_path, valuation())
    page = Page(html)
    assert "valuation" in page.sections
    assert f"<{EVIL} knn-shapley 1,234 0.5 0.25 – – 0.7500 0.5000 –" in page.words
    assert "DVR game 1,234 200.0 100.00 5000 0.0625 0.6250 ± 0.0125 0.3750 ± 0.0125 +0.88" in page.words
    assert "trainings are these seconds over those of one with plain" in page.words
    assert "labelled 0, 12.5 % of all" in page.words
    assert "cost in trainings with plain" in html
    assert "<script>alert" not in html


def test_the_figure_of_valuations_shows_those_whose_cost_and_quality_are_known(tmp_path):
    run = Run(tmp_path)
    found = valuation()
    found["methods"]["DVR"]["relative"] = None
    write_json(run.valuation_path, found)
    points = valuation_section(run)["figure"].data[0]
    assert (list(points.x), list(points.y)) == ([0.25], [0.75])
    write_json(run.valuation_path, valuation(unit=None))
    points = valuation_section(run)["figure"].data[0]
    assert list(points.x) == [0.5, 200.0]


def test_valuations_without_labels_have_no_figure(tmp_path):
    found = valuation(noise=None)
    for method in found["methods"].values():
        del method["auroc"], method["auprc"]
    page = Page(with_valuation(tmp_path, found))
    assert "DVR game 1,234 200.0 100.00 5000 0.0625 +0.88" in page.words
    assert "AUROC" not in page.words


@pytest.mark.parametrize(
    ("seeds", "count", "asked", "said"),
    [
        ([0, 1], 2, [0, 1], "Values are means over 2 seeds, and s.e. is their standard error over seeds."),
        (
            [0],
            3000,
            [0],
            "Values are means over up to 3,000 estimates with one seed, and s.e. is their standard error.",
        ),
        ([0], 1, [0, 1], "Every seed gives the same, so the values have no standard error."),
        ([0], 1, [0], "There is one seed, so the values have no standard error."),
    ],
)
def test_what_the_standard_error_of_the_values_is_is_told(tmp_path, seeds, count, asked, said):
    found = valuation()
    found["methods"]["DVR"]["seeds"] = seeds
    assert said in Page(with_valuation(tmp_path, found, asked, count)).words


def test_what_made_the_extreme_values_is_told_where_it_is_known(tmp_path, whole):
    assert "What made" not in Page(whole).words
    run = Run(tmp_path)
    write_json(run.explanations_path, [explanation("ann", "i1"), explanation("ann", "i2", partners=[], alone=0.625)])
    write_report(run)
    words = Page(run.report_path.read_text(encoding="utf8")).words
    inputs = "by what was observed share an average sample 0.0625 user 0.5000 loss −0.0625 value 0.5000"
    assert (
        "User ann, item i1 by company share on its own 0.2500 with user bob, item i2 0.3750 "
        f"with 1,234 others −0.1250 value 0.5000 {inputs}"
    ) in words
    assert (
        f"User ann, item i2 by company share on its own 0.6250 with 1,234 others −0.1250 value 0.5000 {inputs}"
    ) in words
    assert "in one batch of the training with seed 3" in words
    assert re.findall(r"(ann|bob) (i\d) – (\S+) ± 0.0123 (\d) (\d)", words)[0] == ("ann", "i1", "0.5000", "2", "2")


def test_data_that_is_gone_is_told(whole):
    assert re.search(r"Titles and ratings are missing, .*nowhere\.csv", Page(whole).words)


def test_the_recipe_is_the_files_own_text(tmp_path):
    given = recipe(description=f"Ünï {EVIL}")
    html = report(tmp_path, summary(), given)
    pre = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL).group(1)
    assert unescape(pre) == (tmp_path / "recipe.yaml").read_text(encoding="utf8")
    assert yaml.safe_load(unescape(pre)) == given


def test_nothing_is_loaded_from_anywhere(whole):
    page = Page(whole)
    assert "link" not in dict(page.tags)
    assert not [attributes for _, attributes in page.tags if {"src", "href", "data", "srcset"} & set(attributes)]
    styles = "".join(re.findall(r"<style>(.*?)</style>", whole, re.DOTALL))
    assert "color" in styles
    assert not re.search(r"@import|url\(", styles)
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    assert whole.count(get_plotlyjs()) == 1


def test_names_from_the_data_are_escaped(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    (path / "data.inter").write_text(f"user_id:token\titem_id:token\n{EVIL}\ti1\nbob\t{EVIL}\n", encoding="utf8")
    (path / "data.item").write_text(f"item_id:token\tname:token_seq\ni1\tT{EVIL}\n{EVIL}\tplain\n", encoding="utf8")
    card = {
        **dict.fromkeys(("name", "description", "licence", "origin"), "x"),
        "title": f"D{EVIL}",
        "source": {"path": str(path), "reader": "atomic"},
        "sizes": {"users": 2, "items": 2, "interactions": 2},
        "item_title": "name",
    }
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    found, asked = summary(), recipe(data=str(tmp_path / "card.yaml"), description=f"A{EVIL}")
    for part in (found["methods"], found["validation"], found["comparisons"]["ndcg@10"], asked["methods"]):
        part[f"M{EVIL}"] = part.pop("DVR")
    asked["removal"]["method"] = found["valuator"] = f"M{EVIL}"
    histories = {(f"M{EVIL}", 0): HISTORIES["DVR", 0]}
    table = values([EVIL, "bob"], ["i1", EVIL], [1.0, -1.0])
    run = write_run(tmp_path / "run", found, asked, table, removal(), histories)
    partner = {"user": EVIL, "item": EVIL, "share": 0.5}
    write_json(run.explanations_path, [explanation("bob", EVIL, partners=[{**partner, "item": "i1"}, partner])])
    write_report(run)
    html = run.report_path.read_text(encoding="utf8")
    page = Page(html)
    assert "<script>alert" not in html
    assert "Titles and ratings are missing" not in page.words
    for text in (
        f"D{EVIL}",
        f"A{EVIL}",
        f"M{EVIL} raises",
        f"M{EVIL} valued",
        f"{EVIL} T{EVIL} i1",
        f"bob plain {EVIL}",
        f"User bob, item plain {EVIL}",
        f"with user {EVIL}, item T{EVIL} i1",
        f"with user {EVIL}, item plain {EVIL}",
    ):
        assert text in page.words


def test_a_run_without_values_removal_and_curves(tmp_path):
    page = Page(report(tmp_path, summary(), recipe(removal=None)))
    assert page.sections == ["verdict", "metrics", "recipe"]


def test_one_method_with_one_seed(tmp_path):
    found = summary(seeds=((0.25,), (0.25,))) | {"references": {}, "comparisons": {"ndcg@10": {}}}
    found["methods"] = {"plain": found["methods"]["plain"]}
    asked = recipe(methods={"plain": {"kind": "plain"}}, removal=None, seeds=[0])
    page = Page(report(tmp_path, found, asked))
    assert "There is no method to compare with plain." in page.words
    assert "0.2500 ± –" in page.words
    assert "over 1 seed." in page.words
    assert "References" not in page.words
    assert "nan" not in page.words.lower()


def test_values_of_one_seed_have_no_standard_error(tmp_path):
    table = values(["ann", "bob"], ["i1", "i1"], [0.5, 0.5])
    table = table.set_column(3, "standard_error", [[np.inf, np.inf]]).set_column(4, "count", [[1, 1]])
    words = Page(report(tmp_path, summary(), recipe(), table)).words
    assert "ann i1 – 0.5000 ± – 1 2" in words
    assert "no standard error" in words
    assert "correlation of the value is – with" in words


def test_removal_starts_from_plain_training_with_the_same_seed(tmp_path):
    html = report(tmp_path, summary(seeds=((0.25, 0.375), (0.3, 0.3))), recipe(), removal=removal())
    assert '"name":"lowest dropped"' in html
    run = Run(tmp_path)
    (found,) = removal_section(run, run.recipe(), run.metrics())["metrics"]
    assert found["figure"].data[0].y[0] == 0.375


def test_the_page_does_not_grow_with_the_data(tmp_path):
    n, rng = 200_000, np.random.default_rng(0)
    users, items = rng.integers(0, 5000, n).astype(str), rng.zipf(1.4, n).astype(str)
    html = report(tmp_path, summary(), recipe(), values(users, items, rng.normal(size=n)), removal(), HISTORIES)
    assert "200,000 interactions" in html
    assert len(html) - len(get_plotlyjs()) < 100_000


def test_the_same_run_gives_the_same_page(tmp_path, whole):
    (path,) = tmp_path.glob("report.html")
    write_report(Run(tmp_path))
    assert path.read_text(encoding="utf8") == whole


def test_the_title_names_every_model(tmp_path):
    def title(**models):
        methods = {name: {"kind": kind["kind"], **models.get(name, {})} for name, kind in METHODS.items()}
        return re.search(r"<title>(.*?)</title>", report(tmp_path, summary(), recipe(methods=methods))).group(1)

    assert title() == "BPR on nowhere.csv"
    assert title(DVR={"model": {"name": "EASE"}}) == "BPR and EASE on nowhere.csv"
    own = {name: {"model": {"name": model}} for name, model in (("plain", "A"), ("placebo", "B"), ("DVR", "A"))}
    assert title(**own) == "A and B on nowhere.csv"
    own = {name: {"model": {"name": "A"}} for name in ("plain", "DVR")}
    assert title(**own) == "A on nowhere.csv"


def test_values_are_told_as_what_the_method_means_by_them(tmp_path):
    table = values(["ann"], ["i1"], [0.5])
    methods = {**METHODS, "DVR": {"kind": "loss", "reward": None}}
    words = Page(report(tmp_path, summary(), recipe(methods=methods), table)).words
    assert "minus the loss of the trained model" in words
    assert "raise the reward" not in words
