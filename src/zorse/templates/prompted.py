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
    described_by : str
        What descriptions hold, of a method that without them is no more than CLIP; empty for the others.
    weighs_prompts : bool
        Whether the method is no more than CLIP where every class has one prompt.
    by_prompts : bool
        Whether the prompts of a class are what decides, so that the nearest of them explain an answer.
    """

    traits = Traits(trained=False, aligned_space=True)
    default_templates: ClassVar[str] = "ensemble"
    described_by: ClassVar[str] = ""
    weighs_prompts: ClassVar[bool] = False
    by_prompts: ClassVar[bool] = True

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

        Raises
        ------
        InputError
            If what makes the method more than CLIP is missing: descriptions, or a second prompt.
        """
        from zorse.semantics import class_table

        name = type(self).__name__
        if descriptions is None and self.described_by:
            raise InputError(
                f"{name} reads {self.described_by}, and no descriptions are given; write a JSON file of them, or let "
                "zorse describe write it, for --descriptions FILE. Templates alone are --method clip"
            )
        if templates is None and descriptions is None:
            templates = self.default_templates
        return self._weighed(class_table(labels, encoder, templates=templates, descriptions=descriptions, store=store))

    def _weighed(self, table: ClassTable) -> ClassTable:
        """The table, refused where there is nothing to weigh."""
        if self.weighs_prompts and max(map(len, self._prompts(table))) == 1:
            raise InputError(
                f"{type(self).__name__} weighs the prompts of a class, and each class has one; give several, such as "
                "--templates ensemble. One alone is --method clip"
            )
        return table

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
                f"build it with {name}().describe(labels, encoder{', descriptions=...' if self.described_by else ''}), "
                "or use CLIP, which needs class vectors only"
            )
        return table.prompts


def table_of_samples(table: ClassTable, X: np.ndarray, y: np.ndarray) -> ClassTable:
    """The table with samples (n, ..., d) of a class as its prompts: what one without a description is described by."""
    prompts = tuple(X[y == label].reshape(-1, X.shape[-1]) for label in table.labels)
    return ClassTable(table.labels, table.vectors, prompts=prompts)
