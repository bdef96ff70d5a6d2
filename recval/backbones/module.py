"""A plain torch module behind recval's interface."""

from __future__ import annotations

from torch import Tensor, nn

from recval.backbones.base import Backbone, Batch
from recval.data import Interactions
from recval.errors import ModelError


class ModuleBackbone(Backbone):
    """Any module with `score(users) -> Tensor[U, n_items]`, and `loss_per_sample(batch) -> Tensor[B]` if it is trained.

    Args:
        module: the module, which is taken over.
        train: the interactions that it was built on.

    Attributes:
        module: the module.

    Raises:
        ModelError: the module has no method `score`.
    """

    def __init__(self, module: nn.Module, train: Interactions) -> None:
        super().__init__()
        if not callable(getattr(module, "score", None)):
            raise ModelError(f"{type(module).__name__} has no method score(users), so it cannot rank items")
        self.module = module
        self.n_users, self.n_items = len(train.users), len(train.items)
        self.needs_training = callable(getattr(module, "loss_per_sample", None))

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the module's own losses, shape [B]."""
        return self._method("loss_per_sample")(batch)

    def score(self, users: Tensor) -> Tensor:
        """Return the module's own scores, shape [U, n_items]."""
        return self._method("score")(users)

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the module's own vectors of users, shape [B, Fu].

        Raises:
            ModelError: it has none.
        """
        return self._method("user_embeddings")(users)

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the module's own vectors of items, shape [B, Fi].

        Raises:
            ModelError: it has none.
        """
        return self._method("item_embeddings")(items)

    def _method(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        found = getattr(self.module, name, None)
        if not callable(found):
            raise ModelError(f"{type(self.module).__name__} has no method {name}")
        return found
