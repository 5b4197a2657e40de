"""Texts become batches of tokens, the way each family of text towers was trained."""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zorse.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Padding = Literal["causal", "masked", "full"]
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def lower_case(text: str) -> str:
    """SigLIP 2 was trained on lower case; the tokenizer class its checkpoints name does not see to it."""
    return text.lower()


def canonical(text: str) -> str:
    """SigLIP was trained on lower case without punctuation and with single spaces."""
    return re.sub(r"\s+", " ", text.lower().translate(_NO_PUNCTUATION)).strip()


class TextBatches:
    """Tokenises texts and batches them by length.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
    length : int
        How many tokens the tower takes.
    padding : {"causal", "masked", "full"}
        ``"causal"``: a token sees only those before it and the end token is read, so what follows the end changes
        nothing: batches end with their longest text, without a mask. ``"masked"``: the same, with an attention mask.
        ``"full"``: the tower was trained on texts padded to ``length`` and reads the last position.
    clean : callable, optional
        Applied to every text first.
    """

    def __init__(self, tokenizer: Any, length: int, padding: Padding, clean: Callable[[str], str] | None = None):
        self.tokenizer = tokenizer
        self.length = length
        self.padding = padding
        self.clean = clean
        tokenizer.padding_side = "right"  # a class default of some tokenizers is left, which no tower was trained on
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token

    def __repr__(self) -> str:
        clean = getattr(self.clean, "__name__", None)
        return f"TextBatches(length={self.length}, padding={self.padding!r}, clean={clean})"

    def __call__(self, texts: Sequence[str], batch_size: int) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
        """Batches of (positions (b,), inputs for the tower); each position of ``texts`` occurs once.

        Warns
        -----
        UserWarning
            Once, naming the first text that is too long and is cut.
        """
        tokens = self.tokens(texts)
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield rows, self.padded([tokens[i] for i in rows])

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text with those of start and end, at most ``length`` of them; warns as a call does."""
        cleaned = [self.clean(text) for text in texts] if self.clean else list(texts)
        tokens = self.tokenizer(cleaned, verbose=False)["input_ids"]
        long = [i for i, ids in enumerate(tokens) if len(ids) > self.length]
        if long:
            more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
            warnings.warn(
                f"text {texts[long[0]]!r}{more} has {len(tokens[long[0]])} tokens; "
                f"the text tower takes {self.length}, the rest is cut",
                stacklevel=5,
            )
            cut = self.tokenizer([cleaned[i] for i in long], truncation=True, max_length=self.length)["input_ids"]
            for i, ids in zip(long, cut):
                tokens[i] = ids
        return tokens

    def padded(self, tokens: Sequence[list[int]]) -> dict[str, Tensor]:
        """One batch of inputs for the tower, no longer than it has to be."""
        full = {"padding": "max_length", "max_length": self.length} if self.padding == "full" else {"padding": True}
        return dict(
            self.tokenizer.pad(
                {"input_ids": list(tokens)},
                return_attention_mask=self.padding == "masked",
                return_tensors="pt",
                verbose=False,
                **full,
            )
        )


def distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The texts without repetitions, and for each text the row of its first occurrence.

    Raises
    ------
    InputError
        If something is not a string, or a single string was given for a list.
    """
    if isinstance(texts, str):
        raise InputError(f"expected a list of texts, got one string; write [{texts[:30]!r}]")
    rows: dict[str, int] = {}
    positions = np.empty(len(texts), dtype=np.intp)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {i} is {type(text).__name__}, expected str")
        positions[i] = rows.setdefault(text, len(rows))
    return list(rows), positions


def check_length(found: int, most: int, context: int, name: str) -> None:
    """Refuse a text that a learned context of ``context`` word pieces makes longer than the tower takes."""
    if found > most:
        raise InputError(
            f"{context} learned word pieces and the name {name!r} make {found}; the text tower takes {most}; "
            "learn a shorter context"
        )
