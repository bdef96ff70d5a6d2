"""Do our uplift models rank customers better than causalml's and EconML's, where the true uplift is known?

The data sets are those of the study `uplift-study-semi-synthetic`, which needs Hillstrom's file (RECVAL_DATA); with
`--quick` one data set of made-up customers. Both sides learn from the same rows and predict the same others. The peers
run in a Python of their own, so that they decide on no version here: name one that has them (`pip install causalml
econml xgboost`) in the environment variable UPLIFT_PEERS_PYTHON. Each of causalml's learners has XGBoost's defaults
once, and once small trees, which suit so few purchases; the propensity is the true one, one half. Ours is one method
that was chosen before; of the peers it is, on each data set, the one that ranks that data set best.

The details hold every method's means over the data sets: Spearman's correlation with the true uplift, oracle-normalised
Qini, PEHE and mean bias by the standard deviation of the true uplift, and processor seconds of a fit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import Comparison, main

from recval.declarations import find, read, validate
from recval.errors import DataError
from recval.recipes.uplift.study import UpliftStudy
from recval.recipes.uplift.study.cells import parts
from recval.recipes.uplift.study.measuring import measured
from recval.recipes.uplift.study.methods import Floats
from recval.rng import derive
from recval.uplift.customers import Customers

PEERS = """
import json, sys, time, warnings
from importlib.metadata import version
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
from causalml.inference.meta import (
    BaseDRRegressor, BaseRRegressor, BaseSRegressor, BaseTRegressor, BaseXRegressor)
from econml.dml import CausalForestDML
from sklearn.dummy import DummyClassifier
import xgboost
from xgboost import XGBRegressor

TREES = {
    "default": {},
    "small trees": dict(max_depth=3, n_estimators=100, learning_rate=0.05, min_child_weight=50, subsample=0.7),
}
LEARNERS = {"S": BaseSRegressor, "T": BaseTRegressor, "X": BaseXRegressor, "R": BaseRRegressor, "DR": BaseDRRegressor}

def regressor(trees):
    return XGBRegressor(n_jobs=1, random_state=0, **TREES[trees])

def meta(letter, trees):
    def run(X, arm, y, X_test):
        learner = LEARNERS[letter](regressor(trees))
        known = {} if letter in "ST" else {"p": np.full(len(y), 0.5)}
        if letter == "R":
            known["verbose"] = False
        learner.fit(X, arm, y, **known)
        given = {} if letter in "STR" else {"p": np.full(len(X_test), 0.5)}
        return lambda: np.ravel(learner.predict(X_test, **given))
    return run

def forest(X, arm, y, X_test):
    model = CausalForestDML(
        model_y=regressor("small trees"), model_t=DummyClassifier(strategy="prior"), discrete_treatment=True,
        n_estimators=200, min_samples_leaf=50, n_jobs=1, random_state=0)
    model.fit(y, arm, X=X)
    return lambda: np.ravel(model.effect(X_test))

METHODS = {f"causalml {letter}-learner, {trees}": meta(letter, trees) for trees in TREES for letter in LEARNERS}
METHODS["EconML CausalForestDML"] = forest

versions = {name: version(name) for name in ("causalml", "econml")}
print(json.dumps(versions | {"xgboost": xgboost.__version__}), flush=True)
for line in sys.stdin:
    folder = line.strip()
    train, test = (pd.read_parquet(f"{folder}/{part}.parquet") for part in ("train", "test"))
    known = ["arm", "response", "truth"]
    both = pd.get_dummies(pd.concat([train, test]).drop(columns=known), dtype=float).to_numpy()
    X, X_test = both[:len(train)], both[len(train):]
    arm, y = train["arm"].to_numpy(), train["response"].to_numpy()
    seconds, predicted = {}, {}
    for name, run in METHODS.items():
        start = time.process_time()
        predict = run(X, arm, y, X_test)
        seconds[name] = time.process_time() - start
        predicted[name] = predict()
    pd.DataFrame(predicted).to_parquet(f"{folder}/predicted.parquet")
    print(json.dumps(seconds), flush=True)
