"""RecBole's own trainer with recval's callbacks, in a script of RecBole's that runs in a process of its own."""

import json
import math
import os
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import json, sys, warnings
    import numpy as np
    from recval.backbones.recbole import repairs
    before = dict(vars(np))
    repairs.apply()

    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.trainer import Trainer
    from recbole.utils import get_model, init_seed
    from recval.backbones.recbole import ValuedTrainer
    from recval.errors import ModelError
    from recval.training import Callback
    from recval.valuation import DVR
    from recval.valuation import TruncatedLoss, Uniform

    warnings.simplefilter("ignore")
    generator = np.random.default_rng(0)
    pairs = generator.permutation(400)[:240]
    with open("tiny/tiny.inter", "w") as file:
        file.write("user_id:token\\titem_id:token\\ttimestamp:float\\n")
        for row, pair in enumerate(pairs):
            file.write(f"u{pair // 20}\\ti{pair % 20}\\t{row}\\n")
    with open("tiny/tiny.item", "w") as file:
        file.write("item_id:token\\tgenre:token\\n")
        file.writelines(f"i{item}\\tg{item % 3}\\n" for item in range(20))


    def trained(model, trainer_class, *arguments, **options):
        chosen = {"data_path": ".", "epochs": 3, "train_batch_size": 64, "show_progress": False, "embedding_size": 4,
                  "metrics": ["NDCG", "ItemCoverage"], "valid_metric": "NDCG@10", "load_col": None,
                  "eval_args": {"order": "TO" if model == "SASRec" else "RO", "split": {"RS": [0.8, 0.1, 0.1]},
                                "mode": "full"},
                  "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
        if model == "SASRec":
            chosen |= {"loss_type": "BPR"}
        config = Config(model=model, dataset="tiny", config_dict={**chosen, **options})
        init_seed(config["seed"], config["reproducibility"])
        dataset = create_dataset(config)
        train, valid, test = data_preparation(config, dataset)
        init_seed(config["seed"], config["reproducibility"])
        net = get_model(model)(config, train._dataset).to(config["device"])
        trainer = trainer_class(config, net, *arguments)
        score, _ = trainer.fit(train, valid, verbose=False)
        found = trainer.evaluate(test)
        weights = [parameter.double().flatten().tolist() for parameter in net.parameters()]
        return trainer, train, {"score": float(score), "losses": list(trainer.train_loss_dict.values()),
                                "test": {name: float(value) for name, value in found.items()}, "weights": weights}


    class Watch(Callback):
        def __init__(self):
            self.seen, self.calls = [], []

        def before_fit(self, loop):
            self.loop, self.calls = loop, ["before_fit"]

        def before_epoch(self, epoch):
            self.calls.append(f"before_epoch {epoch}")

        def weigh(self, batch, losses):
            self.seen.append((batch, losses.detach().clone()))

        def after_step(self):
            self.calls.append("after_step")

        def after_epoch(self, epoch):
            self.calls.append(f"after_epoch {epoch}")

        def after_validation(self, epoch, metrics):
            self.calls.append(f"after_validation {epoch} {sorted(metrics)}")

        def after_fit(self):
            self.calls.append("after_fit")


    class Nothing(Callback):
        def weigh(self, batch, losses):
            return torch.zeros_like(losses)


    found = {}
    for model in ("BPR", "LightGCN", "FM"):
        found[model] = {"plain": trained(model, Trainer)[2], "uniform": trained(model, ValuedTrainer, [Uniform()])[2],
                        "none": trained(model, ValuedTrainer)[2]}
    found["truncated"] = trained("BPR", ValuedTrainer, [TruncatedLoss(rate=0.3, steps=1)])[2]
    found["nothing"] = trained("BPR", ValuedTrainer, [Nothing()])[2]
    found["untrained"] = trained("BPR", Trainer, learning_rate=0.0)[2]
    for model in ("BPR", "FM"):
        watch = Watch()
        _, loader, _ = trained(model, ValuedTrainer, [watch])
        data = loader._dataset.inter_feat
        users, items = data["user_id"] - 1, data["item_id"] - 1
        known = set(zip(users.tolist(), items.tolist()))
        batches = [batch for batch, _ in watch.seen]
        found[f"watch {model}"] = {
            "calls": watch.calls,
            "rows": sorted(torch.cat([batch.row for batch in batches]).tolist()) == sorted([*range(len(users))] * 3),
            "same": all(torch.equal(users[b.row], b.user) and torch.equal(items[b.row], b.item) for b in batches),
            "negative": all(pair not in known for b in batches for pair in zip(b.user.tolist(), b.negative.tolist())),
            "shapes": all(len(batch) == len(losses) for batch, losses in watch.seen),
            "size": len(watch.loop.split.train),
            "restored": loader.collate_fn.__name__ == "collate_fn",
        }
    for reward in ("bpr", "ndcg@5"):
        valuator = DVR(reward=reward, interval=2, users=8)
        _, loader, result = trained("BPR", ValuedTrainer, [valuator])
        frame = valuator.values.to_frame()
        tokens = loader._dataset.id2token("user_id", loader._dataset.inter_feat["user_id"].numpy())
        found[f"DVR {reward}"] = {"users": frame["user"].tolist() == list(tokens),
                                  "finite": bool(np.isfinite(frame["value"]).all()), "spread": frame["value"].std(),
                                  "score": result["score"]}
    found["refused"] = {}
    for model in ("SGL", "MultiDAE", "SASRec", "Pop", "NCL"):
        try:
            trained(model, ValuedTrainer, [Uniform()])
        except ModelError as error:
            found["refused"][model] = str(error)
    found["numpy"] = all(vars(np).get(name) is value for name, value in before.items()) and not hasattr(np, "float_")
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("script")
    (folder / "tiny").mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), "--epochs=1", "--learning_rate=5"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (folder / "log_tensorboard").exists()
    return json.loads(done.stdout.splitlines()[-1])


