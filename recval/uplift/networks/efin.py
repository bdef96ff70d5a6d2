"""EFIN: features attend to each other, and each treatment attends to the features.

Every feature is a vector: a category's, or a number times a vector of its own. Self-attention over them feeds the
control network. For each treatment, additive attention of its vector over the features says which of them matter for
its effect, and the features so weighted feed the uplift network, which adds to the control's raw numbers as in EUEN
(see `recval.uplift.networks.euen`); treated rows do not train the control network. The intervention constraint is the
cross entropy of the treatment, predicted from the control network's representation.

Source: Liu et al., "Explicit feature interaction-aware uplift network for online marketing", KDD 2023; on the numbers
of any head here, and with a vector for each of several treatments.

How to choose: many categorical features, several treatments that speak to different customers. When not to use: few
numeric features, where it is slower than TARNet and no better.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule, weighted_mean
from recval.uplift.networks.layers import ArmDense, Dense, Embeddings, uniform


class EFIN(Network):
    """The settings of EFIN; `representation` is of the control network, `heads` of both.

    Attributes:
        constraint: the weight of the treatment's cross entropy.
    """

    kind: Literal["efin"] = "efin"
    embedding: int = Field(16, ge=1)
    constraint: float = Field(0.1, ge=0, allow_inf_nan=False)

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return EFINModule(self, task)


class EFINModule(UpliftModule):
    """Vectors of features, both attentions, the control network and the uplift network."""

    def __init__(self, settings: EFIN, task: Task) -> None:
        super().__init__(task)
        size = settings.embedding
        self.constraint = settings.constraint
        self.vectors = FeatureVectors(task, size)
        self.projections = nn.Linear(size, 3 * size)
        self.control = Dense(self.vectors.count * size, settings.representation, settings)
        self.control_head = ArmDense(1, self.control.width, settings.heads, task.start, settings)
        self.attention = TreatmentAttention(task.n_arms - 1, size)
        no_effect = torch.zeros_like(task.start)
        self.uplift_heads = ArmDense(task.n_arms - 1, size, settings.heads, no_effect, settings)
        self.propensity = nn.Linear(self.control.width, task.n_arms)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        vectors = self.vectors(numeric, codes)
        query, key, value = self.projections(vectors).chunk(3, dim=2)
        attended = vectors + functional.scaled_dot_product_attention(query, key, value)
        representation = self.control(attended.flatten(1))
        control = self.control_head(representation)
        added = self.uplift_heads(self.attention(vectors))
        parameters = torch.cat([control, control.detach() + added], dim=1)
        return Outputs(parameters, representation, self.propensity(representation))

    def own_terms(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the intervention constraint, weighted."""
        assert outputs.propensity is not None
        treatment = functional.cross_entropy(outputs.propensity, arm, reduction="none")
        return self.constraint * weighted_mean(treatment, weight)


class FeatureVectors(nn.Module):
    """A vector for each feature of each customer, shape [B, count, size]."""

    def __init__(self, task: Task, size: int) -> None:
        super().__init__()
        self.count = task.n_numeric + len(task.cardinalities)
        self.slopes = nn.Parameter(torch.randn(task.n_numeric, size))
        self.places = nn.Parameter(torch.randn(task.n_numeric, size))
        self.embeddings = Embeddings(task.cardinalities, size) if len(task.cardinalities) else None

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Return the vectors."""
        numbers = torch.addcmul(self.places, numeric[:, :, None], self.slopes)
        return numbers if self.embeddings is None else torch.cat([numbers, self.embeddings(codes)], dim=1)


class TreatmentAttention(nn.Module):
    """For each treatment, the features' vectors in the mixture that this treatment attends to, shape [A, B, size]."""

    def __init__(self, treatments: int, size: int) -> None:
        super().__init__()
        self.treatments = nn.Parameter(uniform(treatments, size))
        self.features = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the mixtures for features of shape [B, count, size]."""
        alike = torch.tanh(self.features(vectors) + self.treatments[:, None, None])
        return self.score(alike).softmax(2).mT.matmul(vectors).squeeze(2)
