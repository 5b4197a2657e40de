"""Attention of one set of vectors to another, made of plain layers."""

from __future__ import annotations

from torch import Tensor


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Each query's mean of the values, weighed by softmax(q^T k / sqrt(h)).

    Parameters
    ----------
    queries : Tensor of shape (b, q, h), or (q, h) for the same ones in every sample
    keys : Tensor of shape (b, p, h)
    values : Tensor of shape (b, p, v)

    Returns
    -------
    means : Tensor of shape (b, q, v)
    weights : Tensor of shape (b, q, p), rows sum to 1
    """
    weights = (queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5).softmax(dim=2)
    return weights @ values, weights
