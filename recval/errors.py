"""The exceptions of recval.

Every message says what was found, what was expected, where, and what to do. A person's mistake ends as one
line on the terminal; any other exception is a defect of recval.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RecvalError(Exception):
    """Base of every error that recval raises on purpose."""


class ConfigError(RecvalError):
    """A recipe, a card, an option or an argument is not what it must be."""


class DataError(RecvalError):
    """Interactions, or the file that they come from, are not what they must be."""


class ModelError(RecvalError):
    """A model cannot be built, or gives scores or losses that cannot be used."""


class RunError(RecvalError):
    """A run's folder cannot be read, written or continued."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `", did you mean 'x'?"` for the allowed name closest to `name` but for its case, or an empty string."""
    names = {str(candidate).lower(): str(candidate) for candidate in allowed}
    matches = get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    return f", did you mean {names[matches[0]]!r}?" if matches else ""


def unknown(kind: str, name: object, allowed: Iterable[str]) -> str:
    """Return the message for a name that is not among the allowed ones.

    Args:
        kind: what is named, in words ("metric", "model").
        name: the name that was found.
        allowed: every name that would have been right.
    """
    names = sorted(str(candidate) for candidate in allowed)
    return f"unknown {kind} {str(name)!r}{nearest(str(name), names)} (allowed: {', '.join(names) or 'none'})"
