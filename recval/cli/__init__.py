"""The command line, one file a noun; `recval --help` shows it."""

from recval.cli.app import main

__all__ = ["main"]
