"""An index of images, opened: search by text, by image, and by both."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zorse.core.errors import InputError
from zorse.core.image import open_image
from zorse.search.query import Composer, LateFusion, Query
from zorse.search.table import COLUMNS, SHOWN, About, about, location, open_table, told, vectors_of

_SAMPLE = 2048  # rows that stand for the whole index


@dataclass(frozen=True, slots=True)
class Hit:
    """An image that was found.

    Attributes
    ----------
    path : str
        The image: a file, ``shard.tar/member`` or ``table.parquet#row``.
    score : float
        Cosine with the query; of a query of several parts, with the vector made of them.
    folder : str
        Folder, relative to the source that was indexed.
    labels : tuple of str
        What the source says the image shows.
    caption : str or None
    digest : str
        SHA-256 of the file's content; ``path:...`` where only its embedding was imported.
    bytes : int or None
        Size of the file's content.
    """

    path: str
    score: float
    folder: str = ""
    labels: tuple[str, ...] = ()
    caption: str | None = None
    digest: str = ""
    bytes: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"labels": list(self.labels)}


class ImageIndex:
    """Images by meaning. Made by :func:`zorse.search.build_index` or ``zorse index``; opened by :meth:`open`.

    Attributes
    ----------
    about : About
        Encoder and fingerprints, and how the table is searched.
    """

    def __init__(self, table: Any, where: str, encoder: Any = None, device: str = "auto"):
        self.table, self.where, self.device = table, where, device
        self.about: About = about(table)
        self._given = encoder

    @classmethod
    def open(cls, path: str | os.PathLike, *, encoder: Any = None, device: str = "auto") -> ImageIndex:
        """An index from its folder, or an address on object storage.

        Parameters
        ----------
        path : path or str
        encoder : str or DualEncoder, optional
            The model that made the index, by name or loaded; by default the one that the index names, which is loaded
            at the first question.
        device : str
            Where a model given by name runs.

        Raises
        ------
        InputError
            If there is no index, or ``encoder`` is not what made it: both fingerprints are told.
        MissingDependencyError
            If LanceDB is not installed.
        NotAvailableError
            If the files are damaged.
        """
        opened = cls(open_table(path), location(path), encoder, device)
        if encoder is not None:
            opened.encoder  # noqa: B018  a wrong encoder is found here, not at the first question
        return opened

    @cached_property
    def encoder(self) -> Any:
        """What reads texts and images."""
        encoder = self.about.model if self._given is None else self._given
        if isinstance(encoder, str | os.PathLike):
            from zorse.encoders import load_encoder

            encoder = load_encoder(os.fspath(encoder), device=self.device)
        refuse_other(self.about, encoder, self.where)
        return encoder

    def __len__(self) -> int:
        with told(self.where):
            return self.table.count_rows()

    def __repr__(self) -> str:
        return f"ImageIndex({len(self):,} images, model={self.about.model!r})"

    def search(
        self,
        text: str | None = None,
        image: Any = None,
        without: str | Sequence[str] | None = None,
        where: str | None = None,
        top_k: int = 10,
        *,
        composer: Composer | None = None,
    ) -> list[Hit]:
        """The images that fit best.

        Parameters
        ----------
        text : str, optional
            What is looked for; with ``image``, what is to be different about it.
        image : path, bytes, PIL.Image.Image or ndarray, optional
            What it looks like.
        without : str or sequence of str, optional
            What is not wanted.
        where : str, optional
            An SQL condition on the columns path, folder, labels, caption, bytes, digest, source and modified, such as
            ``"folder = 'beach'"`` or ``"array_has(labels, 'dog')"``. Only rows that meet it are searched.
        top_k : int
            At most this many hits.
        composer : Composer, optional
            What makes one vector of several parts; by default :class:`LateFusion`.

        Returns
        -------
        list of Hit
            Best first.

        Raises
        ------
        InputError
            If there is neither text nor image, an image can't be read, or ``where`` is no condition.
        CapabilityError
            If the model reads no text.
        """
        unwanted = () if without is None else (without,) if isinstance(without, str) else tuple(without)
        query = Query(text, None if image is None else open_image(image), unwanted)
        vector = (composer or LateFusion()).compose(query, self.encoder, self.sample)
        return self.nearest(vector, top_k, where)

    def nearest(self, vector: np.ndarray, k: int = 10, where: str | None = None, *, exact: bool = False) -> list[Hit]:
        """The ``k`` rows nearest to a unit vector (dim,).

        Below 100,000 rows every row is compared, and with ``exact`` always. From there on inverted lists are looked
        into, as many as were measured to find 95 % of the ten nearest; more where ``where`` leaves too few rows there.
        """
        vector = np.asarray(vector, dtype=np.float32)
        if vector.shape != (self.about.dim,):
            raise InputError(f"an index of vectors with {self.about.dim} numbers was asked with {vector.shape}")
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"a whole number of hits, at least one, must be asked for; got {k!r}")
        k = int(k)
        found = self._told(lambda: self._ask(vector, k, where, exact), where)
        columns = {name: found[name].to_pylist() for name in (*SHOWN, "_distance")}
        return [
            Hit(path, float(1 - distance), folder or "", tuple(labels or ()), caption, digest, size)
            for path, distance, folder, labels, caption, digest, size in zip(
                *(columns[name] for name in ("path", "_distance", "folder", "labels", "caption", "digest", "bytes"))
            )
        ]

    def _ask(self, vector: np.ndarray, k: int, where: str | None, exact: bool) -> Any:
        asked = self.table.search(vector, vector_column_name="embedding").distance_type("dot")
        asked = asked.select([*SHOWN, "_distance"]).limit(k)
        if where is not None:
            asked = asked.where(_enclosed(where), prefilter=True)
        if exact or not self.about.lists:
            asked = asked.bypass_vector_index()
        else:
            # Under a condition there is no upper limit: where it leaves too few rows in these lists, Lance goes on.
            limit = self.about.probes if where is None else 0
            asked = asked.minimum_nprobes(self.about.probes).maximum_nprobes(limit)
        return asked.to_arrow()

    def rows(self, columns: Sequence[str], where: str | None = None) -> Any:
        """Columns of all rows, or of those that meet a condition, as a ``pyarrow.Table``."""

        def read() -> Any:
            asked = self.table.search().select(list(columns))
            return (asked if where is None else asked.where(_enclosed(where))).to_arrow()

        return self._told(read, where)

    def _told(self, ask: Callable[[], Any], where: str | None) -> Any:
        text = where if isinstance(where, str) else ""
        if where is not None and (not text.strip() or ";" in re.sub(r"'[^']*'", "", text)):
            raise InputError(f"a condition is one SQL expression, such as folder = 'beach'; got {where!r}")
        try:
            return ask()
        except (RuntimeError, ValueError, OSError):
            # Files of an older version go when another process merges them. A second failure is meant.
            with told(self.where):
                self.table.checkout_latest()
        if where is None:
            with told(self.where):
                return ask()
        with told(self.where):
            self.table.search().select(["path"]).limit(1).to_arrow()
        try:
            return ask()
        except (RuntimeError, ValueError, OSError) as error:  # without the condition it answers
            reason = re.sub(r"^.*Invalid input, |,? ?/[^ ]*\.cargo[^ ]*", "", str(error)).strip()
            known = ", ".join(COLUMNS[:-1])
            raise InputError(f"cannot use the condition {where!r} ({reason}); columns are {known}") from error

    def sample(self) -> np.ndarray:
        """Vectors of rows drawn from all over the index, (m, dim); read once."""
        return self._sample

    @cached_property
    def _sample(self) -> np.ndarray:
        rows = len(self)
        drawn = np.sort(np.random.default_rng(0).choice(rows, min(rows, _SAMPLE), replace=False))
        if not rows:
            return np.empty((0, self.about.dim), np.float32)
        with told(self.where):
            return vectors_of(self.table.take_offsets(drawn.tolist()).select(["embedding"]).to_arrow())


def _enclosed(where: str) -> str:
    # LanceDB reads one expression and leaves out what follows it; a parenthesis must be closed. A comment ends before.
    return f"({where}\n)"


def refuse_other(made: About, encoder: Any, where: str) -> None:
    """Raise InputError unless ``encoder`` is what made an index."""
    pairs = [(made.fingerprint, encoder.fingerprint)]
    if made.text_fingerprint and getattr(encoder, "text_fingerprint", ""):
        pairs.append((made.text_fingerprint, encoder.text_fingerprint))
    for mine, theirs in pairs:
        if mine != theirs:
            raise InputError(
                f"the index {where} was made by the model {made.model!r} with fingerprint {mine[:16]}, which is not "
                f"{encoder.name!r} with fingerprint {theirs[:16]}; weights or preprocessing differ"
            )
