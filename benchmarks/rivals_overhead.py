"""How much longer does training take with each method that DVR is compared with?

Trains BPR on ml-100k for the same number of epochs with every kind of method, default settings, in turns with plain
training. The details give the ratio to plain training of each; the comparison itself is that of the dearest one. Time
is that of the processors, which a busy machine changes less.
"""

from __future__ import annotations

import time
from statistics import median

from harness import Comparison, main
from pydantic import TypeAdapter

from recval.backbones import build
from recval.data import Split, load, split_by_ratio
from recval.recipes.methods import Method
from recval.training import Loop, Training

KINDS = (
    "propensity",
    "loss",
    "t-ce",
    "r-ce",
    "self-paced",
    "in-run",
    "influence",
    "til",
    "bod",
    "dvrl",
    "dvr",
)


def seconds(split: Split, epochs: int, kind: str) -> float:
    """Return the seconds of processors that training takes, values of the interactions included."""
    callback = TypeAdapter(Method).validate_python({"kind": kind}).callback({})
    training = Training(epochs=epochs, learning_rate=2e-3, validate_every=3, patience=epochs)
    loop = Loop(build("BPR", split.train), split, training, callbacks=[callback] if callback else [])
    start = time.process_time()
    loop.fit()
    return time.process_time() - start


def measure(quick: bool) -> Comparison:
    """Return the seconds of plain training and of the dearest method."""
    split = split_by_ratio(load("ml-100k"))
    epochs, rounds = (9, 3) if quick else (30, 5)
    found: dict[str, list[float]] = {kind: [] for kind in ("plain", *KINDS)}
    for kind in found:
        seconds(split, 1, kind)
    for _ in range(rounds):
        for kind, taken in found.items():
            taken.append(seconds(split, epochs, kind))
    ratios = {
        kind: median(taken / plain for taken, plain in zip(found[kind], found["plain"], strict=True)) for kind in KINDS
    }
    dearest = max(ratios, key=ratios.__getitem__)
    return Comparison(
        question=f"How much longer does training with {dearest}, the dearest method, take than plain training?",
        ours=found[dearest],
        peer=found["plain"],
        peer_name="plain training, same loop",
        goal=1 / 4,
        unit="s of a processor",
        size=f"BPR, ml-100k, {len(split.train):,} interactions, {epochs} epochs, batch 2048, default settings",
        details={"times plain training": {kind: round(ratio, 2) for kind, ratio in ratios.items()}},
    )


if __name__ == "__main__":
    main(measure)
