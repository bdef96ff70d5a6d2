"""Any of PyG's graph convolutions on the user-item graph, trained as BPR is.

    build("GraphConvolution", split.train, {"convolution": "GAT", "n_layers": 2, "combination": "concat"})

Choose it to compare convolutions. Those that weigh or transform what they sum up (GCN, GAT, SAGE, GIN) seldom beat the
plain sum on data without features of users and items, and each step passes messages along every edge: at a million
edges it takes seconds. For the plain sum itself (LG) choose LightGCN, which is the same model many times faster.

The graph is given as PyG's `EdgeIndex`, sorted and undirected. PyG is imported when the first model is built.

References:
    Fey and Lenssen. "Fast Graph Representation Learning with PyTorch Geometric." 2019.
    Wang et al. "Neural Graph Collaborative Filtering." SIGIR 2019, for layers that are concatenated.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import dropout, softplus

from recval.backbones.base import Backbone, Batch
from recval.backbones.cached import WhileUnchanged
from recval.backbones.graph import UserItemGraph
from recval.backbones.registry import model
from recval.data import Interactions
from recval.errors import ModelError, unknown


@model("GraphConvolution")
class GraphConvolution(Backbone):
    """Vectors of users and items, convolved over the graph of the training interactions.

    Args:
        train: the interactions that make the graph; repeated ones are one edge.
        convolution: the name of a class in `torch_geometric.nn` without its "Conv": GCN, GAT, GATv2, SAGE, GIN, LG, …;
            one that is built from two sizes, or from none, and called with vectors and edges.
        embedding_size: the length of a vector, in every layer.
        n_layers: how many convolutions follow each other.
        combination: what is made of the layers, the vectors themselves included: the last one, their mean, or all of
            them side by side.
        activation: what stands between a convolution and the next one.
        dropout: the share of numbers that each layer drops while training.

    Raises:
        ModelError: PyG has no such convolution, or it needs more than vectors and edges.
    """

    edges: Tensor

    def __init__(
        self,
        train: Interactions,
        *,
        convolution: str = "GCN",
        embedding_size: Annotated[int, Field(ge=1)] = 64,
        n_layers: Annotated[int, Field(ge=1)] = 2,
        combination: Literal["last", "mean", "concat"] = "mean",
        activation: Literal["none", "relu", "tanh"] = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.n_users, self.n_items = len(train.users), len(train.items)
        self.combination = combination
        self.activation = {"none": nn.Identity(), "relu": nn.ReLU(), "tanh": nn.Tanh()}[activation]
        self.dropout = dropout
        self.user_embedding = nn.Embedding(self.n_users, embedding_size)
        self.item_embedding = nn.Embedding(self.n_items, embedding_size)
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        self.convolutions = nn.ModuleList(_convolution(convolution, embedding_size) for _ in range(n_layers))
        self.register_buffer("edges", _edges(UserItemGraph(train)), persistent=False)
        self._convolved = WhileUnchanged[Tensor]()

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return -log sigmoid(score of the item - score of the negative), shape [B]."""
        convolved = self._convolve()
        user, item, negative = (
            convolved[nodes] for nodes in (batch.user, batch.item + self.n_users, batch.negative + self.n_users)
        )
        return softplus((user * (negative - item)).sum(1))

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the products of the convolved vectors, shape [U, n_items], in the present mode (training or not)."""
        convolved = self._convolve() if self.training else self._convolved(self._convolve, self.parameters())
        return convolved[users] @ convolved[self.n_users :].T

    def attached_score(self, users: Tensor) -> Tensor:
        """Return the same, attached to the parameters."""
        convolved = self._convolve()
        return convolved[users] @ convolved[self.n_users :].T

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the users' own vectors, before they are convolved, shape [B, embedding_size]."""
        return self.user_embedding(users)

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the items' own vectors, before they are convolved, shape [B, embedding_size]."""
        return self.item_embedding(items)

    def _convolve(self) -> Tensor:
        """The vectors of all nodes: users, then items."""
        from torch_geometric import EdgeIndex

        layers = [torch.cat([self.user_embedding.weight, self.item_embedding.weight])]
        size = (len(layers[0]), len(layers[0]))
        edges = EdgeIndex(self.edges, sparse_size=size, sort_order="row", is_undirected=True)
        for convolution in self.convolutions:
            convolved = convolution(layers[-1] if len(layers) == 1 else self.activation(layers[-1]), edges)
            layers.append(dropout(convolved, self.dropout, self.training))
        if self.combination == "last":
            return layers[-1]
        return torch.stack(layers).mean(0) if self.combination == "mean" else torch.cat(layers, dim=1)


def _convolution(name: str, size: int) -> Any:
    """One of PyG's convolutions, from vectors of a size to vectors of the same size; tried on a graph of two nodes."""
    import torch_geometric.nn as pyg

    names = [found.removesuffix("Conv") for found in dir(pyg) if found.endswith("Conv")]
    if name not in names:
        raise ModelError(unknown("convolution", name, names))
    sizes: dict[str, list[Any]] = {
        "GIN": [nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))],
        "LG": [],
    }
    try:
        convolution = getattr(pyg, f"{name}Conv")(*sizes.get(name, [size, size]))
        with torch.no_grad():
            convolved = convolution(torch.zeros(2, size), torch.tensor([[0, 1], [1, 0]]))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"PyG's {name}Conv needs more than a size of vectors and edges: {reason}") from error
    if not isinstance(convolved, Tensor) or convolved.shape != (2, size):
        raise ModelError(f"PyG's {name}Conv does not give vectors of the size that it is given")
    return convolution


def _edges(graph: UserItemGraph) -> Tensor:
    """The edges in both directions, by their first node, shape [2, 2 x edges], int64."""
    first = torch.repeat_interleave(torch.arange(len(graph)), graph.starts.diff())
    return torch.stack([first, graph.columns.long()])
