"""What a labelled sample guarantees about prompts: PAC-Bayes bounds of their error on all images."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from zorse.core import InputError, Paper, implements


@dataclass(frozen=True)
class PromptBound:
    """An error on a sample, and what the error on all images is at most, with probability 1 - ``delta``.

    Attributes
    ----------
    error : float
        On the sample.
    n : int
        Samples.
    nats : float
        -log of the prior probability of the prompts: what it costs to have chosen them by this sample.
    delta : float
    bound : float
        By the inverse of the binary divergence, the tighter one.
    mcallester : float
        By McAllester's inequality, which has a closed form.
    """

    error: float
    n: int
    nats: float
    delta: float
    bound: float
    mcallester: float

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


@implements(
    Paper(
        title="Understanding prompt engineering may not require rethinking generalization",
        authors="Victor Akinwande, Yiding Jiang, Dylan Sam, J. Zico Kolter",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2310.03957",
        aka=("PAC-Bayes bounds for prompts", "prompt generalization bound"),
        seed=88,
    )
)
def prompt_bound(error: float, n: int, nats: float, delta: float = 0.01) -> PromptBound:
    """PAC-Bayes bound on the error of discrete prompts, from their error on ``n`` labelled samples.

    Parameters
    ----------
    error : float
        Share of the samples that the prompts get wrong, in [0, 1].
    n : int
    nats : float
        -log prior probability of the prompts, at least 0: log T for the best of T, :func:`token_nats` for prompts that
        were searched for token by token, the sum of a language model's -log p where that is the prior; 0 for prompts
        that were fixed before the sample was seen.
    delta : float
        Probability that the bound fails.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Notes
    -----
    The posterior is a point, so that the divergence from the prior is -log P(prompts). With probability 1 - delta over
    samples, kl(error || R) <= (nats + log(2 sqrt(n) / delta)) / n for the true error R, solved for R by bisection; and
    R <= error + sqrt((nats + log(n / delta) + 2) / (2 n - 1)). Both hold for every choice of prompts at once. The
    encoder must not have been trained on the sample.

    Differs from the paper: no language model is at hand, so that its prior's nats are the caller's to give; its greedy
    search for prompts is left out.

    Cost: O(1).

    References
    ----------
    Akinwande, Jiang, Sam, Kolter. Understanding prompt engineering may not require rethinking generalization.
    ICLR 2024.
    """
    if not 0 <= error <= 1 or n < 1 or not 0 <= nats < np.inf or not 0 < delta < 1:
        raise InputError(
            f"expected an error in [0, 1], n at least 1, nats at least 0 and delta in (0, 1); got {error}, {n}, {nats} "
            f"and {delta}"
        )
    tight = kl_inverse(error, (nats + np.log(2 * n**0.5 / delta)) / n)
    loose = error + ((nats + np.log(n / delta) + 2) / (2 * n - 1)) ** 0.5
    return PromptBound(float(error), int(n), float(nats), float(delta), tight, float(min(loose, 1.0)))


def kl_inverse(error: float, budget: float) -> float:
    """The largest r in [error, 1] with kl(error || r) <= ``budget``, by bisection to 1e-12."""
    low, high = float(error), 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if binary_kl(error, middle) <= budget else (low, middle)
    return low


def binary_kl(p: float, q: float) -> float:
    """Divergence of a coin that falls heads with p from one with q, in nats."""
    parts = ((p, q), (1 - p, 1 - q))
    return float(sum(a * np.log(a / b) if b > 0 else np.inf for a, b in parts if a > 0))


def token_nats(n_tokens: int, vocabulary: int) -> float:
    """-log prior of ``n_tokens`` tokens in all, each drawn alike from ``vocabulary``: no better than counting."""
    if n_tokens < 0 or vocabulary < 1:
        raise InputError(f"expected a number of tokens and a vocabulary of at least 1; got {n_tokens} and {vocabulary}")
    return float(n_tokens * np.log(vocabulary))
