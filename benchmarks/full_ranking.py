"""How long does it take to rank all items for all users and compute ndcg@10 and recall@10?

The same scores (products of random embeddings), data, split and masks for both sides, in turns: an `Evaluator`, which
also keeps each user's values, against RecBole's `Trainer.evaluate` with the best of several batch sizes, most of which
are far above its default. Both must find the same means. The full run also ranks for as many users and items as Gowalla
has, in a process of its own whose peak memory is the result's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from harness import Comparison, main
from torch import Tensor, nn

from recval.backbones.recbole import repairs
from recval.data import Interactions, Vocabulary
from recval.ranking import Evaluator, ItemSets
from recval.ranking.top_k import BUDGET_BYTES

METRICS = ["ndcg@10", "recall@10"]
FACTORS = 64
BATCH_SIZES = (4096, 400_000, 800_000, 1_600_000, 3_200_000)
GOWALLA = {"users": 29_858, "items": 40_981, "seen": 27, "held_out": 7}


class Dot(nn.Module):
    """Scores by the product of embeddings, as RecBole calls it: row 0 of either table is padding."""

    def __init__(self, n_users: int, n_items: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.user = nn.Embedding.from_pretrained(torch.randn(n_users, FACTORS, generator=generator))
        self.item = nn.Embedding.from_pretrained(torch.randn(n_items, FACTORS, generator=generator))
        self.unused = nn.Parameter(torch.zeros(1))

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Return the scores of all items, padding included."""
        return self.user(interaction["user_id"]) @ self.item.weight.T

    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for users by their code."""
        return self.user.weight[users + 1] @ self.item.weight[1:].T


class RecBole:
    """RecBole's loaders and trainer for ml-100k, mended for today's libraries in its own modules only."""

    def __init__(self, folder: str) -> None:
        repairs.apply()
        from recbole.data import create_dataset, data_preparation

        self._folder = folder
        config = self._config(BATCH_SIZES[0])
        dataset = create_dataset(config)
        self.model = Dot(dataset.user_num, dataset.item_num)
        self._loaders = data_preparation(config, dataset)

    def _config(self, batch_size: int) -> Any:
        from recbole.config import Config

        settings = {"checkpoint_dir": self._folder, "metrics": ["NDCG", "Recall"], "topk": [10]}
        settings |= {"metric_decimal_place": 12, "valid_metric": "NDCG@10", "eval_batch_size": batch_size}
        return Config(model="BPR", dataset="ml-100k", config_dict=settings)

    def parts(self) -> list[Interactions]:
        """Return the parts of RecBole's split; its id of code c is c + 1."""
        return [_as_interactions(loader.dataset) for loader in self._loaders]

    def evaluator(self, batch_size: int) -> Callable[[], dict[str, float]]:
        """Return a function that evaluates the test part."""
        from recbole.trainer import Trainer

        train, _, test = self._loaders
        config = self._config(batch_size)
        trainer = Trainer(config, self.model)
        trainer.eval_collector.data_collect(train)
        loader = type(test)(config, test.dataset, test._sampler)
        return lambda: dict(trainer.evaluate(loader, load_best_model=False))


def _as_interactions(data: Any) -> Interactions:
    columns = {"user": data.inter_feat["user_id"].numpy() - 1, "item": data.inter_feat["item_id"].numpy() - 1}
    users, items = (Vocabulary(pa.array(range(n - 1))) for n in (data.user_num, data.item_num))
    return Interactions(pa.table(columns), users, items)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_memory_mib() -> int | None:
    """Return the peak of this program's resident memory, where /proc tells; `getrusage` counts its parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), None)


def at_gowalla_size() -> dict[str, object]:
    """Return seconds and peak memory of an evaluation at Gowalla's size, in this process, data included."""
    rng = np.random.default_rng(0)
    n_users, n_items = GOWALLA["users"], GOWALLA["items"]
    users, items = Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items)))

    def drawn(per_user: int) -> Interactions:
        keys = rng.choice(n_items, (n_users, per_user)) + n_items * np.arange(n_users)[:, None]
        keys = np.unique(keys)
        return Interactions(pa.table({"user": keys // n_items, "item": keys % n_items}), users, items)

    model, seen, truth = Dot(n_users + 1, n_items + 1), drawn(GOWALLA["seen"]), drawn(GOWALLA["held_out"])
    evaluate = Evaluator(truth, ItemSets.of(seen), ["ndcg@20", "recall@20"])
    before = peak_memory_mib()
    took = seconds(lambda: evaluate(model.score))
    return {
        "users": n_users,
        "items": n_items,
        "seconds": round(took, 2),
        "users_per_second": round(n_users / took),
        "peak_memory_mib": peak_memory_mib(),
        "memory_before_mib": before,
        "budget_mib": BUDGET_BYTES // 2**20,
    }


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    warnings.filterwarnings("ignore", module=r"recbole\.")
    with tempfile.TemporaryDirectory() as folder:
        recbole = RecBole(folder)
        evaluators = {size: recbole.evaluator(size) for size in BATCH_SIZES}
        found = {size: median(seconds(call) for _ in range(5)) for size, call in evaluators.items()}
        best = min(found, key=found.__getitem__)
        train, valid, test = recbole.parts()
        evaluate, score = Evaluator(test, ItemSets.of(train, valid), METRICS), recbole.model.score
        means, expected = evaluate(score).means, evaluators[best]()
        if not np.allclose([means[name] for name in METRICS], [expected[name] for name in METRICS], rtol=0, atol=1e-9):
            raise RuntimeError(f"the two sides disagree: {means} against {expected}")
        rounds = 40 if quick else 100
        pairs = [(seconds(lambda: evaluate(score)), seconds(evaluators[best])) for _ in range(rounds)]
    ours = [own for own, _ in pairs]
    details: dict[str, object] = {
        "users_per_second": round(len(evaluate.users) / median(ours)),
        "recbole_by_batch_size": {str(size): round(took, 4) for size, took in found.items()},
        "ndcg@10": means["ndcg@10"],
    }
    if not quick:
        output = subprocess.run([sys.executable, __file__, "--gowalla"], check=True, capture_output=True, text=True)
        details["gowalla_size"] = json.loads(output.stdout)
    return Comparison(
        question="How long does full ranking take, with ndcg@10 and recall@10 of each user?",
        ours=ours,
        peer=[their for _, their in pairs],
        peer_name=f"RecBole's Trainer.evaluate, eval_batch_size {best:,}, without values of users",
        goal=2.0,
        unit="s",
        size=f"ml-100k, {len(evaluate.users)} users x {len(test.items):,} items, {FACTORS} factors",
        details=details,
    )


if __name__ == "__main__":
    if "--gowalla" in sys.argv:
        print(json.dumps(at_gowalla_size()))
    else:
        main(measure)
