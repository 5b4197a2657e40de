"""What methods share that move the weights of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import normalize

from zorse.core import ClassTable, InputError, Paper, Traits, open_image, resolve_device, seeded
from zorse.core.errors import CapabilityError
from zorse.encoders import load_encoder
from zorse.training import Clock, MiniBatches, Turn, between, chosen, follow, rate_groups, train, warm_cosine

CACHE = 2**30  # bytes of preprocessed pixels that are kept; more are read again whenever they are drawn


@dataclass(eq=False)
class Lesson:
    """What the loss of one fit needs: the encoder in training, the one it started from, and vectors of rows.

    Attributes
    ----------
    encoder, start : TrainableEncoder
        The copy whose weights move, and the one given.
    scale : float
        What cosines are multiplied by.
    labels : ndarray of shape (c,)
        Distinct labels, where there are some.
    y : Tensor of shape (n,)
        Their numbers, -1 where there are none.
    captions : list of str
        Every text once.
    of_image : list of n LongTensors
        The captions of each image; maybe none.
    rates : mapping of str to float
        Factors of the learning rate by pattern; a method may add to them before training.
    more : dict
        What a method keeps for its loss; Parameters among it are trained with the encoder.
    """

    encoder: Any
    start: Any
    scale: float
    labels: np.ndarray
    y: Tensor
    captions: list[str]
    of_image: list[Tensor]
    pixels: Callable[[Tensor], Tensor]
    fixed_images: Tensor | None = None
    fixed_texts: dict[str, Tensor] | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def images(self, rows: Tensor) -> Tensor:
        """Unit vectors (b, d) of these images; looked up where the image tower is frozen."""
        if self.fixed_images is not None:
            return self.fixed_images[rows]
        return self.encoder.pixel_vectors(self.pixels(rows))

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (t, d) of these texts, each encoded once; kept where the text tower is frozen."""
        once = list(dict.fromkeys(texts))
        at = {text: i for i, text in enumerate(once)}
        if self.fixed_texts is None:
            vectors = self.encoder.text_vectors(once)
        else:
            new = [text for text in once if text not in self.fixed_texts]
            with torch.no_grad():
                self.fixed_texts |= dict(zip(new, self.encoder.text_vectors(new) if new else ()))
            vectors = torch.stack([self.fixed_texts[text] for text in once])
        return vectors[torch.tensor([at[text] for text in texts], device=vectors.device)]

    def drawn(self, rows: Tensor) -> list[str]:
        """A caption of each of these images, drawn anew at every call."""
        own = [self.of_image[row] for row in rows.tolist()]
        return [self.captions[int(few[torch.randint(len(few), ())])] for few in own]


