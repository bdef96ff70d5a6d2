"""What an uplift study may say: methods, the customers that they are compared on, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from recval.declarations import Declaration, checked, distinct
from recval.errors import ConfigError, unknown
from recval.recipes.schema import distinct_folders
from recval.recipes.splits import Seed
from recval.recipes.uplift.customers import AnyCustomers, MadeUpCustomers
from recval.recipes.uplift.study.grid import Grid, check_grid, combinations, is_grid, merged, name_of
from recval.recipes.uplift.study.measuring import check_study_metric
from recval.recipes.uplift.study.methods import AnyMethod
from recval.uplift.settings import UpliftSettings

ALL = "all"
"""Stands for all made-up customers of a study together."""


def _not_reserved(customers: Mapping[str, object]) -> None:
    if ALL in customers:
        raise ConfigError(f"{ALL!r} stands for all made-up customers together; rename these")


class UpliftStudy(Declaration):
    """Methods on the same customers, again and again.

    A repeat of made-up customers is a data set of its own: the seeds of the customers and of the functions that they
    respond by are raised by one each time; where there are several, give them seeds and surfaces further apart than
    that, so that they are independent. A repeat of real customers is another random split of them. The seed of the
    models changes with the repeat in both.

    Attributes:
        description: what it asks, for the reader of the report.
        customers: who they are, by name.
        test: the share of the customers that is held out to test on.
        repeats: how many.
        seed: of splits and models.
        base: settings that the methods share, but for those that they override.
        grid: methods as products of settings; see `recval.recipes.uplift.study.grid`.
        methods: the methods, by name; those without a kind are models, by the settings that differ from the base.
        reference: what others are compared with: a method; or a label of the grid, and then every method of the grid is
            compared with the one that has this label and the same others.
        metrics: by name, see `recval.recipes.uplift.study.measuring`; those of the truth only where it is known.
        rankings: random ones, for the band of each metric of a ranking on real customers; 0 for no band.
    """

    description: str = ""
    customers: Annotated[
        dict[str, AnyCustomers], Field(min_length=1), checked(distinct_folders), checked(_not_reserved)
    ]
    test: float = Field(0.3, gt=0, lt=1)
    repeats: int = Field(5, ge=1)
    seed: Seed = 0
    base: UpliftSettings = UpliftSettings()
    grid: Annotated[Grid, checked(check_grid)] = {}
    methods: Annotated[dict[str, AnyMethod], Field(min_length=1), checked(distinct_folders)] = {}
    reference: str
    metrics: Annotated[
        tuple[Annotated[str, checked(check_study_metric)], ...], Field(min_length=1), checked(distinct)
    ] = (
        "spearman",
        "oracle-qini",
        "pehe/sd",
        "mean-bias/sd",
        "auuc",
        "qini",
        "krcc",
        "lift@30",
    )
    rankings: int = Field(200, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _methods_in_full(cls, values: Any) -> Any:
        """Give models the base's settings, and name those of the grid."""
        if not isinstance(values, Mapping):
            return values
        base, grid, methods = (values.get(key, {}) for key in ("base", "grid", "methods"))
        if isinstance(base, UpliftSettings):
            base = base.model_dump(exclude_unset=True)
        if not (isinstance(base, Mapping) and isinstance(methods, Mapping) and is_grid(grid)):
            return values
        named = {name_of(labels): settings for labels, settings in combinations(grid).items()}
        return {**values, "methods": {name: _in_full(method, base) for name, method in {**named, **methods}.items()}}

    @model_validator(mode="after")
    def _the_reference_exists(self) -> UpliftStudy:
        if not any(self.reference_of(name) for name in self.methods):
            labels = [label for labels in combinations(self.grid) for label in labels]
            raise ValueError(f"reference: {unknown('method', self.reference, dict.fromkeys([*self.methods, *labels]))}")
        return self

    def reference_of(self, method: str) -> str | None:
        """Return what a method is compared with, which may be itself; None where it is compared with nothing."""
        if self.reference in self.methods:
            return self.reference
        axes = {name_of(labels): labels for labels in combinations(self.grid)}
        if method not in axes:
            return None
        others = axes[method]
        at = next((labels.index(self.reference) for labels in axes.values() if self.reference in labels), None)
        return None if at is None else name_of((*others[:at], self.reference, *others[at + 1 :]))

    def is_made_up(self, customers: str) -> bool:
        """Return whether every repeat of these customers is a data set of its own."""
        return isinstance(self.customers[customers], MadeUpCustomers)


def _in_full(method: Any, base: Mapping[str, Any]) -> Any:
    """Return a method's keys; those of a model in full."""
    if not isinstance(method, Mapping) or method.get("kind", "model") != "model":
        return method
    return merged(base, {"kind": "model", **method})
