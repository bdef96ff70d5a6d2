"""What a model is trained on in each epoch, where RecBole has a trainer of its own for it.

- NCL clusters its embeddings before every `m_step`-th epoch. RecBole does it with faiss; here it is scikit-learn's
  k-means, with no more clusters than there are points.
- RecVAE trains its encoder for `n_enc_epochs` epochs, then its decoder for `n_dec_epochs`, in turn.
- RaCT trains the actor for `pretrain_epochs` epochs, then the critic for as many, then the actor by the critic.
- S3Rec is pre-trained for `pretrain_epochs` epochs, then trained on the next item.
- SGL draws its two views of the graph anew, and LINE the order in which it takes users for negatives.
- KTUP trains on interactions for `train_rec_step` epochs, then on triples for `train_kg_step`, in turn.
- MKR trains on triples, besides interactions, in every `kge_interval`-th epoch.

An epoch is one pass over the samples. Patience must outlast the phases that do not change what is validated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recval.backbones.recbole.settings import Settings

Loss = Callable[[Any], Tensor | tuple[Tensor, ...]]
"""Gives the loss, or its terms, of a batch in RecBole's form."""


def loss_of_epoch(model: Any, settings: Settings, epoch: int) -> Loss:
    """Prepare a model for an epoch (from 0), and return what it is trained on."""
    for base in type(model).__mro__:
        if base.__name__ in _SCHEDULES:
            return _SCHEDULES[base.__name__](model, settings, epoch)
    return model.calculate_loss


def _ncl(model: Any, settings: Settings, epoch: int) -> Loss:
    if epoch % settings["m_step"] == 0:
        model.user_centroids, model.user_2cluster = _clusters(model.user_embedding.weight, model.k)
        model.item_centroids, model.item_2cluster = _clusters(model.item_embedding.weight, model.k)
    return model.calculate_loss


def _clusters(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the centres of clusters, scaled to length 1, and the cluster of each point."""
    from sklearn.cluster import KMeans

    found = KMeans(min(count, len(points)), n_init=1, init="random", max_iter=25).fit(points.detach().cpu().numpy())
    centres = torch.from_numpy(found.cluster_centers_).to(points)
    return nn.functional.normalize(centres, dim=1), torch.from_numpy(found.labels_).long().to(points.device)


def _recvae(model: Any, settings: Settings, epoch: int) -> Loss:
    encoding, decoding = settings["n_enc_epochs"], settings["n_dec_epochs"]
    phase = epoch % (encoding + decoding)
    is_encoder = phase < encoding
    if phase == encoding:
        model.update_prior()
    model.encoder.requires_grad_(is_encoder)
    model.decoder.requires_grad_(not is_encoder)
    return partial(model.calculate_loss, encoder_flag=is_encoder)


def _ract(model: Any, settings: Settings, epoch: int) -> Loss:
    if settings["train_stage"] == "actor_pretrain":
        stage = (epoch >= settings["pretrain_epochs"]) + (epoch >= 2 * settings["pretrain_epochs"])
        model.train_stage = ("actor_pretrain", "critic_pretrain", "finetune")[stage]
        model.encoder.requires_grad_(stage != 1)
        model.decoder.requires_grad_(stage != 1)
        model.critic_net.requires_grad_(stage == 1)
    return model.calculate_loss


def _s3rec(model: Any, settings: Settings, epoch: int) -> Loss:
    if model.train_stage == "pretrain" and epoch >= settings["pretrain_epochs"]:
        from recbole.model.loss import BPRLoss

        model.train_stage = "finetune"
        model.loss_fct = BPRLoss() if model.loss_type == "BPR" else nn.CrossEntropyLoss()
    return model.calculate_loss


def _line(model: Any, settings: Settings, epoch: int) -> Loss:
    model.random_list, model.random_pr = np.random.permutation(model.get_user_id_list()), 0  # noqa: NPY002
    return model.calculate_loss


def _sgl(model: Any, settings: Settings, epoch: int) -> Loss:
    model.graph_construction()
    return model.calculate_loss


def _ktup(model: Any, settings: Settings, epoch: int) -> Loss:
    on_items, on_triples = settings["train_rec_step"], settings["train_kg_step"]
    return model.calculate_loss if epoch % (on_items + on_triples) < on_items else model.calculate_kg_loss


def _mkr(model: Any, settings: Settings, epoch: int) -> Loss:
    if epoch % settings["kge_interval"]:
        return model.calculate_rs_loss
    return partial(_on_items_and_triples, model)


def _on_items_and_triples(model: Any, rows: Any) -> tuple[Tensor, Tensor]:
    return model.calculate_rs_loss(rows), model.calculate_kg_loss(rows)


_SCHEDULES: dict[str, Callable[[Any, Any, int], Loss]] = {
    "KTUP": _ktup,
    "LINE": _line,
    "MKR": _mkr,
    "NCL": _ncl,
    "RaCT": _ract,
    "RecVAE": _recvae,
    "S3Rec": _s3rec,
    "SGL": _sgl,
}
