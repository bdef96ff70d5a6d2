"""The report's page."""

from recval.store.run import Run


def write_report(run: Run) -> None:
    """Write `report.html` into the run's folder."""
