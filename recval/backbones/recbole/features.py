"""Side fields of users and items as the numbers that RecBole's models take.

The kind of a field follows from its Arrow type. A floating number is a number; a list is a sequence of tokens; so is
text in which any value holds a space (genres, titles), one token a word; everything else (text, integers, truth
values) is a token. What is missing is the padding 0, or the mean for a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from recval.data import Vocabulary
from recval.errors import ConfigError, unknown

Kind = Literal["token", "token_seq", "float"]


@dataclass(frozen=True)
class Feature:
    """One side field.

    Attributes:
        kind: what it is to RecBole.
        values: one row an id of RecBole's, row 0 for padding: the numbers of the tokens, from 1, shape [n + 1], or
            [n + 1, longest] for a sequence; for a number, its value scaled to [0, 1] and a 1, shape [n + 1, 2].
        size: how many tokens there are, padding included; 2 for a number.
    """

    kind: Kind
    values: Tensor
    size: int

    @property
    def length(self) -> int:
        """The longest sequence; 1 where there are none."""
        return self.values.shape[1] if self.kind == "token_seq" else 1


def features_of(vocabulary: Vocabulary) -> dict[str, Feature]:
    """Return the side fields of users or items by name."""
    if vocabulary.fields is None:
        return {}
    return {name: _feature(vocabulary.fields[name].combine_chunks()) for name in vocabulary.fields.column_names}


def chosen(found: Sequence[str], wanted: Sequence[str]) -> set[str]:
    """Return the side fields that a model sees: the wanted ones, or all where none is named.

    Raises:
        ConfigError: a wanted field does not exist.
    """
    for name in wanted:
        if name not in found:
            raise ConfigError(unknown("side field", name, found))
    return set(wanted or found)


def _feature(values: pa.Array) -> Feature:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        return _number(values)
    if _is_text(values.type) and pc.any(pc.match_substring(values, " ")).as_py():
        words = pc.utf8_trim_whitespace(values)
        values = pc.utf8_split_whitespace(pc.if_else(pc.equal(words, ""), pa.scalar(None, words.type), words))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return _sequence(values)
    codes, size = _tokens(values)
    return Feature("token", torch.from_numpy(np.concatenate([[0], codes])), size)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _tokens(values: pa.Array) -> tuple[np.ndarray, int]:
    """Return the number of each token, from 1 and 0 where it is missing, and how many there are with padding."""
    encoded = pc.dictionary_encode(values)
    codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False) + 1
    return codes, len(encoded.dictionary) + 1


def _sequence(values: pa.Array) -> Feature:
    codes, size = _tokens(values.flatten())
    lengths = np.concatenate([[0], pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)])
    begins = np.cumsum(lengths) - lengths
    table = np.zeros((len(lengths), max(1, lengths.max())), np.int64)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    table[rows, np.arange(len(codes)) - begins[rows]] = codes
    return Feature("token_seq", torch.from_numpy(table), size)


def _number(values: pa.Array) -> Feature:
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = numbers[np.isfinite(numbers)]
    low, high, mean = (known.min(), known.max(), known.mean()) if len(known) else (0.0, 1.0, 0.0)
    filled = np.where(np.isfinite(numbers), numbers, mean)
    scaled = (filled - low) / (high - low) if high > low else np.zeros_like(filled)
    pairs = np.stack([np.concatenate([[0.0], scaled]), np.ones(len(scaled) + 1)], axis=1)
    return Feature("float", torch.from_numpy(pairs).float(), 2)
