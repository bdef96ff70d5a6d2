"""What each of RecBole's models can be used for, found by building it on a few made-up interactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from recval.backbones.recbole.build import build
from recval.backbones.recbole.catalogue import FAMILIES, UNMET, Family, family_of, models
from recval.backbones.recbole.losses import OF_THE_BATCH
from recval.data import Interactions, KnowledgeGraph, Vocabulary
from recval.errors import ModelError

_PARAMETERS: dict[str, dict[str, object]] = {"NCEPLRec": {"rank": 8}}
"""What the default parameters of a model are too large for here."""


@dataclass(frozen=True)
class Ability:
    """What a model can be used for.

    Attributes:
        name: RecBole's name of it.
        family: its family.
        works: whether it can be built, trained and ranked.
        sample_losses: whether samples can be weighed; None where nothing is trained.
        folds_in: whose interactions it can be given at any time: "anybody", "known users" or "nobody".
        remark: why not.
    """

    name: str
    family: Family
    works: bool
    sample_losses: bool | None = None
    folds_in: str = "nobody"
    remark: str = ""


def survey(names: Iterable[str] | None = None) -> Iterator[Ability]:
    """Yield what models can be used for, family by family.

    Args:
        names: the models to look at; all of RecBole's by default.

    Raises:
        ModelError: RecBole is not installed, or has no such model.
    """
    wanted = models() if names is None else list(names)
    data = _sample()
    for name in sorted(wanted, key=lambda name: (list(FAMILIES).index(family_of(name)), name.lower())):
        yield _ability(name, data)


def markdown(abilities: Iterable[Ability]) -> str:
    """Return a table in Markdown, one row a model."""
    lines = [
        "| model | family | works | losses per sample | other interactions of | remark |",
        "|---|---|---|---|---|---|",
    ]
    words = {True: "yes", False: "no", None: "-"}
    for ability in abilities:
        losses = words[ability.sample_losses] if ability.works else "-"
        folds_in = ability.folds_in if ability.works else "-"
        cells = (ability.name, ability.family, words[ability.works], losses, folds_in, ability.remark)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ability(name: str, data: Interactions) -> Ability:
    family = family_of(name)
    if name in UNMET:
        return Ability(name, family, works=False, remark=f"needs {UNMET[name]}")
    backbone = build(name, data, _PARAMETERS.get(name))
    remark = OF_THE_BATCH.get(name, "")
    if not backbone.needs_training:
        remark = "complete as built"
    elif not backbone.has_sample_losses and not remark:
        by_user = family == "general" and backbone.rows is not None
        remark = "a sample is a whole user" if by_user else "it averages in its own code"
    losses = backbone.has_sample_losses if backbone.needs_training else None
    strangers = replace(data, users=Vocabulary(pa.array([f"stranger {code}" for code in range(len(data.users))])))
    folds_in = "nobody"
    for who, interactions in (("known users", data), ("anybody", strangers)):
        try:
            backbone.eval().fold_in(interactions)
        except ModelError:
            break
        folds_in = who
    return Ability(name, family, works=True, sample_losses=losses, folds_in=folds_in, remark=remark)


def _sample(n_users: int = 30, n_items: int = 120, per_user: int = 12) -> Interactions:
    """Return interactions with all that any family looks at."""
    generator = np.random.default_rng(0)
    items = np.concatenate([generator.permutation(n_items)[:per_user] for _ in range(n_users)])
    table = {
        "user": np.repeat(np.arange(n_users), per_user),
        "item": items,
        "time": np.arange(float(n_users * per_user)),
    }
    ages = pa.table({"age": generator.integers(20, 70, n_users).astype(float)})
    classes = pa.table({"class": [f"class{code % 3} class{code % 5}" for code in range(n_items)]})
    triples = {"head": generator.integers(0, 150, 400), "relation": np.arange(400) % 3, "tail": np.arange(400) % 150}
    graph = KnowledgeGraph(
        pa.table(triples), Vocabulary(pa.array(range(150))), Vocabulary(pa.array(range(3))), pa.array(range(n_items))
    )
    users = Vocabulary(pa.array(range(n_users)), ages)
    return Interactions(pa.table(table), users, Vocabulary(pa.array(range(n_items)), classes), knowledge=graph)
