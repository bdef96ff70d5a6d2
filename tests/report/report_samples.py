"""What the tests of the report share: a reader of pages, and the folder of a small finished run with known numbers."""

from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import yaml

from recval.store.files import write_json, write_table, write_text
from recval.store.run import Run

METHODS = {"plain": {"kind": "plain"}, "placebo": {"kind": "shuffled"}, "DVR": {"kind": "dvr"}}


class Page(HTMLParser):
    """The page's tags, the ids of its sections, and its text outside of scripts and styles."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.sections, self.text, self._open = [], [], "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._open, self.text = tag, f"{self.text} "
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self.sections.append(dict(attrs)["id"])

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open not in ("script", "style"):
            self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


def spread(*by_seed):
    return {
        "mean": float(np.mean(by_seed)),
        "sd": float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None,
        "by_seed": {str(seed): value for seed, value in enumerate(by_seed)},
    }


def comparison(difference, p):
    return {
        "difference": difference,
        "relative": 0.035,
        "ci_low": difference - 0.003,
        "ci_high": difference + 0.003,
        "t_p_value": p / 2,
        "t_p_value_holm": p,
        "wilcoxon_p_value": p,
        "effect_size": 0.1,
        "users": 943,
    }


def summary(dvr=(0.0103, 1e-9), placebo=(0.0, 1.0), seeds=((0.29, 0.31), (0.30, 0.32)), metric="ndcg@10"):
    """The summary of plain training, a placebo and DVR, given the difference and p-value of the latter two."""
    plain, ours = seeds
    return {
        "baseline": "plain",
        "valuator": "DVR",
        "methods": {
            "plain": {metric: spread(*plain)},
            "placebo": {metric: spread(*plain)},
            "DVR": {metric: spread(*ours)},
        },
        "validation": {method: {"mrr@5": spread(*(0.2 for _ in plain))} for method in METHODS},
        "references": {"EASE": {metric: 0.4321}},
        "comparisons": {metric: {"placebo": comparison(*placebo), "DVR": comparison(*dvr)}},
    }


def recipe(**changes):
    return {
        "description": "Does it help?",
        "data": {"path": "nowhere.csv"},
        "model": {"name": "BPR", "parameters": {}},
        "seeds": [0, 1],
        "methods": dict(METHODS),
        "removal": {"method": "DVR", "fractions": [0.2, 0.4], "keep": []},
    } | changes


def values(users, items, value):
    """A table of values with two estimates of each."""
    value = np.asarray(value, float)
    rank = np.empty(len(value), int)
    rank[np.argsort(-value, kind="stable")] = np.arange(1, len(value) + 1)
    error, count = np.full(len(value), 0.0123), np.full(len(value), 2)
    found = {"value": value, "standard_error": error, "count": count, "rank": rank}
    return pa.table({"user": pa.array(users), "item": pa.array(items), **found})


def explanation(user, item, **changes):
    """Why an interaction has its value, as a run keeps it."""
    return {
        "user": user,
        "item": item,
        "seed": 3,
        "value": 0.5,
        "alone": 0.25,
        "partners": [{"user": "bob", "item": "i2", "share": 0.375}],
        "others": 1234,
        "others_share": -0.125,
        "average": 0.0625,
        "inputs": {"user": 0.5, "loss": -0.0625},
    } | changes


def removal():
    return pa.table(
        {
            "order": ["lowest", "lowest", "highest", "highest", "random", "random"],
            "fraction": [0.2, 0.4] * 3,
            "seed": [1] * 6,
            "ndcg@10": [0.29, 0.28, 0.2, 0.1, 0.27, 0.22],
        }
    )


def write_run(path, summary, recipe, values=None, removal=None, histories=None):
    """A finished run's folder; `histories` holds the epochs of each (method, seed)."""
    run = Run(path)
    write_text(run.recipe_path, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))
    write_json(run.environment_path, {"python": "3.11.7", "packages": {"recval": "0.1.0"}})
    write_json(run.metrics_path, summary)
    if values is not None:
        write_table(run.values_path, values)
    if removal is not None:
        write_table(run.removal_path, removal)
    for (method, seed), epochs in (histories or {}).items():
        write_table(run.trial_path("methods", method, seed) / "history.parquet", pa.Table.from_pylist(epochs))
    return run
