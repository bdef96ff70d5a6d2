"""The report of a run: one HTML file that opens without a network, and its metric table for the terminal."""

from recval.report.console import console_table
from recval.report.page import write_report

__all__ = ["console_table", "write_report"]
