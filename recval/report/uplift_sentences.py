"""Sentences that say in plain words what a model of uplift was found to do on customers that it never met.

A ranking counts as better than random where its metric lies above the band that holds 95 % of random rankings. Within
the band nothing was shown: with few buyers it is wide, and a high figure inside of it means little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recval.report.formats import brief, brief_signed, money, share

Found = Mapping[str, Any]
"""What `recval.recipes.uplift.evaluate` found."""
_REACH = 1.96
_SHOWN = "which chance alone seldom brings"


def uplift_verdicts(found: Found, models: Found, unit: str) -> list[str]:
    """Return the sentences on each treatment, on repeated splits, and on the plan.

    Args:
        found: what was found of one model.
        models: the metrics of several models by treatment; empty where there is one.
        unit: the response in words, such as "spend".
    """
    sentences: list[str] = []
    for arm, of_arm in found["arms"].items():
        sentences += arm_sentences(arm, of_arm, unit)
        sentences += split_sentences(arm, models[arm]) if arm in models else []
    return [*sentences, *plan_sentences(found["plan"])] if found["plan"] else sentences


def arm_sentences(arm: str, found: Found, unit: str) -> Iterator[str]:
    """Yield what a treatment does on average, whether the ranking beats random ones, and whether its size is right."""
    effect, top = found["average_effect"], found["top"]
    shown = "which is not shown to differ from 0" if effect["low"] <= 0 <= effect["high"] else _SHOWN
    yield (
        f"{arm} changes {unit} by {brief_signed(effect['estimate'])} a customer on average, 95 % interval "
        f"{_ends(effect)}, {shown}."
    )
    name, metric = next(iter(found["metrics"].items()))
    yield f"Ranked by predicted uplift of {arm}, {name} is {brief(metric['value'])}{beside_random(metric)}."
    if top["value"] is not None:
        yield _top(found, unit)
    yield _size(arm, found)


def _top(found: Found, unit: str) -> str:
    effect, top = found["average_effect"]["estimate"], found["top"]
    inside = top["low"] <= effect <= top["high"]
    shown = ", which lies in that interval, so that choosing these gains more is not shown" if inside else ""
    return (
        f"Treating the {share(top['share'])} with the highest prediction alone changes their {unit} by "
        f"{brief_signed(top['value'])} each, 95 % interval {_ends(top)}; treating everybody, by "
        f"{brief_signed(effect)}{shown}."
    )


def beside_random(metric: Found) -> str:
    """Return what a metric is beside random rankings, to stand after its value; empty where it has no band."""
    if metric["null_low"] is None or metric["value"] is None:
        return ""
    band = f"; 95 % of random rankings lie in {_ends(metric, 'null_')}"
    if metric["value"] > metric["null_high"]:
        return f"{band}, so the ranking is better than random"
    if metric["value"] < metric["null_low"]:
        return f"{band}, so the ranking is worse than random and must not be used"
    return f"{band}, so on these customers the ranking cannot be told from a random one"


def split_sentences(arm: str, metrics: Found) -> Iterator[str]:
    """Yield what repeated splits and seeds say of the first metric; nothing where there is one model."""
    name, metric = next(iter(metrics.items()))
    if metric["trials"] < 2:
        return
    band = ""
    if metric["above"] is not None:
        band = f"; {metric['above']} lie above the band of random rankings, {metric['below']} below it"
    yield (
        f"Over {metric['trials']} models of other splits or seeds, {name} of {arm} is {brief(metric['mean'])} ± "
        f"{brief(metric['sd'])}{band}."
    )


def plan_sentences(plan: Found) -> Iterator[str]:
    """Yield whom a plan treats, what the predictions promise, and what was measured."""
    limit = "" if plan["budget"] is None else f" of a budget of {money(plan['budget'])}"
    yield (
        f"Of these {plan['customers']:,} customers, the plan treats {sum(plan['treated'].values()):,} and spends "
        f"{money(plan['spent'])}{limit}. The predictions promise {money(plan['revenue'])} of revenue, which is a "
        f"profit of {money(plan['profit'])}."
    )
    if not any(plan["treated"].values()):
        yield "It treats nobody, because by the predictions no treatment within the budget brings in what it costs."
        return
    earned = plan["earned"]
    inside = earned["low"] <= 0 <= earned["high"]
    shown = "; too few customers bought to tell whether it earns anything" if inside else f", {_SHOWN}"
    yield (
        f"By what these customers did spend, the plan earns {brief_signed(earned['estimate'])} a customer against "
        f"treating nobody, costs paid, 95 % interval {_ends(earned)}{shown}."
    )


def _size(arm: str, found: Found) -> str:
    deciles = [row for row in found["deciles"] if row["observed"] is not None and row["standard_error"] is not None]
    near = sum(abs(row["observed"] - row["predicted"]) <= _REACH * row["standard_error"] for row in deciles)
    predicted, effect = found["predicted"], found["average_effect"]
    off = ""
    if not effect["low"] <= predicted <= effect["high"]:
        way = "low" if predicted < effect["low"] else "high"
        off = f", too {way} for chance to explain: read no amounts from it, or set model.calibration, to level say"
    return (
        f"The predicted uplift of {arm} is {brief_signed(predicted)} a customer on average, against "
        f"{brief_signed(effect['estimate'])} observed{off}; in {near} of {len(deciles)} groups of like prediction the "
        "two differ by no more than the error of measurement."
    )


def _ends(found: Found, prefix: str = "") -> str:
    """Return the ends of an interval in brackets."""
    return f"[{brief(found[f'{prefix}low'])}, {brief(found[f'{prefix}high'])}]"
