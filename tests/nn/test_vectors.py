import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from zorse.nn.vectors import cosine, unit_rows


def test_cosine_agrees_with_sklearn_and_a_zero_row_stays_zero():
    rng = np.random.RandomState(0)
    P, Q = rng.randn(5, 3), rng.randn(4, 3)
    P[2] = 0
    np.testing.assert_allclose(cosine(P, Q), cosine_similarity(P, Q), atol=1e-12)
    np.testing.assert_array_equal(unit_rows(P)[2], 0)
