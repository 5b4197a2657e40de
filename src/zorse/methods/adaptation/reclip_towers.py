"""ReCLIP's second part (WACV 2024): both towers' normalisation layers learn from labels that both agree on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.propagation import spread_from_texts, telling_directions
from zorse.nn.vectors import class_sums, unit_rows
from zorse.templates import EncoderTrainer, Lesson


class ReCLIPTowers(EncoderTrainer):
    """Adapt an encoder to unlabelled images and class names: labels spread, both towers learn those they agree on.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    template : str, default="a photo of a {}"
        Prompt of a class.
    k, alpha : int, float, default=20, 0.99
        Links of a node, and how far labels spread.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=5, 64, 1e-3, 1e-4
        Of SGD with momentum 0.9; before every epoch labels are spread anew.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling.

    Attributes
    ----------
    encoder_ : TrainableEncoder
        Both towers adapted.
    start_ : TrainableEncoder
        As it was.
    labels_ : ndarray of shape (c,)
    texts_, centroids_ : ndarrays of shape (c, d)
        Class vectors of the two models: texts by the adapted text tower, for images as they were; means of each text as
        it was and the images of its pseudo-label by the adapted image tower.
    table_ : ClassTable
        The centroids, to be compared with what ``encoder_`` makes of images (the paper's ReCLIP-V).
    agreed_ : list of float
        Share of the images whose label both models agreed on, an entry an epoch.
    scale_ : float
    history_ : list of dict

    Notes
    -----
    ``fit(images, texts=names)`` takes the names of the classes; labels are not asked for. Two models share nothing but
    their pseudo-labels: T moves the text tower alone and sees images as they were, V moves the image tower alone and
    compares images with centroids. Before each epoch labels are spread from the texts along a graph of each model's
    vectors, as in :mod:`zorse.methods.adaptation.reclip`; images on which both agree teach both by cross-entropy. What
    moves is the weights of normalisation layers; in a tower that has none, biases. :meth:`predict` adds both models'
    scores.

    Differs from the paper: the step falls to 0 along a cosine; losses are averaged over the batch once, where
    the released code divides V's by the sum of confidences again.

    Cost: O(epochs (m + c)^2 d) for the graphs, and O(epochs m) passes of images through the tower and back.

    References
    ----------
    Hu, Zhang, Xia, Chen, Luo, Sun, Wang, Qiao, Zeng, Sun, Kuo, Nevatia. ReCLIP: Refine Contrastive Language Image
    Pre-training with Source Free Domain Adaptation. WACV 2024.
    """

    paper = Paper(
        title="ReCLIP: Refine Contrastive Language Image Pre-training with Source Free Domain Adaptation",
        authors="Xuefeng Hu, Ke Zhang, Lu Xia, Albert Chen, Jiajia Luo, Yuyin Sun, Ken Wang, Nan Qiao, Xiao Zeng, "
        "Min Sun, Cheng-Hao Kuo, Ram Nevatia",
        venue="WACV",
        year=2024,
        url="https://arxiv.org/abs/2308.03793",
        aka=("ReCLIP-T and ReCLIP-V", "cross-modality self-learning"),
        seed=144,
    )
    needs = ("names",)
    expected_failures: ClassVar[dict[str, str]] = {
        "check_labels_that_do_not_fit_are_refused": "texts are the names of classes, which belong to no image"
    }

    def __init__(
        self,
        encoder: Any = "mini",
        template: str = "a photo of a {}",
        k: int = 20,
        alpha: float = 0.99,
        epochs: int = 5,
        batch_size: int = 64,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.template, self.k, self.alpha = encoder, template, k, alpha
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    def _read(self, n: int, y: Any, texts: Any) -> tuple[np.ndarray, Tensor, list[str], list[Tensor]]:
        if n == 0 or texts is None or isinstance(texts, str) or len(set(texts)) < 2:
            raise InputError("ReCLIPTowers needs images, and as texts the names of at least two classes")
        labels = np.unique(list(texts))
        return labels, torch.full((n,), -1), [self.template.format(name) for name in labels.tolist()], []

    def _trained(self, encoder: Any, named: dict[str, Tensor]) -> Sequence[str]:
        chosen = []
        for tower in ("image", "text"):
            parts = [(part, module) for part, module in encoder.modules.items() if part.startswith(tower)]
            norms = [
                f"{part}.{name}.{weight}"
                for part, module in parts
                for name, layer in module.named_modules()
                if isinstance(layer, nn.LayerNorm | nn.BatchNorm2d | nn.GroupNorm)
                for weight, _ in layer.named_parameters(recurse=False)
            ]
            chosen += norms or [name for name in named if name.startswith(tower) and name.endswith("bias")]
        return chosen

    def _optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, lr=self.lr, momentum=0.9, weight_decay=self.weight_decay)

    def _begin(self, lesson: Lesson) -> None:
        lesson.more["x"] = self._seen(lesson.start, lesson)
        self.agreed_: list[float] = []

    def _seen(self, encoder: Any, lesson: Lesson) -> Tensor:
        """Unit vectors (n, d) of all images as ``encoder`` sees them."""
        with torch.no_grad():
            blocks = torch.arange(len(lesson.y)).split(64)
            return torch.cat([encoder.pixel_vectors(lesson.pixels(rows)) for rows in blocks])

    def _each_epoch(self, lesson: Lesson) -> None:
        """Spread labels in both models; -1 where they differ."""
        with torch.no_grad():
            texts = lesson.texts(lesson.captions).double().cpu().numpy()
        start = unit_rows(lesson.start.encode_text(lesson.captions).astype(float))
        v = self._seen(lesson.encoder, lesson).double().cpu().numpy()
        by_text = self._spread(texts, lesson.more["x"].double().cpu().numpy())
        by_image = self._spread(start, v)
        agree = by_text == by_image
        self.agreed_.append(float(agree.mean()))
        lesson.y = torch.as_tensor(np.where(agree, by_text, -1), device=lesson.y.device)
        self.centroids_ = unit_rows(start + class_sums(v, by_image, len(start)))
        lesson.more["centroids"] = torch.as_tensor(self.centroids_, dtype=torch.float32, device=lesson.y.device)

    def _spread(self, texts: np.ndarray, images: np.ndarray) -> np.ndarray:
        basis = telling_directions(texts)
        texts, images = unit_rows(texts @ basis), unit_rows(images @ basis)
        return spread_from_texts(texts, images, self.k, self.alpha, 1e-6).argmax(axis=1)

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        known = rows[(lesson.y[rows] >= 0).cpu()]
        texts = lesson.texts(lesson.captions)
        x = lesson.images(known) if len(known) else None
        if x is None:
            return (texts * 0).sum() + (lesson.images(rows[:1]) * 0).sum()
        y = lesson.y[known]
        by_text = nn.functional.cross_entropy(lesson.scale * lesson.more["x"][known] @ texts.T, y)
        return by_text + nn.functional.cross_entropy(lesson.scale * x @ lesson.more["centroids"].T, y)

    def _end(self, lesson: Lesson) -> None:
        self.labels_, self.start_ = lesson.labels, lesson.start
        self.texts_ = lesson.encoder.encode_text(lesson.captions).astype(float)
        self.table_ = ClassTable(self.labels_, self.centroids_)

    def decision_function(self, images: Iterable) -> np.ndarray:
        """Mean score of both models, (n, c)."""
        images = list(images)
        by_text = self.start_.encode_images(images) @ self.texts_.T
        return self.scale_ * (by_text + self.encoder_.encode_images(images) @ self.centroids_.T) / 2

    def predict(self, images: Iterable) -> np.ndarray:
        """The class of each image."""
        return self.labels_[self.decision_function(images).argmax(axis=1)]

    @classmethod
    def example_texts(cls, y):
        """The names of the colours."""
        return sorted(set(y.tolist()))
