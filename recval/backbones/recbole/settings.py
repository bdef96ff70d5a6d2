"""What a RecBole model is given as its configuration: a dict, in place of RecBole's own `Config`.

RecBole's `Config` reads the command line, evaluates strings as code and sets environment variables; its models only
look keys up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from recval import rng
from recval.backbones.recbole.catalogue import overall_settings

_FIELDS = {
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "RATING_FIELD": "rating",
    "TIME_FIELD": "timestamp",
    "LABEL_FIELD": "label",
    "NEG_PREFIX": "neg_",
    "LIST_SUFFIX": "_list",
    "ITEM_LIST_LENGTH_FIELD": "item_length",
    "HEAD_ENTITY_ID_FIELD": "head_id",
    "TAIL_ENTITY_ID_FIELD": "tail_id",
    "RELATION_ID_FIELD": "relation_id",
    "ENTITY_ID_FIELD": "entity_id",
}


class Settings(dict[str, Any]):
    """A dict in which a missing key reads as None and a key reads as an attribute too, as RecBole's models expect."""

    def __missing__(self, key: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)

    @property
    def final_config_dict(self) -> Settings:
        """The settings themselves, by the name that RecBole's `Config` has for them."""
        return self


def settings_of(parameters: Mapping[str, object], device: torch.device, seed: int) -> Settings:
    """Return the settings of a model with these parameters.

    `seed` is folded into 31 bits, the widest that every consumer within RecBole takes. No data folder exists at
    `data_path`, so that no model picks up a file from the working directory.
    """
    given = {
        "device": device,
        "seed": rng.derive(seed, "init") % 2**31,
        "data_path": os.devnull,
        "numerical_features": [],
    }
    return Settings({**overall_settings(), **_FIELDS, **parameters, **given})