class EncoderTrainer(BaseEstimator, ABC):
    """Images, and labels or captions, in; an encoder with other weights out, for use wherever an encoder is.

    A method writes ``_loss``, and ``_begin``, ``_each_epoch`` and ``_end`` where it needs to. Constructor parameters
    that every method declares: ``encoder`` (a name for ``load_encoder``, or one), ``epochs``, ``batch_size``, ``lr``,
    ``random_state``, ``device``; any of those below with a default here may be declared too. Dropout and normalisation
    stay as in use.

    Attributes
    ----------
    encoder_ : TrainableEncoder
        The trained one; that given is left alone.
    scale_ : float
        What its cosines are multiplied by.
    history_ : list of dict
        Mean loss, an entry an epoch.
    table_ : ClassTable or None
        Class vectors that were learned beside the encoder; None where names alone describe classes.
    """

    paper: ClassVar[Paper]
    table_: ClassTable | None = None
    traits: ClassVar[Traits] = Traits(takes="images", learns_unseen=False)
    expected_failures: ClassVar[dict[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ("texts",)  # of y, texts, and names: texts that are those of classes
    some_captions: ClassVar[bool] = False  # True: an image may have none

    encoder: Any
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.0
    random_state: Any
    device: str
    frozen: Sequence[str] = ()
    rates: Mapping[str, float] | None = None
    warmup: float = 0.0
    ema: float | None = None
    ensemble: float = 1.0
    parts: int = 1
    amp: bool = False
    most: float | None = None

    def fit(self, images: Iterable, y=None, texts=None) -> Self:
        """Train a copy of the encoder.

        Parameters
        ----------
        images : image source or iterable of n images
            Paths, bytes, PIL images, arrays, or what :func:`zorse.data.find_images` yields.
        y : array-like of shape (n,), optional
            Labels, for methods that learn from them.
        texts : sequence of n str or of n lists of str, or dict of label to list of str, optional
            Captions: of each image, or of each label.

        Raises
        ------
        InputError
            If what the method needs is missing, or lengths differ.
        CapabilityError
            If the encoder has no text tower, or can't be trained.
        """
        if self.epochs < 0 or self.batch_size < 1 or self.parts < 1 or not 0 <= self.ensemble <= 1:
            raise InputError(
                f"{type(self).__name__} needs epochs of at least 0, batch_size and parts of at least 1, and ensemble "
                f"between 0 and 1; got {self.epochs}, {self.batch_size}, {self.parts} and {self.ensemble}"
            )
        sources = list(images)
        device = resolve_device(self.device)
        start: Any = load_encoder(self.encoder, device=str(device)) if isinstance(self.encoder, str) else self.encoder
        self.check(start)
        labels, target, captions, of_image = self._read(len(sources), y, texts)
        with seeded(self.random_state) as generator:
            encoder = start.duplicate()
            named = weights_of(encoder)
            moving = chosen(named, self._frozen(encoder, named), self._trained(encoder, named))
            for name, p in named.items():
                p.requires_grad_(name in moving)
            scale, pixels = float(start.logit_scale), _pixels(sources, encoder)
            lesson = Lesson(encoder, start, scale, labels, target.to(device), captions, of_image, pixels)
            if all(name.startswith("text") for name in moving):
                lesson.fixed_images = _encoded(lesson, len(sources))
            if all(name.startswith("image") for name in moving):
                lesson.fixed_texts = {}
            lesson.rates = dict(self.rates or {})
            self._begin(lesson)
            self._train(lesson, moving, len(sources), generator)
            named = weights_of(encoder)
            if self.ensemble != 1:
                between(weights_of(start).values(), named.values(), self.ensemble)
            for p in named.values():
                p.requires_grad_(False)
            encoder.changed()
            self._end(lesson)
        self.encoder_, self.scale_ = encoder, lesson.scale
        return self

    def save(self, folder: str | Path) -> None:
        """Write the trained encoder to a folder that ``load_encoder``, and so every command, reads."""
        check_is_fitted(self, "encoder_")
        self.encoder_.save(Path(folder))

    def check(self, encoder: Any) -> None:
        """Refuse an encoder that can't be trained.

        Raises
        ------
        CapabilityError
            If it has no text tower, or no weights that can move.
        """
        name = type(self).__name__
        if not hasattr(encoder, "text_fingerprint"):
            raise CapabilityError(f"{name} trains images and texts together; {encoder.name} has no text tower")
        if not hasattr(encoder, "duplicate"):
            raise CapabilityError(f"{name} can't train {encoder.name}; mini and models of transformers can be trained")

    @classmethod
    def example_params(cls) -> list[dict]:
        """Two epochs."""
        return [{"epochs": 2, "batch_size": 6, "lr": 1e-2, "device": "cpu", "random_state": 0}]

    @classmethod
    def example_texts(cls, y: np.ndarray) -> Any:
        """Captions of pictures of colours ``y``, for the contract checks."""
        return [f"a {name} square" for name in y.tolist()] if "texts" in cls.needs else None

    @abstractmethod
    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        """Scalar loss of the images with these numbers."""

    def _begin(self, lesson: Lesson) -> None:
        """Get ready: Parameters put into ``lesson.more`` are trained as well."""

    def _each_epoch(self, lesson: Lesson) -> None:
        """Look at the encoder as it is before each epoch."""

    def _end(self, lesson: Lesson) -> None:
        """Keep what was learned beside the encoder."""

    def _frozen(self, encoder: Any, named: dict[str, Tensor]) -> Sequence[str]:
        """Patterns of weights that stay; their names begin with ``image.`` or ``text.``."""
        return self.frozen

    def _trained(self, encoder: Any, named: dict[str, Tensor]) -> Sequence[str]:
        """Patterns of weights that may move."""
        return ("*",)

    def _optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, lr=self.lr, weight_decay=self.weight_decay)

    def _train(self, lesson: Lesson, moving: dict[str, Tensor], n: int, generator: torch.Generator) -> None:
        heads = {f"more.{k}": p for k, p in lesson.more.items() if isinstance(p, torch.nn.Parameter)}
        average = {} if self.ema is None else {name: p.detach().clone() for name, p in moving.items()}

        followed, epoch = 0, -1

        def loss(batch: tuple[Tensor], clock: Clock) -> Tensor:
            nonlocal followed, epoch
            if clock.epoch != epoch:
                epoch = clock.epoch
                self._each_epoch(lesson)
            if average and clock.step != followed:  # once a step, whatever the number of parts
                followed = clock.step
                follow(average.values(), moving.values(), float(self.ema or 0))
            return self._loss(lesson, batch[0])

        groups = rate_groups(moving | heads, self.lr, lesson.rates)
        params = [p for group in groups for p in group["params"]]
        turn = Turn(
            type(self).__name__.lower(),
            loss,
            params,
            lambda _: self._optimizer(groups),
            rate=warm_cosine(self.warmup),
            parts=self.parts,
            amp=self.amp,
            most=self.most,
            keeps=average.values(),
        )
        batches = MiniBatches(torch.arange(n), size=self.batch_size, generator=generator)
        self.history_ = train([turn], batches, epochs=self.epochs)
        if average:
            follow(average.values(), moving.values(), float(self.ema or 0))
            between(average.values(), moving.values(), 0.0)

    def _read(self, n: int, y: Any, texts: Any) -> tuple[np.ndarray, Tensor, list[str], list[Tensor]]:
        """Labels, their number for each image, every caption once, and which belong to each image."""
        name = type(self).__name__
        for what, given in (("y", y), ("texts", texts)):
            if what in self.needs and given is None:
                raise InputError(f"{name} learns from {' and '.join(self.needs)}; {what} is missing")
        if n == 0:
            raise InputError(f"{name} needs images; there are none")
        labels, target = np.empty(0, dtype=np.str_), np.full(n, -1)
        if y is not None:
            if len(y) != n:
                raise InputError(f"{name}: {n} images, but {len(y)} labels")
            labels, target = np.unique(np.asarray(y), return_inverse=True)
        if texts is None:
            return labels, torch.as_tensor(target), [], []
        if isinstance(texts, Mapping):
            if y is None:
                raise InputError(f"{name}: texts are by label, so y is needed too")
            lost = [label for label in labels.tolist() if not texts.get(label)]
            if lost:
                raise InputError(
                    f"{name}: no text for {lost[0]!r}" + (f" and {len(lost) - 1} more" if lost[1:] else "")
                )
            told = [texts[label] for label in labels.tolist()]
            own = [[told[i]] if isinstance(told[i], str) else list(told[i]) for i in target]
        else:
            own = [[text] if isinstance(text, str) else list(text or ()) for text in texts]
        if len(own) != n or not (all(own) or (self.some_captions and any(own))):
            raise InputError(f"{name}: {n} images, but captions for {sum(map(bool, own))}")
        at: dict[str, int] = {}
        of_image = [torch.tensor([at.setdefault(text, len(at)) for text in few]) for few in own]
        return labels, torch.as_tensor(target), list(at), of_image


class HeadTrainer(EncoderTrainer):
    """An image tower and a classifier over it, which starts as the texts of the classes, trained by cross-entropy.

    Declares ``templates`` beside the parameters of :class:`EncoderTrainer`.

    Attributes
    ----------
    table_ : ClassTable
        The classifier: a row a label, to be used as class vectors with ``encoder_``.
    """

    needs = ("y",)
    templates: Sequence[str] | None

    def _frozen(self, encoder: Any, named: dict[str, Tensor]) -> Sequence[str]:
        return [name for name in named if not name.startswith("image")]

    def _begin(self, lesson: Lesson) -> None:
        templates = self.templates or ("a photo of a {}",)
        prompts = [template.format(label) for label in lesson.labels.tolist() for template in templates]
        with torch.no_grad():
            T = lesson.texts(prompts).unflatten(0, (len(lesson.labels), len(templates))).mean(dim=1)
        lesson.more["named"] = normalize(T, dim=1)
        lesson.more["head"] = torch.nn.Parameter(lesson.more["named"].clone())

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        logits = lesson.scale * lesson.images(rows) @ normalize(lesson.more["head"], dim=1).T
        return torch.nn.functional.cross_entropy(logits, lesson.y[rows])

    def _end(self, lesson: Lesson) -> None:
        head = torch.lerp(lesson.more["named"], lesson.more["head"].detach(), self.ensemble)
        self.table_ = ClassTable(lesson.labels, normalize(head, dim=1).double().cpu().numpy())


def weights_of(encoder: Any) -> dict[str, Tensor]:
    """Every weight of an encoder, by names that begin with its tower."""
    return {f"{part}.{name}": p for part, module in encoder.modules.items() for name, p in module.named_parameters()}


def _pixels(sources: list[Any], encoder: Any) -> Callable[[Tensor], Tensor]:
    """Preprocessed pixels of rows; kept where there is room."""
    height, width = encoder.image_size

    def read(row: int) -> Tensor:
        source = sources[row]
        return encoder.preprocess(open_image(source.read() if hasattr(source, "label_hint") else source))

    if 12 * height * width * len(sources) > CACHE:
        return lambda rows: torch.stack([read(row) for row in rows.tolist()])
    kept = torch.stack([read(row) for row in range(len(sources))])
    return lambda rows: kept[rows]


@torch.no_grad()
def _encoded(lesson: Lesson, n: int, size: int = 64) -> Tensor:
    return torch.cat([lesson.encoder.pixel_vectors(lesson.pixels(rows)) for rows in torch.arange(n).split(size)])
