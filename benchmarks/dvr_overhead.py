"""How much longer does training take with DVR than without?

Trains BPR on ml-100k for the same number of epochs, plain and with DVR, in turns, and compares the medians.
"""

from __future__ import annotations

import time

from harness import Comparison, main

from recval.backbones import build
from recval.data import Split, load, split_by_ratio
from recval.training import Callback, Loop, Training
from recval.valuation import DVR


def seconds(split: Split, epochs: int, callbacks: list[Callback]) -> float:
    """Return how long it takes to train, values of the interactions included."""
    training = Training(epochs=epochs, learning_rate=2e-3, validate_every=3, patience=epochs)
    loop = Loop(build("BPR", split.train), split, training, callbacks=callbacks)
    start = time.perf_counter()
    loop.fit()
    return time.perf_counter() - start


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    split = split_by_ratio(load("ml-100k"))
    epochs, rounds = (30, 3) if quick else (60, 5)
    seconds(split, 2, [DVR()])
    pairs = [(seconds(split, epochs, []), seconds(split, epochs, [DVR()])) for _ in range(rounds)]
    return Comparison(
        question="How much longer does training with DVR take than plain training?",
        ours=[with_dvr for _, with_dvr in pairs],
        peer=[plain for plain, _ in pairs],
        peer_name="plain training, same loop",
        goal=1 / 1.5,
        unit="s",
        size=f"BPR, ml-100k, {len(split.train):,} interactions, {epochs} epochs, batch 2048, default DVR settings",
    )


if __name__ == "__main__":
    main(measure)
