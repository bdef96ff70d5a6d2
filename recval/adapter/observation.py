"""What a valuator sees of a training sample (DVR, arXiv 2502.08685, sample encoder's input).

    s_m = [e_u ; e_i ; e_j ; l_m]

The backbone's vectors of the user, the positive and the negative item, and the sample's current loss; detached.
"""

from __future__ import annotations

import torch
from torch import Tensor

from recval.backbones import Backbone, Batch


@torch.no_grad()
def observe(backbone: Backbone, batch: Batch, losses: Tensor) -> Tensor:
    """Return the observation of each sample, shape [B, F + 1], without a graph.

    Args:
        backbone: the model in training.
        batch: the samples.
        losses: the loss of each sample, shape [B].
    """
    return torch.cat([backbone.embeddings(batch), losses.unsqueeze(1)], dim=1)
