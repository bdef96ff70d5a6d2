"""Interactions: the table, its readers, its splits and the catalogue of known data sets."""

from recval.data.interactions import Interactions, Split, Vocabulary

__all__ = ["Interactions", "Split", "Vocabulary"]
