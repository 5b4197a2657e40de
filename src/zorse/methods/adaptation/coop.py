"""CoOp (IJCV 2022): the words in front of a class name are learned, the model stays as it is."""

from __future__ import annotations

from typing import Any

from zorse.core import Paper, Traits
from zorse.templates.prompt_learner import PromptLearner


class CoOp(PromptLearner):
    """Learn a context of word pieces, shared by all classes, from a few labelled image embeddings.

    Parameters
    ----------
    encoder : str, PromptEncoder or None
        What embedded the images, by the name that ``load_encoder`` takes (a name is
        needed to save the model). None:
        class vectors stand for words and the sum of words for a text tower, where nothing but embeddings is stored.
    n_context : int
        Learned word pieces M.
    init : str, optional
        Words that the context starts from, such as "a photo of a", in place of ``n_context`` random ones.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        ``context`` (M, t), for word pieces of length t.
    weights_ : ndarray of shape (c, d)
        Unit vector of each candidate's text.
    scale_ : float
    encoder_digest_ : str or None
        Of the text tower; another one is refused, also after loading.
    history_ : list of dict
        Mean loss of each epoch.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    With T the frozen text tower and V = [v_1, ..., v_M] learned, w_c = T([V, name of c]); cross-entropy of
    ``scale * cos(I, w_c)`` over the seen classes moves V alone. Image embeddings I are stored, so no image is encoded
    again, and the class texts of a step are one batch. New classes get the learned context before their own names.
    For a sigmoid model (SigLIP) the softmax is taken too; its bias is the same for all classes and drops out.

    Differs from the paper: images are not augmented, since their embeddings are stored; the rate has no warm-up epoch;
    the context stands before the name and is shared by all classes (the paper has both other forms too).

    Cost: fit O(epochs n / batch_size) passes of s short texts through the tower and back. Predict O(n c d).

    References
    ----------
    Zhou, Yang, Loy, Liu, Learning to Prompt for Vision-Language Models, IJCV 2022.
    """

    paper = Paper(
        title="Learning to Prompt for Vision-Language Models",
        authors="Kaiyang Zhou, Jingkang Yang, Chen Change Loy, Ziwei Liu",
        venue="IJCV",
        year=2022,
        url="https://arxiv.org/abs/2109.01134",
        aka=("CoOp", "Context Optimization", "prompt learning"),
        seed=None,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        encoder: Any = "mini",
        n_context: int = 16,
        init: str | None = None,
        scale: float | None = None,
        epochs: int = 200,
        batch_size: int = 32,
        lr: float = 0.002,
        weight_decay: float = 0.0005,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.n_context, self.init = n_context, init
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [{"encoder": None, "n_context": 4, "epochs": 3, "device": "cpu", "random_state": 0}]
