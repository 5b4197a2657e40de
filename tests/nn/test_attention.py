import numpy as np
import torch

from zorse.nn.attention import attend

RNG = torch.Generator().manual_seed(0)


def test_attention_written_as_loops():
    queries, keys, values = (torch.randn(*shape, generator=RNG).double() for shape in ((2, 3, 5), (2, 4, 5), (2, 4, 6)))
    means, weights = attend(queries, keys, values)
    assert means.shape == (2, 3, 6)
    for b in range(2):
        for q in range(3):
            looks = np.array([float(queries[b, q] @ keys[b, p]) / 5**0.5 for p in range(4)])
            share = np.exp(looks) / np.exp(looks).sum()
            np.testing.assert_allclose(weights[b, q], share)
            np.testing.assert_allclose(means[b, q], sum(share[p] * values[b, p] for p in range(4)))


def test_queries_may_be_shared_by_all_samples():
    queries, keys, values = (torch.randn(*shape, generator=RNG) for shape in ((3, 5), (2, 4, 5), (2, 4, 6)))
    for ours, theirs in zip(attend(queries, keys, values), attend(queries.expand(2, 3, 5), keys, values), strict=True):
        torch.testing.assert_close(ours, theirs)