"""
OURS = "recval TARNet, ZILN, 5 members"
OUR_METHODS = {
    "recval TARNet, ZILN": {},
    OURS: {"members": 5, "calibration": "level"},
    "recval TARNet, ZILN, listwise, 5 members": {"members": 5, "listwise": {}, "calibration": "level"},
    "recval TARNet, MSE": {"head": "mse"},
    "scikit-learn ridge T-learner": {"kind": "ridge"},
}
METRICS = ("spearman", "oracle-qini", "pehe/sd", "mean-bias/sd")


def study_of(quick: bool) -> UpliftStudy:
    """Return the data sets with our methods."""
    methods = {"methods": OUR_METHODS, "grid": {}, "reference": OURS, "metrics": METRICS}
    if not quick:
        return read(find("configs", "uplift-study-semi-synthetic"), UpliftStudy, methods)
    customers = {"ziln": {"kind": "semi-synthetic", "generator": {"family": "ziln", "rows": 12_000}}}
    return validate({"customers": customers, "test": 0.5, "repeats": 1, **methods}, UpliftStudy)


def our_results(study: UpliftStudy, repeat: int, rest: Customers, test: Customers) -> pd.DataFrame:
    """Return the metrics and processor seconds of our methods, a row a method."""
    rows = {}
    for name, method in study.methods.items():
        start = time.process_time()
        predict = method.fit(rest, derive(study.seed, "model", repeat), lambda fraction: None)
        seconds = time.process_time() - start
        rows[name] = metrics_of(predict(test.features), test) | {"seconds": seconds}
    return pd.DataFrame.from_dict(rows, orient="index")


def their_results(peer: subprocess.Popen[str], folder: Path, rest: Customers, test: Customers) -> pd.DataFrame:
    """Return the metrics and processor seconds of the peers, a row a method."""
    assert peer.stdin
    assert peer.stdout
    for part, customers in (("train", rest), ("test", test)):
        assert customers.truth is not None
        known = {"arm": customers.arm, "response": customers.response, "truth": customers.truth[:, 0]}
        customers.features.assign(**known).to_parquet(folder / f"{part}.parquet")
    print(folder, file=peer.stdin, flush=True)
    seconds = json.loads(peer.stdout.readline())
    predicted = pd.read_parquet(folder / "predicted.parquet")
    rows = {name: metrics_of(predicted[[name]].to_numpy(), test) | {"seconds": seconds[name]} for name in predicted}
    return pd.DataFrame.from_dict(rows, orient="index")


def metrics_of(score: Floats, test: Customers) -> dict[str, float | None]:
    """Return the metrics of predicted uplift, by name."""
    (found,) = measured(METRICS, score.astype(np.float64), test, in_money=True, rankings=0).values()
    return {name: metric["value"] for name, metric in found.items()}


def measure(quick: bool) -> Comparison:
    """Return one less the rank correlation of both sides, a value a data set."""
    study, found = study_of(quick), {}
    command = [os.environ["UPLIFT_PEERS_PYTHON"], "-W", "ignore", "-c", PEERS]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer,
    ):
        assert peer.stdout
        versions = json.loads(peer.stdout.readline())
        for name in study.customers:
            for repeat in range(study.repeats):
                rest, test = parts(study, name, repeat)
                theirs = their_results(peer, Path(folder), rest, test)
                found[f"{name} {repeat}"] = pd.concat([our_results(study, repeat, rest, test), theirs])
                print(found[f"{name} {repeat}"].round(3).to_string(), file=sys.stderr, flush=True)
    every = pd.concat(found, names=["data set", "method"])
    peers = [method for method in found[f"{name} {repeat}"].index if not method.startswith("recval")]
    best = every.loc[(slice(None), peers), "spearman"].groupby("data set", sort=False).max()
    ours = every.xs(OURS, level="method")["spearman"]
    known = ", ".join(f"{package} {version}" for package, version in versions.items())
    by_method = every.groupby("method", sort=False)
    return Comparison(
        question="Do our uplift models rank better than causalml's and EconML's?",
        ours=(1 - ours).tolist(),
        peer=(1 - best.loc[ours.index]).tolist(),
        peer_name=f"the best on each data set of {len(peers)} methods of scikit-learn and of {known}",
        goal=1.0,
        unit="1 - Spearman's correlation with the true uplift",
        size=f"{len(found)} data sets, {len(rest):,} customers to learn from and {len(test):,} to test on",
        details={
            "ours": OURS,
            "means": by_method.mean().round(4).to_dict("index"),
            "deviations": by_method.std().fillna(0.0).round(4).to_dict("index"),
            "by_data_set": {name: table.round(4).to_dict("index") for name, table in found.items()},
        },
    )


if __name__ == "__main__":
    if "UPLIFT_PEERS_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "UPLIFT_PEERS_PYTHON names no Python that has causalml and econml"}))
        sys.exit()
    try:
        main(measure)
    except DataError as error:
        print(json.dumps({"skipped": str(error)}))
