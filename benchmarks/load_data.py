"""How much longer does RecBole take to load and split ml-100k?

Each measurement is taken in a process of its own, in turns, after the imports: CPU seconds from nothing to the parts of
the split. Ours comes from the cache, which a first reading has filled; RecBole's are its `create_dataset` and
`data_preparation` with its own defaults. The details give what the first reading takes, and what the imports cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median

from harness import Comparison, main

PREPARE = {
    # Arrow imports pandas where it hands its first column to NumPy; RecBole's own imports have it among them.
    "ours": "import pandas\nfrom recval.data import load, split_by_ratio",
    "recbole": """
import numpy as np
# RecBole asks for these names, which NumPy 2 has dropped.
np.float_, np.complex_, np.unicode_ = np.float64, np.complex128, np.str_
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
""",
}
LOAD = {
    "ours": "split = split_by_ratio(load('ml-100k')); sizes = len(split.train), len(split.valid), len(split.test)",
    "recbole": """
config = Config(model="BPR", dataset="ml-100k")
parts = data_preparation(config, create_dataset(config))
sizes = [len(part.dataset) for part in parts]
""",
}
IMPORTS = ("recval", "recval.data", "recval.data, pandas", "torch", "recbole.data")

CLOCK = "import time; start = time.process_time()"
# The peak that resource.getrusage tells would include that of the process which started this one.
REPORT = """
import json
seconds = time.process_time() - start
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "MiB": peak, "sizes": list(globals().get("sizes", []))}))
"""


def measured(prepare: str, action: str, cache: str) -> dict[str, float]:
    """Run an action in a fresh process; return its CPU seconds and the peak of the process's memory."""
    code = "\n".join([prepare, CLOCK, action, REPORT])
    environment = os.environ | {"RECVAL_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rounded(measurements: list[dict[str, float]]) -> dict[str, float]:
    """Return the medians of seconds and of memory."""
    return {unit: round(median(one[unit] for one in measurements), 4) for unit in ("seconds", "MiB")}


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    rounds = 3 if quick else 7
    found: dict[str, list[dict[str, float]]] = {"ours": [], "recbole": []}
    imports: dict[str, list[dict[str, float]]] = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as cache:
        first = measured(PREPARE["ours"], LOAD["ours"], cache)
        for _ in range(rounds):
            for side, measurements in found.items():
                measurements.append(measured(PREPARE[side], LOAD[side], cache))
            for name, measurements in imports.items():
                measurements.append(measured("", f"import {name}", cache))
    sizes = {side: measurements[0]["sizes"] for side, measurements in found.items()}
    if sizes["ours"] != sizes["recbole"]:
        raise SystemExit(f"the splits differ in size: {sizes}")
    return Comparison(
        question="How much longer does RecBole take to load and split ml-100k?",
        ours=[one["seconds"] for one in found["ours"]],
        peer=[one["seconds"] for one in found["recbole"]],
        peer_name="RecBole's create_dataset and data_preparation",
        goal=5,
        unit="CPU s",
        size=f"ml-100k, 100,000 interactions, split {sizes['ours']}; median of {rounds} processes a side",
        details={
            "ours, first reading": rounded([first]),
            "ours, from the cache": rounded(found["ours"]),
            "RecBole": rounded(found["recbole"]),
            **{f"import {name}": rounded(measurements) for name, measurements in imports.items()},
        },
    )


if __name__ == "__main__":
    main(measure)
