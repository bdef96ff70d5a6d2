"""What early stopping goes by: a number for rows that are not trained on, the lower the better."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from recval.uplift.metrics import auuc, qini
from recval.uplift.networks.base import Outputs, UpliftModule
from recval.uplift.training.batches import Rows

Monitor = Literal["likelihood", "auuc", "qini"]

CHUNK = 2**16
"""Rows that are looked at at once, so that memory does not grow with the rows held out."""


def held_out_result(module: UpliftModule, rows: Rows, monitor: Monitor) -> float:
    """Return the mean negative log-likelihood of rows, or the negative area of the ranking by uplift.

    With several treatments the area is the mean over each one's customers and the control's.

    Raises:
        DataError: an area is asked for, and an arm has no row.
    """
    module.eval()
    with torch.inference_mode():
        chunks = zip(rows.numeric.split(CHUNK), rows.codes.split(CHUNK), strict=True)
        outputs = Outputs(torch.cat([module(numeric, codes).parameters for numeric, codes in chunks]))
        if monitor == "likelihood":
            return float(module.likelihood(outputs, rows.arm, rows.response, rows.weight))
        means = module.means(outputs).cpu().numpy()
    arm, response = rows.arm.cpu().numpy(), rows.response.cpu().numpy()
    area = {"auuc": auuc, "qini": qini}[monitor]
    areas = []
    for treatment in range(1, means.shape[1]):
        seen = (arm == 0) | (arm == treatment)
        uplift = means[seen, treatment] - means[seen, 0]
        areas.append(area(uplift, arm[seen] == treatment, response[seen], normalisation="none"))
    return -float(np.mean(areas))
