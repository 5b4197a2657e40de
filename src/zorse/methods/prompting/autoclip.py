"""AutoCLIP (TMLR 2024): weights of prompt templates, tuned for each image without labels."""

from __future__ import annotations

import math

import numpy as np
import torch

from zorse.core import ClassTable, InputError, Paper, Traits
from zorse.nn.simplex import softmax_of_entropy
from zorse.nn.vectors import compact, in_slots, unit_rows
from zorse.templates import PromptedClassifier

_BLOCK = 32 << 20  # bytes of similarities held at a time


class AutoCLIP(PromptedClassifier):
    """Weight prompt templates anew for each image, by one gradient step that makes its scores more certain.

    Parameters
    ----------
    beta : float, default=0.85
        Entropy of the weights, as a share of that of equal weights: 1 weighs all templates alike, smaller is sharper.
    aggregation : {"auto", "mean", "max", "softmax"}
        ``"auto"`` is the paper's method. Its baselines: the mean over templates, their maximum, and weights that are
        the softmax of a template's mean similarity over classes, sharpened to the same entropy (Appendix A.3).
    scale : float
        Inverse temperature of ``predict_proba``; it moves probabilities, never the ranking or the weights.

    Attributes
    ----------
    templates_ : ndarray of shape (c, t, d)
        Unit embedding of every template filled with every class.
    candidates_ : ClassTable
        Its ``prompts`` hold a class's templates, in the same order for all.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    With s_gt the cosine of the image and template t of class g, and w = softmax(rho) at rho = 0, the gradient of
    logsumexp_g sum_t w_t s_gt with respect to rho_t is w_t (a_t - sum_u w_u a_u), a_t = sum_g softmax_g(sum_u w_u
    s_gu) s_gt. One step along it, as long as makes the entropy of w ``beta`` times the largest, gives the weights, and
    sum_t w_t s_gt the scores. Cosines enter as they are, without the encoder's scale, and weighted sums are not made
    unit. The weights of an image depend on the candidates. :meth:`weights` shows them.

    Differs from the paper: the length of the step is solved to the last digit, where the released code bisects to 1 %.
    Classes may have different numbers of prompts: the missing ones are the mean of the others.

    Cost: O(n c t d) for t templates, one matrix product, and two passes over its n c t entries, in blocks of 32 MB
    beside the templates; in single
    precision (4 c t d bytes) where those have more than a million numbers.

    References
    ----------
    Metzen, Saranrittichai, Mummadi, AutoCLIP: Auto-tuning Zero-Shot Classifiers for Vision-Language Models, TMLR 2024.
    """

    paper = Paper(
        title="AutoCLIP: Auto-tuning Zero-Shot Classifiers for Vision-Language Models",
        authors="Jan Hendrik Metzen, Piyapat Saranrittichai, Chaithanya Kumar Mummadi",
        venue="TMLR",
        year=2024,
        url="https://arxiv.org/abs/2309.16414",
        aka=("AutoCLIP", "auto-tuned prompt weights"),
        seed=18,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)
    weighs_prompts = True
    templates_: np.ndarray

    def __init__(self, beta: float = 0.85, aggregation: str = "auto", scale: float = 100.0):
        self.beta = beta
        self.aggregation = aggregation
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """The paper's weights, and those of its softmax baseline, at a scale that the toy task can bear."""
        return [{"scale": 30.0}, {"aggregation": "softmax", "scale": 30.0}]

    def weights(self, X) -> np.ndarray:
        """Weight of each template for each image (n, t); rows sum to 1."""
        if self.aggregation == "max":
            raise InputError("the maximum over templates has no weights")
        return self._weighted(unit_rows(np.asarray(X, dtype=np.float64)))[1]

    def _prepare(self, table: ClassTable) -> None:
        if self.aggregation not in ("auto", "mean", "max", "softmax"):
            raise InputError(f"aggregation is auto, mean, max or softmax; got {self.aggregation!r}")
        if not 0 <= self.beta <= 1:
            raise InputError(f"beta is a share of entropy from 0 to 1; got {self.beta}")
        self.templates_ = compact(in_slots(self._prompts(table)))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * self._weighted(unit_rows(X))[0]

    @torch.no_grad()
    def _weighted(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted cosines (n, c) and weights (n, t)."""
        c, t, d = self.templates_.shape
        E = torch.from_numpy(self.templates_).reshape(c * t, d)
        scores, weights = np.empty((len(X), c)), np.full((len(X), t), 1 / t)
        block = max(1, _BLOCK // (4 * c * t))
        for start in range(0, len(X), block):
            at = slice(start, start + block)
            S = (torch.from_numpy(X[at]).to(E.dtype) @ E.T).reshape(-1, c, t)
            if self.aggregation == "max":
                scores[at] = S.amax(dim=2).numpy()
                continue
            if self.aggregation != "mean" and t > 1:
                weights[at] = softmax_of_entropy(self._direction(S).double().numpy(), self.beta * math.log(t))
            w = torch.from_numpy(weights[at]).to(S.dtype)
            scores[at] = torch.bmm(S, w[:, :, None])[:, :, 0].numpy()
        return scores, weights

    def _direction(self, S: torch.Tensor) -> torch.Tensor:
        """What the weights are the softmax of, up to the length of the step."""
        if self.aggregation == "softmax":
            return S.mean(dim=1)
        ones = torch.full((len(S), S.shape[2], 1), 1 / S.shape[2], dtype=S.dtype)
        p = torch.bmm(S, ones).softmax(dim=1)
        return torch.bmm(p.transpose(1, 2), S)[:, 0]
