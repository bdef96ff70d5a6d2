"""Reports: one HTML file of a run or a comparison that opens without a network, and a metric table for the terminal."""

from recval.report.comparison import write_comparison
from recval.report.console import console_table
from recval.report.page import write_report

__all__ = ["console_table", "write_comparison", "write_report"]
