"""Classifiers over the embedding of every prompt of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from zorse.core import ClassTable, InputError, Traits, ZeroShotClassifier

if TYPE_CHECKING:
    from zorse.encoders.protocols import TextEncoder
    from zorse.encoders.store import EmbeddingStore


class PromptedClassifier(ZeroShotClassifier):
    """Reads ``ClassTable.prompts``; nothing is learned, and without a table the samples of a class are its prompts.

    A method that wants other texts than templates and descriptions overrides :meth:`describe`.

    Attributes
    ----------
    default_templates : str
        The set of templates that speaks for classes where the user names neither templates nor descriptions.
    """

    traits = Traits(trained=False, aligned_space=True)
    default_templates: ClassVar[str] = "ensemble"

    def describe(
        self,
        labels,
        encoder: TextEncoder,
        *,
        templates=None,
        descriptions=None,
        store: EmbeddingStore | None = None,
    ) -> ClassTable:
        """The class table of some names, made of the texts that this method asks for.

        Parameters
        ----------
        labels, encoder, templates, descriptions, store
            As of :func:`zorse.semantics.class_table`; what ``descriptions`` hold is the method's affair.
        """
        from zorse.semantics import class_table

        if templates is None and descriptions is None:
            templates = self.default_templates
        return class_table(labels, encoder, templates=templates, descriptions=descriptions, store=store)

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        return table_of_samples(super()._table_of(X, y), X, y)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _prompts(self, table: ClassTable) -> tuple[np.ndarray, ...]:
        """The prompts of the classes, or an error that says how to get them."""
        if table.prompts is None:
            name = type(self).__name__
            raise InputError(
                f"{name} needs the embedding of every prompt of a class, and the class table has no prompts; "
                f"build it with {name}().describe(labels, encoder), or use CLIP, which needs class vectors only"
            )
        return table.prompts


def table_of_samples(table: ClassTable, X: np.ndarray, y: np.ndarray) -> ClassTable:
    """The table with samples (n, ..., d) of a class as its prompts: what one without a description is described by."""
    prompts = tuple(X[y == label].reshape(-1, X.shape[-1]) for label in table.labels)
    return ClassTable(table.labels, table.vectors, prompts=prompts)
