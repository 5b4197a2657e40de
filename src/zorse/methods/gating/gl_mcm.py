"""GL-MCM (IJCV 2025): an image belongs to the known classes if it, or a part of it, matches one of them."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.core.samples import read_samples
from zorse.nn.vectors import cosine, unit_rows


class GLMCM(ZeroShotClassifier):
    """Out-of-distribution detection from class names, by the whole image and by its best patch.

    Parameters
    ----------
    temperature : float, default=1.0
        Cosines are divided by it before each softmax; not the encoder's logit scale.
    balance : float, default=1.0
        Weight of the best patch beside the whole image (lambda); 0 is MCM.

    Attributes
    ----------
    candidates_ : ClassTable
        The known classes; ``vectors`` (c, d) are text embeddings in the space of the patches.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    With g the vector of the whole image and l those of its patches, :meth:`confidence` is max_c softmax_c(g . t_c / T)
    + ``balance`` * max over patches and classes of softmax_c(l . t_c / T). Patches must lie in the space of the
    texts, as a :class:`zorse.encoders.PatchEncoder` gives them (a CLIP's last block without attention). As a classifier
    it scores a class by the same sum, each maximum taken over patches alone. Nothing is learned.

    Differs from the paper: where the vectors of whole images are not given, the mean of the patches stands for them;
    answering a class is not in the paper.

    Cost: O(n c d p) for p patches.

    References
    ----------
    Miyai, Yu, Irie, Aizawa. GL-MCM: Global and Local Maximum Concept Matching for Zero-Shot Out-of-Distribution
    Detection. IJCV, 2025.
    """

    paper = Paper(
        title="GL-MCM: Global and Local Maximum Concept Matching for Zero-Shot Out-of-Distribution Detection",
        authors="Atsuyuki Miyai, Qing Yu, Go Irie, Kiyoharu Aizawa",
        venue="IJCV",
        year=2025,
        url="https://arxiv.org/abs/2304.04521",
        aka=("GL-MCM", "global and local maximum concept matching", "zero-shot in-distribution detection"),
        seed=83,
    )
    traits = Traits(takes="patches", trained=False, aligned_space=True, open_candidates=False)

    def __init__(self, temperature: float = 1.0, balance: float = 1.0):
        self.temperature = temperature
        self.balance = balance

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        whole, patches = self._matches(X, self._whole(X))
        return whole + self.balance * patches.max(axis=(1, 2))

    def confidence(self, X, whole=None) -> np.ndarray:
        """That an image shows one of ``classes_``, shape (n,), from 0 to 1 + ``balance``.

        Parameters
        ----------
        X : array-like of shape (n, gh, gw, d)
            Patches.
        whole : array-like of shape (n, d), optional
            Vectors of the whole images; default the mean patch.

        Raises
        ------
        InputError
            If ``whole`` is not (n, d).
        """
        X = read_samples(self, X)
        whole = self._whole(X) if whole is None else np.asarray(whole, dtype=float)
        if whole.shape != (len(X), X.shape[-1]):
            raise InputError(f"expected vectors of whole images of shape {(len(X), X.shape[-1])}; got {whole.shape}")
        of_whole, of_patches = self._matches(X, whole)
        return of_whole.max(axis=1) + self.balance * of_patches.max(axis=(1, 2, 3))

    def explain(self, X, labels=None) -> np.ndarray:
        """Where the label is seen: its probability at each patch, made to sum to 1 over the grid; (n, gh, gw).

        Parameters
        ----------
        X : array-like of shape (n, gh, gw, d)
        labels : array-like of shape (n,), or one label, optional
            Default: the label predicted.
        """
        X = read_samples(self, X)
        if labels is None:
            labels = self.predict(X)
        rows = self.candidates_.rows(np.broadcast_to(labels, len(X)))
        at_label = self._matches(X, self._whole(X))[1][np.arange(len(X)), ..., rows]
        return at_label / at_label.sum(axis=(1, 2), keepdims=True)

    def _whole(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X.astype(float)).mean(axis=(1, 2))

    def _matches(self, X: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the candidates for whole images (n, c) and for patches (n, gh, gw, c)."""
        texts, d = self.candidates_.vectors, X.shape[-1]
        local = cosine(X.reshape(-1, d).astype(float), texts).reshape(*X.shape[:3], -1)
        return softmax(cosine(whole, texts) / self.temperature, axis=-1), softmax(local / self.temperature, axis=-1)
