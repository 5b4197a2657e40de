"""Guided cropping (2023): look again at where each of the likeliest classes would be."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError, Paper, Reason, Traits, ZeroShotClassifier
from zorse.nn.vectors import cosine, unit_rows, with_top


class GuidedCropping(ZeroShotClassifier):
    """Re-score the k likeliest classes by the crop that shows each best, averaged over margins around it.

    Parameters
    ----------
    k : int, default=5
        Classes that are looked at again.
    n_boxes : int, default=3
        :meth:`boxes` proposes ``n_boxes`` x ``n_boxes`` squares, each of half the shorter side.
    n_margins : int, default=4
        Crops a box: from the box itself in equal steps to the whole image.
    proposals : {"best", "own"}
        ``"best"``: a class takes the box whose tight crop is nearest to its text. ``"own"``: every class has a box of
        its own, as a detector asked for each class gives it; row r + 1 of X belongs to row r of the table fitted.
    whole : {"first", "mean"}
        What stands for the whole image: the first crop, or the mean of all, for grids of patches.
    scale : float
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.

    Attributes
    ----------
    owners_ : ndarray of shape (c0,)
        Labels of the table fitted with, to which ``"own"`` boxes belong.
    candidates_ : ClassTable
        Its ``vectors`` (c, d) are text embeddings.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    X is a grid (n, 1 + boxes, margins, d) of crops: row 0 is the whole image, every other row a box with growing
    margins. The k classes of highest cosine with the whole image are scored by the mean of that cosine and the one
    with the unit mean of the unit embeddings of their box's row; the answer is among them. Classes beyond the k keep
    the order of their cosines, moved below the last of the k. ``zorse classify`` cuts the crops that :meth:`boxes`
    names and keeps their embeddings in the store.

    Differs from the paper: no detector is at hand, so boxes are proposed on a grid and chosen by the encoder itself,
    where the paper asks OWL-ViT for each of the k classes; with such boxes, ``proposals="own"`` is the paper's method.

    Cost: O(n (c + k b + k m) d) for b boxes of m crops; encoding b m crops an image is what takes time.

    References
    ----------
    Saranrittichai, Munoz, Fischer, Mummadi, Zero-Shot Visual Classification with Guided Cropping, 2023.
    """

    paper = Paper(
        title="Zero-Shot Visual Classification with Guided Cropping",
        authors="Piyapat Saranrittichai, Mauricio Munoz, Volker Fischer, Chaithanya Kumar Mummadi",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2309.06581",
        aka=("GC-CLIP", "guided cropping"),
        seed=6,
    )
    traits = Traits(takes="patches", trained=False, aligned_space=True, open_candidates=False)
    owners_: np.ndarray

    def __init__(
        self,
        k: int = 5,
        n_boxes: int = 3,
        n_margins: int = 4,
        proposals: str = "best",
        whole: str = "first",
        scale: float = 100.0,
    ):
        self.k = k
        self.n_boxes = n_boxes
        self.n_margins = n_margins
        self.proposals = proposals
        self.whole = whole
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """Patches, of which none is the whole image."""
        return [{"k": 3, "whole": "mean", "scale": 30.0}]

    def boxes(self, width: int, height: int) -> np.ndarray:
        """Crops of an image of that size, (left, top, right, bottom) in pixels, (1 + boxes, margins, 4)."""
        side = max(1, min(width, height) // 2)
        places = np.linspace(0, 1, self.n_boxes)
        left, top = (np.ravel(g) for g in np.meshgrid(places * (width - side), places * (height - side)))
        tight = np.stack([left, top, left + side, top + side], axis=1)
        whole = np.array([0, 0, width, height])
        margins = np.linspace(0, 1, self.n_margins)[None, :, None]
        grown = tight[:, None] * (1 - margins) + whole * margins
        return np.concatenate([np.broadcast_to(whole, (1, self.n_margins, 4)), grown]).round().astype(int)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self.owners_ = table.labels

    def _prepare(self, table: ClassTable) -> None:
        if self.k < 1:
            raise InputError(f"k is a number of classes, at least 1; got {self.k}")
        if self.proposals not in ("best", "own") or self.whole not in ("first", "mean"):
            raise InputError(
                f"proposals are best or own, whole is first or mean; got {self.proposals!r} and {self.whole!r}"
            )

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        plain, top, _, again = self._looked(X, table)
        return self.scale * with_top(plain, top, (np.take_along_axis(plain, top, axis=1) + again) / 2)

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason]:
        """The whole image and the box looked at for the answer; where the next label is looked at too, they add up."""
        (plain,), (top,), (box,), (again,) = self._looked(x, self.candidates_)
        at = dict(zip(top.tolist(), zip(box.tolist(), again.tolist(), strict=True), strict=True))
        reasons = [Reason(float(plain[best] - plain[other]) / 2)]
        if best in at:
            reasons.append(Reason((at[best][1] - at.get(other, (0, plain[other]))[1]) / 2, crop=(at[best][0], 0)))
        return reasons

    def _looked(self, X: np.ndarray, table: ClassTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cosines with the whole image (n, c); the likeliest classes (n, k), the box of each and the cosine with it."""
        crops, texts = unit_rows(X.astype(np.float64)), unit_rows(table.vectors)
        whole = crops[:, 0, 0] if self.whole == "first" else crops.mean(axis=(1, 2))
        plain = cosine(whole, texts)
        k = min(self.k, table.n_classes)
        top = np.argpartition(-plain, k - 1, axis=1)[:, :k]
        if self.proposals == "own":
            place = {label: row for row, label in enumerate(self.owners_.tolist())}
            lost = [label for label in table.labels.tolist() if label not in place]
            if lost or X.shape[1] != 1 + len(place):
                raise InputError(
                    f"every one of the {len(place)} classes fitted has a row of crops after the first; X has "
                    f"{X.shape[1]} rows" + (f", and class {lost[0]} has none" if lost else "")
                )
            box = np.array([1 + place[label] for label in table.labels.tolist()])[top]
        else:
            # The box of each ambiguous class: the tight crop (first margin) nearest to its text.
            box = np.einsum("nbd,nkd->nkb", crops[:, :, 0], texts[top]).argmax(axis=2)
        looked = unit_rows(crops.mean(axis=2))[np.arange(len(X))[:, None], box]
        return plain, top, box, np.einsum("nkd,nkd->nk", looked, texts[top])
