import numpy as np
import pytest
import torch
from scipy.special import ive
from scipy.stats import kstest, vonmises_fisher

from zorse.core import seeded
from zorse.nn.sphere import draw_von_mises_fisher


def drawn(mean, kappa, n, seed=0):
    with seeded(seed):
        return draw_von_mises_fisher(torch.as_tensor(mean)[None], torch.tensor([kappa], dtype=torch.float64), n)[
            :, 0
        ].numpy()


@pytest.mark.parametrize(("d", "kappa"), [(3, 2.0), (8, 5.0), (64, 100.0)])
def test_length_and_mean_cosine(d, kappa):
    mean = np.random.default_rng(d).standard_normal(d)
    mean /= np.linalg.norm(mean)
    z = drawn(mean, kappa, 20_000)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1)
    expected = ive(d / 2, kappa) / ive(d / 2 - 1, kappa)  # the mean resultant length
    assert (z @ mean).mean() == pytest.approx(expected, abs=5 * (z @ mean).std() / 20_000**0.5)
    np.testing.assert_allclose(z.mean(axis=0), expected * mean, atol=0.03)


def test_cosines_are_distributed_as_scipys():
    mean = np.array([0.0, 0.6, 0.8, 0.0])
    theirs = vonmises_fisher(mean, 3.0).rvs(20_000, random_state=np.random.default_rng(0)) @ mean
    assert kstest(drawn(mean, 3.0, 20_000) @ mean, theirs).pvalue > 1e-3


def test_a_mean_at_the_pole_is_no_obstacle():
    z = drawn(np.array([1.0, 0.0, 0.0]), 50.0, 100)
    assert np.isfinite(z).all()
    assert (z[:, 0] > 0.5).all()


def test_gradients_turn_the_draws_and_narrow_them():
    mean = torch.tensor([[0.6, 0.8, 0.0]], requires_grad=True)
    kappa = torch.tensor([4.0], requires_grad=True)
    with seeded(0):
        cosine = (draw_von_mises_fisher(mean, kappa, 2000) @ torch.tensor([0.6, 0.8, 0.0])).mean()
    cosine.backward()
    assert kappa.grad.item() > 0  # more concentrated is nearer
    assert torch.isfinite(mean.grad).all()
