"""What early stopping goes by: a number for rows that are not trained on, the lower the better."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from recval.uplift.batches import Rows
from recval.uplift.metrics import auuc, qini
from recval.uplift.networks.base import UpliftModule

Monitor = Literal["likelihood", "auuc", "qini"]


def held_out_result(module: UpliftModule, rows: Rows, monitor: Monitor) -> float:
    """Return the mean negative log-likelihood of rows, or the negative area of the ranking by uplift.

    With several treatments the area is the mean over each one's customers and the control's.

    Raises:
        DataError: an area is asked for, and an arm has no row.
    """
    module.eval()
    with torch.inference_mode():
        outputs = module(rows.numeric, rows.codes)
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
