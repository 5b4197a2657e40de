"""What better class vectors could bring at most: those that the images themselves give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.utils import check_random_state

from zorse.core import InputError, Paper, implements
from zorse.data import ZeroShotTask


@implements(
    Paper(
        title="An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object Recognition in the Wild",
        authors="Wei-Lun Chao, Soravit Changpinyo, Boqing Gong, Fei Sha",
        venue="ECCV",
        year=2016,
        url="https://arxiv.org/abs/1605.04253",
        aka=("idealised semantic embeddings", "G-attr", "AUSUC"),
        seed=37,
    )
)
def idealised_task(task: ZeroShotTask, share: float = 0.5, random_state=0) -> ZeroShotTask:
    """The task with class vectors that images give: the mean feature of each class, an upper bound for descriptions.

    Parameters
    ----------
    task : ZeroShotTask
    share : float
        Part of the samples of every unseen class that its mean is taken of, in (0, 1); they leave the test.
    random_state : int, RandomState or None

    Returns
    -------
    ZeroShotTask
        Seen classes have the mean of their training samples. Compare with ``replace(task, test_unseen_index=...)`` of
        the same index, so that both are tested on the same samples.

    Raises
    ------
    InputError
        If ``share`` is not in (0, 1), or an unseen class has fewer than two samples.

    Notes
    -----
    What a method reaches with these vectors is what it could reach if classes were described as well as images can;
    the distance from its result with attributes or word vectors is what the description costs (Section 5 of the
    paper). Methods that need class vectors of a fixed meaning (binary attributes) have no use for them.

    Cost: O(n d).

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild", ECCV 2016.
    """
    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1; got {share}")
    rng = check_random_state(random_state)
    (X, y), table = task.train, task.classes
    means = {label: X[y == label].mean(axis=0) for label in task.seen}
    kept = []
    for label in task.unseen:
        own = rng.permutation(task.test_unseen_index[task.test_unseen[1] == label])
        if len(own) < 2:
            raise InputError(f"class {label!s} has one test sample; its mean would be the sample to be tested")
        n = min(len(own) - 1, max(1, round(share * len(own))))
        means[label] = task.X[own[:n]].mean(axis=0)
        kept.append(own[n:])
    known = table.select([label for label in table.labels if label in means])
    vectors = np.stack([means[label] for label in known.labels])
    return replace(
        task,
        classes=replace(known, vectors=vectors, prompts=None, views=None),
        test_unseen_index=np.sort(np.concatenate(kept)),
        name=f"{task.name}, idealised",
    )
