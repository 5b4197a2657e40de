"""Losses that pull what belongs together nearer than what does not."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def supervised_contrastive(z: Tensor, target: Tensor, temperature: float) -> Tensor:
    """-log of a positive's share among itself and the row's negatives, averaged over positives, then over rows.

    Shares are of exp(cosine / temperature). Positives of a row of z (n, d) are the other rows of its class, negatives
    those of other classes; rows without a positive are left out.
    """
    cosines = normalize(z, dim=1) @ normalize(z, dim=1).T / temperature
    same = target[:, None] == target
    negatives = cosines.masked_fill(same, -torch.inf).logsumexp(dim=1, keepdim=True)
    positive = (same & ~torch.eye(len(z), dtype=torch.bool, device=z.device)).to(z.dtype)
    losses = torch.nn.functional.softplus(negatives - cosines)
    pairs = positive.sum(dim=1)
    return ((losses * positive).sum(dim=1) / pairs.clamp(min=1)).sum() / (pairs > 0).sum().clamp(min=1)


def image_text_contrast(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    """Mean of the two softmax losses of paired unit rows (b, d): which text is the image's, which image the text's."""
    logits = scale * images @ texts.T
    own = torch.arange(len(logits), device=logits.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def bag_contrast(logits: Tensor, target: Tensor) -> Tensor:
    """Sum of the two softmax losses of image-text logits (b, b) in which every pair of one class is a right one.

    An image's loss is -log softmax averaged over the texts of its class, and likewise for texts.
    """
    same = (target[:, None] == target).to(logits.dtype)
    same = same / same.sum(dim=1, keepdim=True)
    return -(same * (logits.log_softmax(dim=1) + logits.T.log_softmax(dim=1))).sum(dim=1).mean()


def among_hard_pairs(z: Tensor, has: Tensor, likeness: Tensor, n_negatives: int) -> Tensor:
    """Tell one attribute by its hidden vector, where classes make it hard to tell.

    For every sample an attribute that it has is drawn; beside it a positive, a sample of another class that has it too,
    the less alike the classes the likelier; and negatives, samples without it, the more alike the likelier.

    Parameters
    ----------
    z : Tensor of shape (n, k, h)
        Of each sample a vector an attribute.
    has : Tensor of bool, shape (n, k)
    likeness : Tensor of shape (n, n)
        Of the samples' classes, from -1 to 1; 1 is the same class.
    n_negatives : int
        Drawn with replacement, from torch's global generator.

    Returns
    -------
    Tensor
        Mean cross-entropy of the positive against the negatives by inner products; 0 where no sample has both.
    """
    at = torch.arange(len(z), device=z.device)
    drawn = torch.multinomial(has + 1e-9, 1)[:, 0]
    shares = has[:, drawn].T  # whether sample j has the attribute drawn for sample i
    positive = (1 - likeness).clamp(min=0) * shares
    negative = (1 + likeness).clamp(min=0) * ~shares
    ok = has[at, drawn] & (positive.sum(dim=1) > 1e-6) & (negative.sum(dim=1) > 1e-6)
    if not ok.any():
        return z.sum() * 0
    near = torch.multinomial(positive[ok], 1)
    far = torch.multinomial(negative[ok], n_negatives, replacement=True)
    attribute = drawn[ok]
    others = z[torch.cat([near, far], dim=1), attribute[:, None]]
    logits = (others @ z[at[ok], attribute][:, :, None])[..., 0]
    return torch.nn.functional.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
