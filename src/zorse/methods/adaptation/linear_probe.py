"""Linear probe (CLIP, ICML 2021): logistic regression on frozen embeddings, its penalty chosen on the shots."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from zorse.core import Paper, Traits
from zorse.templates import FeatureAdapter
from zorse.training import minimise_linear


class LinearProbe(FeatureAdapter):
    """Logistic regression on frozen embeddings: the supervised baseline that looks at no text.

    Parameters
    ----------
    C : float, optional, default=None
        Inverse strength of the l2 penalty; None: by cross-validation on the shots among 1, 10, 100 and 1,000; 10 where
        there is nothing to validate on.
    scale : float, default=100.0
        Inverse temperature of the zero-shot scores of classes without shots.
    n_folds : int, default=4
    random_state : int, RandomState or None
        Of the folds.

    Attributes
    ----------
    setting_, validation_
        The C in use, and its accuracy on held-out shots.
    state_ : dict
        ``weights`` (s, d + 1), the intercept last, for each C.

    Notes
    -----
    A class without shots is answered only among its like: it scores below every class that has some, by its text.

    Differs from the paper: embeddings have unit length; C is swept over four powers of ten by cross-validation on the
    shots, in place of 96 values on a validation set.

    Cost: O(n d^2 + d^3) and O(n s d) an iteration of L-BFGS, for each C and fold. Predict O(n s d).

    References
    ----------
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, Appendix A.3.
    """

    paper = Paper(
        title="Learning Transferable Visual Models From Natural Language Supervision",
        authors="Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal, "
        "Girish Sastry, Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger, Ilya Sutskever",
        venue="ICML",
        year=2021,
        url="https://arxiv.org/abs/2103.00020",
        aka=("linear probe", "linear-probe CLIP", "logistic regression on features"),
    )
    traits = Traits(aligned_space=True)

    def __init__(self, C: float | None = None, scale: float = 100.0, n_folds: int = 4, random_state=None):
        self.C = C
        self.scale = scale
        self.n_folds = n_folds
        self.random_state = random_state

    def _settings(self) -> list[dict]:
        return [{"C": C} for C in ((1e1, 1.0, 1e2, 1e3) if self.C is None else (self.C,))]

    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        X, s, at = np.column_stack([x, np.ones(len(x))]), len(T), np.arange(len(x))

        def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
            log_p = log_softmax(scores, axis=1)
            slope = np.exp(log_p)
            slope[at, y] -= 1
            return -log_p[at, y].sum(), slope

        out = {}
        for setting in settings:
            penalty = np.append(np.full(x.shape[1], 1 / setting["C"]), 0.0)
            W = minimise_linear(X, s, loss, penalty=penalty, curvature=1 / s, max_iter=100)
            out[repr(setting["C"])] = W.T
        return {"weights": out}

    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        W = state["weights"][repr(setting["C"])]
        own = x @ W[:, :-1].T + W[:, -1]
        known = place >= 0
        out = np.empty((len(x), len(T)))
        out[:, known] = own[:, place[known]]
        if not known.all():
            out[:, ~known] = self._zero_shot(x, T[~known]) - 2 * self.scale + own.min(axis=1, keepdims=True)
        return out

    @classmethod
    def example_params(cls) -> list[dict]:
        """Cross-validated, and with a given penalty."""
        return [{"n_folds": 2, "random_state": 0}, {"C": 10.0, "random_state": 0}]
