"""What every benchmark shares: its options, and the JSON that it prints last.

A benchmark measures both sides in one run, in turns, so that a change in the machine's speed meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from recval.store.environment import environment
from recval.store.files import write_json


@dataclass(frozen=True)
class Comparison:
    """What was measured, on both sides; lower is better.

    Attributes:
        question: what the benchmark asks.
        ours: the measurements of recval.
        peer: those of what it is compared with, measured in turn with ours.
        peer_name: what it is compared with.
        goal: the ratio peer / ours to reach; above 1 recval is better.
        unit: the unit of the measurements.
        size: the size of the problem.
        details: what else was measured.
    """

    question: str
    ours: list[float]
    peer: list[float]
    peer_name: str
    goal: float
    unit: str
    size: str
    details: Mapping[str, object] = field(default_factory=dict)


def main(measure: Callable[[bool], Comparison]) -> None:
    """Measure, print the result as one line of JSON, and write it where `--out` says."""
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").strip())
    parser.add_argument("--quick", action="store_true", help="fewer rounds; ends within 50 s on two cores")
    parser.add_argument("--out", type=Path, help="a file for the result")
    options = parser.parse_args()
    found = measure(options.quick)
    ratio = median(theirs / ours for ours, theirs in zip(found.ours, found.peer, strict=True))
    machine = environment()
    result = {
        "question": found.question,
        "ours": median(found.ours),
        "peer": {"name": found.peer_name, "value": median(found.peer)},
        "ratio": ratio,
        "goal": found.goal,
        "holds": ratio >= found.goal,
        "unit": found.unit,
        "size": found.size,
        **({"details": dict(found.details)} if found.details else {}),
        "machine": {key: machine[key] for key in ("machine", "cores", "threads")},
        "versions": {"python": machine["python"], **machine["packages"]},
        "command": " ".join(
            [f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}"] if "OMP_NUM_THREADS" in os.environ else []
        )
        + f" python benchmarks/{Path(sys.argv[0]).name}"
        + (" --quick" if options.quick else ""),
    }
    if options.out:
        write_json(options.out, result)
    print(json.dumps(result))
