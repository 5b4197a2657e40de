import numpy as np

from zorse.nn.search import nearest


def test_blocks_find_what_the_whole_product_finds():
    rng = np.random.default_rng(0)
    queries, points = rng.normal(size=(23, 5)), rng.normal(size=(101, 5))
    products = queries @ points.T
    index, similarity = nearest(queries, points, 7, block=10, rows=4)
    order = np.argsort(-products, axis=1)[:, :7]
    np.testing.assert_array_equal(index, order)
    np.testing.assert_allclose(similarity, np.take_along_axis(products, order, axis=1), atol=1e-5)
    assert nearest(queries, points[:3], 7)[0].shape == (23, 3)