def flat(run):
    return [value for weights in run["weights"] for value in weights]


@pytest.mark.parametrize("how", ["uniform", "none"])
def test_uniform_weights_give_the_plain_run_bit_for_bit(found, how):
    plain, valued = found["BPR"]["plain"], found["BPR"][how]
    assert valued == plain
    assert len(plain["losses"]) == 3  # The command line of the program said otherwise, to no effect.


@pytest.mark.parametrize("model", ["LightGCN", "FM"])
@pytest.mark.parametrize("how", ["uniform", "none"])
def test_uniform_weights_give_the_plain_run_of_any_model(found, model, how):
    plain, valued = found[model]["plain"], found[model][how]
    assert flat(valued) == pytest.approx(flat(plain), abs=1e-5)
    assert valued["losses"] == pytest.approx(plain["losses"], rel=1e-5)


def test_weights_take_part(found):
    assert flat(found["truncated"]) != flat(found["BPR"]["plain"])
    assert flat(found["nothing"]) == flat(found["untrained"])


@pytest.mark.parametrize("model", ["BPR", "FM"])
def test_callbacks_are_called_with_the_rows_of_their_interactions(found, model):
    watched = found[f"watch {model}"]
    steps = ["after_step"] * math.ceil(watched["size"] / {"BPR": 64, "FM": 32}[model])
    expected = ["before_fit"]
    for epoch in range(3):
        metrics = "['itemcoverage@10', 'ndcg@10']"
        expected += [f"before_epoch {epoch}", *steps, f"after_epoch {epoch}", f"after_validation {epoch} {metrics}"]
    assert watched["calls"] == [*expected, "after_fit"]
    assert all(watched[name] for name in ("rows", "same", "negative", "shapes"))
    assert watched["restored"]


@pytest.mark.parametrize("reward", ["bpr", "ndcg@5"])
def test_dvr_values_the_interactions_of_the_script(found, reward):
    valued = found[f"DVR {reward}"]
    assert valued["users"]
    assert valued["finite"]
    assert valued["spread"] > 0


def test_what_cannot_be_weighed_is_refused(found):
    refused = found["refused"]
    assert set(refused) == {"SGL", "MultiDAE", "SASRec", "Pop", "NCL"}
    assert all("\n" not in message for message in refused.values())
    assert refused["NCL"].startswith(
        "RecBole's NCL is not trained on plain pairs by RecBole's Trainer (but by NCLTrainer)"
    )
    assert refused["SGL"] == "RecBole's SGL has a loss of the whole batch, so its samples cannot be weighed"


def test_numpy_itself_stays_as_it_is(found):
    assert found["numpy"]
