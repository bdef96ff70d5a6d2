"""How fast are a million customers scored by a TARNet, and by scikit-learn's networks of the same widths?

Both predict the uplift of the same customers, scikit-learn by a network for each arm (a T-learner), from numbers and
text as they come, in memory, with one thread and in turns. What is measured is processor time. How long both were
trained does not matter for that, and is short.

The details tell what `recval uplift score` does a second: from a Parquet file to a Parquet file, chunk by chunk, with
every expected response, the uplift and the best arm; and the most memory that took, beyond what was taken before.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import Comparison, main
from sklearn import __version__ as sklearn_version
from sklearn.compose import ColumnTransformer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from recval.recipes.uplift import score
from recval.uplift import Customers, UpliftModel
from recval.uplift.semi_synthetic import SemiSynthetic
from recval.uplift.simulated import simulated_customers

GOAL_ROWS_A_SECOND = 500_000
WIDTHS = (64, 64, 32)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def t_learner(customers: Customers) -> list[Pipeline]:
    """Return scikit-learn's network of each arm."""
    text = [name for name, column in customers.features.items() if not pd.api.types.is_numeric_dtype(column)]
    numbers = [name for name in customers.features if name not in text]

    def fitted(arm: int) -> Pipeline:
        columns = ColumnTransformer(
            [("text", OneHotEncoder(handle_unknown="ignore"), text), ("numbers", StandardScaler(), numbers)],
            sparse_threshold=0,
        )
        network = MLPRegressor(hidden_layer_sizes=WIDTHS, max_iter=2, early_stopping=True, random_state=0)
        rows = customers.arm == arm
        return make_pipeline(columns, network).fit(customers.features[rows], customers.response[rows])

    return [fitted(arm) for arm in range(2)]


def file_to_file(model: UpliftModel, customers: pd.DataFrame, folder: Path, rounds: int) -> dict[str, float]:
    """Return the customers that are scored a second of processor and of wall time, and the memory it took in MiB."""
    model.save(folder / "model")
    customers.to_parquet(folder / "customers.parquet")
    before, processor, wall = _peak(), [], []
    for _ in range(rounds):
        start = time.perf_counter()
        processor.append(
            seconds(lambda: score(folder / "model", [folder / "customers.parquet"], folder / "out.parquet"))
        )
        wall.append(time.perf_counter() - start)
    return {
        "rows_a_processor_second": round(len(customers) / float(np.median(processor))),
        "rows_a_second": round(len(customers) / float(np.median(wall))),
        "mebibytes_more": round(_peak() - before, 1),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    torch.set_num_threads(1)
    rows, rounds = (300_000, 3) if quick else (1_000_000, 7)
    experiment = SemiSynthetic(rows=20_000).generate(rng=0)
    model = UpliftModel(training={"epochs": 2}).fit_customers(experiment)
    control, treated = t_learner(experiment)
    customers = simulated_customers(rows, 1)
    with tempfile.TemporaryDirectory() as folder:
        files = file_to_file(model, customers, Path(folder), rounds)
    pairs = [
        (
            seconds(lambda: model.predict(customers)),
            seconds(lambda: treated.predict(customers) - control.predict(customers)),
        )
        for _ in range(rounds)
    ]
    own = [ours for ours, _ in pairs]
    a_second = round(rows / float(np.median(own)))
    return Comparison(
        question="How much faster are customers scored than by networks of scikit-learn?",
        ours=own,
        peer=[theirs for _, theirs in pairs],
        peer_name=f"T-learner of MLPRegressor of scikit-learn {sklearn_version}, widths {WIDTHS}",
        goal=1.0,
        unit="s of processor time",
        size=f"{rows:,} customers, {customers.shape[1]} features, two arms, TARNet of widths 64-64, 32",
        details={
            "rows_a_second": a_second,
            "goal_rows_a_second": GOAL_ROWS_A_SECOND,
            "reaches_goal_rows_a_second": a_second >= GOAL_ROWS_A_SECOND,
            "from_file_to_file": files,
        },
    )


if __name__ == "__main__":
    main(measure)
