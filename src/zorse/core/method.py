"""What every zero-shot method has, whatever it predicts."""

from __future__ import annotations

from copy import copy
from typing import ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.paper import Paper
from zorse.core.traits import Traits


class ZeroShotMethod:
    """A paper's card, its traits, and a label space that can be exchanged after training.

    Attributes
    ----------
    paper : Paper
    traits : Traits
    expected_failures : dict of str to str
        Contract checks this method can't keep, with the reason; they run as strict xfail.
    candidates_ : ClassTable
        The label space that is answered over.
    classes_ : ndarray of shape (c,)
        Its labels, in column order.
    """

    paper: ClassVar[Paper]
    traits: ClassVar[Traits] = Traits()
    expected_failures: ClassVar[dict[str, str]] = {}
    candidates_: ClassTable

    def with_candidates(self, classes) -> Self:
        """The same fitted model answering over another label space; ``self`` stays as it is.

        Parameters
        ----------
        classes : ClassTable or array-like of labels
            New classes with their vectors, or labels among the present candidates.
        """
        check_is_fitted(self)
        table = classes if isinstance(classes, ClassTable) else self.candidates_.select(classes)
        return copy(self)._offer(table)

    def _offer(self, table: ClassTable) -> Self:
        d = getattr(self, "n_features_in_", table.n_semantics)
        if self.traits.aligned_space and table.n_semantics != d:
            raise InputError(
                f"{type(self).__name__} compares samples and class vectors in one space; samples have "
                f"{d} features, class vectors {table.n_semantics}"
            )
        self.candidates_, self.classes_ = table, table.labels
        self._prepare(table)
        return self

    def _prepare(self, table: ClassTable) -> None:
        """Get ready to answer over ``table``: assign attributes, never edit one in place. Most methods need nothing."""

    @classmethod
    def example_params(cls) -> list[dict]:
        """Constructor arguments that make the method small and fast enough for the contract checks."""
        return [{}]
