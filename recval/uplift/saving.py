"""An uplift model on disk: a folder of `model.json` and `weights.safetensors`. Nothing is pickled.

`model.json` names the weights by a digest, so that a folder whose files belong to two models is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from recval.declarations import Declaration, validate
from recval.errors import RunError
from recval.store.files import read_json, read_tensors, write_json, write_tensors
from recval.uplift.calibrator import Calibrator
from recval.uplift.features import FeatureEncoder
from recval.uplift.fitted import Fitted
from recval.uplift.heads import Limits
from recval.uplift.networks import Task
from recval.uplift.settings import UpliftSettings
from recval.uplift.training.loop import History
from recval.uplift.training.members import Member, build

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"


class Description(Declaration):
    """What `model.json` holds; see `Fitted`.

    Attributes:
        format: the version of this format.
        weights: the digest of the weights.
        histories: the history of each member.
    """

    format: Literal["recval-uplift-1"] = "recval-uplift-1"
    weights: str
    settings: UpliftSettings
    seed: int
    arms: tuple[str, ...]
    encoder: FeatureEncoder
    limits: Limits
    calibrator: dict[str, Any] | None
    histories: list[History]


def save(fitted: Fitted, folder: str | Path) -> None:
    """Write a model into a folder, which is made where there is none.

    Raises:
        RunError: a file cannot be written.
    """
    tensors = {
        f"{place}.{name}": tensor
        for place, member in enumerate(fitted.members)
        for name, tensor in member.module.state_dict().items()
    }
    description = Description(
        weights=_digest(tensors),
        # A model that was trained on an accelerator can be loaded where there is none.
        settings=fitted.settings.on("cpu"),
        seed=fitted.seed,
        arms=fitted.arms,
        encoder=fitted.encoder,
        limits=fitted.limits,
        calibrator=None if fitted.calibrator is None else fitted.calibrator.state(),
        histories=[member.history for member in fitted.members],
    )
    write_tensors(Path(folder) / WEIGHTS, tensors)
    write_json(Path(folder) / DESCRIPTION, description.model_dump(mode="json"))


def load(folder: str | Path, device: str = "cpu") -> Fitted:
    """Read a model that `save` wrote, onto a device.

    Raises:
        RunError: a file is missing or damaged, or the files belong to different models.
        ConfigError: `model.json` is not what it must be, or there is no such device.
    """
    path = Path(folder) / DESCRIPTION
    content = read_json(path)
    if not isinstance(content, dict):
        raise RunError(f"{path} describes no model")
    description = validate(content, Description, source=path)
    tensors, _ = read_tensors(Path(folder) / WEIGHTS)
    if _digest(tensors) != description.weights:
        raise RunError(f"{Path(folder) / WEIGHTS} holds other weights than {path} describes; save the model again")
    settings = description.settings.on(device)
    calibrator = None if description.calibrator is None else Calibrator.from_state(description.calibrator)
    members = _members(description, settings, tensors, path)
    return Fitted(
        settings, description.seed, description.arms, description.encoder, description.limits, members, calibrator
    )


def _members(
    description: Description, settings: UpliftSettings, tensors: dict[str, Tensor], path: Path
) -> list[Member]:
    encoder, head = description.encoder, settings.head
    start = torch.zeros(head.size)
    task = Task(encoder.n_numeric, encoder.cardinalities, len(description.arms), head, description.limits, start)
    members = []
    for place, history in enumerate(description.histories):
        module = build(settings, task, description.seed)
        own = {name.removeprefix(f"{place}."): each for name, each in tensors.items() if name.startswith(f"{place}.")}
        try:
            module.load_state_dict(own)
        except RuntimeError:
            raise RunError(f"{path} describes other layers than the weights have; save the model again") from None
        members.append(Member(module.eval(), history))
    return members


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return a digest of named tensors, the same for the same names and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
