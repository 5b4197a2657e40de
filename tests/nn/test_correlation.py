import numpy as np
from scipy.linalg import eigh

from zorse.nn.correlation import multi_view_cca


def drawn(*widths, n=200, shared=2, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, shared))
    views = [common @ rng.standard_normal((shared, d)) + rng.standard_normal((n, d)) for d in widths]
    return [view - view.mean(axis=0) for view in views]


def test_two_views_give_the_canonical_correlations():
    X, Y = drawn(4, 6)
    maps, values = multi_view_cca([X, Y], ridge=0.0)
    Qx, Qy = np.linalg.qr(X)[0], np.linalg.qr(Y)[0]
    np.testing.assert_allclose(values, np.linalg.svd(Qx.T @ Qy, compute_uv=False)[: len(values)])
    for i, rho in enumerate(values):
        assert np.corrcoef(X @ maps[0][:, i], Y @ maps[1][:, i])[0, 1] > rho - 1e-9


def test_the_equation_of_three_views_holds():
    views = drawn(3, 4, 5)
    maps, values = multi_view_cca(views, ridge=0.0)
    S = [[A.T @ B / len(A) for B in views] for A in views]
    for i in range(3):
        left = sum(S[i][j] @ maps[j] for j in range(3) if j != i)
        np.testing.assert_allclose(left, S[i][i] @ maps[i] * values, atol=1e-10)
    total = sum(maps[i].T @ S[i][i] @ maps[i] for i in range(3))
    np.testing.assert_allclose(total, np.eye(len(values)), atol=1e-10)


def test_it_is_the_generalised_eigenproblem_of_the_blocks():
    views = drawn(3, 2, 4)
    S = np.cov(np.hstack(views).T, bias=True)
    D = np.zeros_like(S)
    for a, b in ((0, 3), (3, 5), (5, 9)):
        D[a:b, a:b] = S[a:b, a:b]
    expected = eigh(S - D, D, eigvals_only=True)[::-1]
    _, values = multi_view_cca(views, ridge=0.0)
    np.testing.assert_allclose(values, expected[: len(values)])
    np.testing.assert_allclose(multi_view_cca(views, 2, ridge=0.0)[1], expected[:2])


def test_a_linear_change_of_a_view_changes_nothing_it_says():
    views = drawn(3, 4)
    A = np.random.default_rng(1).standard_normal((4, 4))
    maps, values = multi_view_cca(views, ridge=0.0)
    moved, same = multi_view_cca([views[0], views[1] @ A], ridge=0.0)
    np.testing.assert_allclose(values, same)
    np.testing.assert_allclose(np.abs(views[1] @ maps[1]), np.abs(views[1] @ A @ moved[1]), atol=1e-10)


def test_a_view_without_variance_in_a_direction_is_no_obstacle():
    X, Y = drawn(3, 3)
    X = np.hstack([X, np.zeros((len(X), 1))])
    maps, values = multi_view_cca([X, Y])
    assert np.isfinite(values).all()
    assert np.isfinite(maps[0]).all()
