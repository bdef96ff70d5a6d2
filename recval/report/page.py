"""The pages: a run's report with every section that it has data for; each is one file that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from recval.report import formats
from recval.report.names import data_title
from recval.report.sections import curves_section, removal_section, valuation_section, values_section
from recval.report.sentences import listed, placebo_verdict, verdicts
from recval.report.tables import MetricTable
from recval.store.files import write_text
from recval.store.run import Run


def write_report(run: Run) -> None:
    """Write `report.html` into the folder of a finished run.

    Raises:
        RunError: a file of the run is missing or damaged, or the folder cannot be written.
    """
    recipe, summary = run.recipe(), run.metrics()
    methods = recipe["methods"]
    context = {
        "title": f"{listed(_models(recipe, summary))} on {data_title(recipe['data'])}",
        "lead": recipe["description"],
        "recipe": recipe,
        "recipe_text": run.recipe_path.read_text(encoding="utf8"),
        "verdicts": verdicts(summary, methods),
        "placebos": placebo_verdict(summary, methods),
        "table": MetricTable.of(summary),
        "seed_tests": list(summary.get("seed_comparisons", {})),
        "curves": curves_section(run, recipe),
        "valuation": valuation_section(run),
        "values": values_section(run, recipe, summary),
        "removal": removal_section(run, recipe, summary),
        "environment": flat(run.environment()),
    }
    write_page(run.report_path, "report.html.jinja", context)


def _models(recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    """Return the names of the models that the methods train, each once; a placebo's are those of its method."""
    trained = (recipe["methods"][name] for name in summary["methods"])
    methods = (method for method in trained if method["kind"] != "shuffled" or method.get("model"))
    models = (method.get("model") or recipe["model"] for method in methods)
    return list(dict.fromkeys(model["name"] for model in models))


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> None:
    """Write a page as one file that loads nothing; `context` fills the template, and has `title` and `lead`."""
    write_text(path, _environment().get_template(template).render(context, plotlyjs=get_plotlyjs()))


def _environment() -> Environment:
    """Return the templates' environment, which escapes whatever comes from the data."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.number,
        "brief": formats.brief,
        "signed": formats.signed,
        "interval": formats.interval,
        "p_value": formats.p_value,
        "share": formats.share,
        "correlation": formats.correlation,
        "to_html": _figures_in_order(),
    }
    return environment


def _figures_in_order() -> Any:
    """Return a filter that writes a figure as HTML; the same report has the same ids."""
    numbers = count(1)
    settings = {"displayModeBar": False, "responsive": True}

    def to_html(figure: go.Figure) -> str:
        return figure.to_html(settings, full_html=False, include_plotlyjs=False, div_id=f"figure-{next(numbers)}")

    return to_html


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Return nested entries as one level."""
    found: dict[str, str] = {}
    for name, value in values.items():
        found |= flat(value) if isinstance(value, Mapping) else {name: str(value)}
    return found
