import numpy as np
from sklearn.kernel_ridge import KernelRidge

from zorse.nn.kernels import gaussian_kernel, kernel_ridge

RNG = np.random.RandomState(0)
P, Q, T = RNG.randn(6, 3), RNG.randn(4, 3), RNG.randn(6, 5)


def test_gaussian_kernel_against_loops():
    expected = [[np.exp(-((p - q) ** 2).sum() / 1.5**2) for q in Q] for p in P]
    np.testing.assert_allclose(gaussian_kernel(P, Q, 1.5), expected)


def test_ridge_is_scikit_learns_around_the_mean():
    K, k = gaussian_kernel(P, P, 1.5), gaussian_kernel(Q, P, 1.5)
    mean = T.mean(axis=0)
    expected = KernelRidge(alpha=0.3, kernel="precomputed").fit(K, T - mean).predict(k) + mean
    np.testing.assert_allclose(kernel_ridge(K, T, k, 0.3), expected)
    np.testing.assert_allclose(kernel_ridge(K, T, k, 1e12), np.tile(mean, (4, 1)), atol=1e-8)
