"""The metric table of a run for the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from recval.report.tables import MetricTable, Row, Score
from recval.store.run import Run


def console_table(run: Run) -> Table:
    """Return the metrics of a finished run: mean and deviation over seeds, difference from the baseline, and its p.

    Raises:
        RunError: the summary is missing or damaged.
    """
    found = MetricTable.of(run.metrics())
    title = f"test metrics: mean ± sd over seeds; Δ from {found.baseline}, Holm-adjusted p"
    table = Table(box=box.SIMPLE_HEAD, title=Text(title), title_justify="left", pad_edge=False)
    table.add_column("method")
    for metric in found.metrics:
        table.add_column(Text(metric), justify="right")
        table.add_column("Δ", justify="right")
        table.add_column("p", justify="right")
    for row in found.methods:
        table.add_row(*_cells(row))
    table.add_section()
    for row in found.references:
        table.add_row(*_cells(row), style="dim")
    if found.references:
        table.caption = Text("dim: references, not trained by this recipe")
    return table


def _cells(row: Row) -> list[Text]:
    return [Text(row.name), *(cell for score in row.scores for cell in _score_cells(score))]


def _score_cells(score: Score) -> list[Text]:
    style = "bold" if score.found else ""
    return [Text(score.mean), Text(score.difference, style), Text(score.p, style)]
