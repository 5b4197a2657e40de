"""MF-Adapter, COSOC, CHIP and APE against loops written from the papers."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from zorse.core import ClassTable, InputError
from zorse.methods.adaptation import cosoc
from zorse.methods.adaptation.ape import APE
from zorse.methods.adaptation.chip import CHIP
from zorse.methods.adaptation.cosoc import COSOC, agreeing, foreground, matched
from zorse.methods.adaptation.mf_adapter import MFAdapter
from zorse.nn.contrast import bag_contrast, supervised_contrastive

rng = np.random.default_rng(0)


def unit(v):
    return v / np.sqrt(v @ v)


def test_crops_that_agree_are_found_by_trying_all():
    crops = rng.standard_normal((3, 4, 6))
    crops /= np.linalg.norm(crops, axis=2, keepdims=True)

    def agreement(at):
        return sum(crops[i, at[i]] @ crops[j, at[j]] for i in range(3) for j in range(3) if i != j)

    assert tuple(agreeing(crops)) == max(itertools.product(range(4), repeat=3), key=agreement)


def test_exchanging_one_at_a_time_ends_where_no_exchange_helps(monkeypatch):
    monkeypatch.setattr(cosoc, "EXACT", 0)
    crops = rng.standard_normal((4, 5, 6))
    crops /= np.linalg.norm(crops, axis=2, keepdims=True)
    at = agreeing(crops)
    for i in range(4):
        others = sum(crops[j, at[j]] for j in range(4) if j != i)
        assert (crops[i] @ others).argmax() == at[i]


def test_matching_takes_no_row_or_column_twice():
    similar = rng.standard_normal((5, 3, 4))
    for matrix, found in zip(similar, matched(similar, 0.5), strict=True):
        rows, columns, total = {0, 1, 2}, {0, 1, 2, 3}, 0.0
        for i in range(3):
            r, c = max(itertools.product(rows, columns), key=lambda at: matrix[at])
            total += 0.5**i * max(matrix[r, c], 0)
            rows, columns = rows - {r}, columns - {c}
        assert found == pytest.approx(total)


def test_an_object_outweighs_its_background():
    """Shots of two classes share backgrounds crosswise; crops tell them apart, means of whole images do not."""
    a, b, sand, sea = np.linalg.qr(rng.standard_normal((8, 4)))[0].T
    train = np.array([[a, sea, sea, sea], [a, sand, sand, sand], [b, sand, sand, sand], [b, sea, sea, sea]])
    asked = np.array([[a, sand, sand, sand], [b, sea, sea, sea]])
    model = COSOC().fit(train[:, :, None], ["a", "a", "b", "b"])
    assert model.predict(asked[:, :, None]).tolist() == ["a", "b"]


def test_scores_in_loops():
    """Prototypes from what agrees best, weakening by alpha; matches with crops of an image, weakening by beta."""
    train, asked, y = rng.standard_normal((6, 2, 2, 5)), rng.standard_normal((3, 2, 2, 5)), "aaabbb"
    found = COSOC(alpha=0.6, beta=0.5).fit(train, list(y)).scores(asked)
    for c, label in enumerate("ab"):
        left = [[unit(v) for row in train[i] for v in row] for i in range(6) if y[i] == label]
        prototypes = []
        while left[0]:
            pairs = list(itertools.combinations(range(3), 2))
            combinations = itertools.product(range(len(left[0])), repeat=3)
            at = max(combinations, key=lambda k: sum(left[i][k[i]] @ left[j][k[j]] for i, j in pairs))
            mean = unit(sum(own.pop(k) for own, k in zip(left, at, strict=True)))
            prototypes.append(0.6 ** len(prototypes) * mean)
        for grid, score in zip(asked, found[:, c], strict=True):
            crops, these, total = [unit(v) for row in grid for v in row], list(prototypes), 0.0
            for i in range(4):
                p, q = max(itertools.product(range(4 - i), repeat=2), key=lambda at: these[at[0]] @ crops[at[1]])
                total += 0.5**i * max(these.pop(p) @ crops.pop(q), 0)
            assert score == pytest.approx(total, abs=1e-5)


def test_the_crops_of_a_single_shot_all_count_fully():
    train, asked = rng.standard_normal((2, 1, 3, 5)), rng.standard_normal((1, 1, 3, 5))
    crops = [np.stack([unit(v) for v in image[0]]) for image in (*train, *asked)]
    expected = [matched((crops[2] @ own.T)[None], 0.8)[0] for own in crops[:2]]
    np.testing.assert_allclose(COSOC().fit(train, ["a", "b"]).scores(asked)[0], expected, atol=1e-6)


def test_foreground_is_what_the_images_of_a_class_share():
    shared = unit(rng.standard_normal(20))
    crops = rng.standard_normal((6, 4, 20))
    crops[:, 2] = shared + 0.01 * rng.standard_normal((6, 20))
    weights = foreground(crops, ["a"] * 6)
    assert (weights.argmax(axis=1) == 2).all()
    assert (weights >= 0).all()
    assert (weights.sum(axis=1) <= 1 + 1e-12).all()


def test_foreground_weights_in_loops():
    crops, y = rng.standard_normal((7, 5, 3)), np.array([0, 0, 0, 1, 1, 1, 1])
    crops[y == 1] = 0.2 * crops[y == 1] + 1  # the largest distance is the other class's
    weights, near, most = foreground(crops, y, n_clusters=3, share=0.7, top=2), {}, 0.0
    for c in (0, 1):
        images = [[unit(v) for v in crops[i]] for i in range(7) if y[i] == c]
        means = KMeans(3, random_state=0, n_init=10).fit(np.concatenate(images))
        of = [means.predict(np.stack(image)) for image in images]
        met = [np.mean([k in own for own in of]) for k in range(3)]
        kept = [k for k in range(3) if met[k] > 0.7] or [int(np.argmax(met))]
        for i, image in zip(np.flatnonzero(y == c), images, strict=True):
            away = [[np.linalg.norm(v - centre) for centre in means.cluster_centers_] for v in image]
            near[i] = [min(a[k] for k in kept) for a in away]
            most = max(most, *(min(a) for a in away))  # of both classes
    for i in range(7):
        score = [max(1 - d / most, 0) if d in sorted(near[i])[:2] else 0 for d in near[i]]
        np.testing.assert_allclose(weights[i], max(score) * np.array(score) / (sum(score) or 1), atol=1e-9)


def test_foreground_of_images_that_occur_twice():
    twice = np.repeat(rng.standard_normal((1, 3, 4)), 4, axis=0)
    assert foreground(twice, ["a"] * 4).shape == (4, 3)


def test_the_unit_in_loops():
    T, X = rng.standard_normal((3, 6)), rng.standard_normal((6, 2, 2, 6))
    y, new = np.array([0, 0, 1, 1, 2, 2]), rng.standard_normal((2, 2, 2, 6))
    model = MFAdapter(alpha=0.5, gamma=2.0, beta=3.0, k=2, windows=(1, 2), epochs=0, scale=10.0, device="cpu")
    model.fit(X, y, classes=ClassTable(np.arange(3), T))

    def windows(grid):
        cells = [unit(p) for row in grid for p in row]
        return [*cells, unit(sum(cells))]

    def whole(grid):
        return unit(sum(unit(p) for row in grid for p in row))

    for grid, found in zip(new.astype(np.float32), model.scores(new), strict=True):
        for c in range(3):
            score = 10 * whole(grid) @ unit(T[c])
            score += 0.5 * sum(np.exp(-3 * (1 - whole(grid) @ whole(X[i]))) for i in range(6) if y[i] == c)
            pool = [w for i in range(6) if y[i] == c for w in windows(X[i])]
            near = [np.sort([q @ w for w in pool])[-2:].mean() for q in windows(grid)]
            assert found[c] == pytest.approx(score + 2 * 10 * np.mean(near), abs=1e-4)


def test_the_adapter_leaves_each_shot_out_of_its_own_pool():
    model = MFAdapter(k=1)
    q = torch.nn.functional.normalize(torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0)), dim=2)
    owner = torch.tensor([0, 0, 1, 1])
    near = model._nearest(q, q, owner, 2, lambda x: 0 * x, torch.arange(4))
    alone = [max(float(a @ b) for b in q[1]) for a in q[0]]
    assert float(near[0, 0]) == pytest.approx(np.mean(alone), abs=1e-5)


def test_a_shot_is_compared_with_all_that_its_class_has_left():
    model = MFAdapter(k=3)
    q = torch.nn.functional.normalize(torch.randn(4, 1, 5, generator=torch.Generator().manual_seed(0)), dim=2)
    near = model._nearest(q, q, torch.tensor([0, 0, 1, 1]), 2, lambda x: 0 * x, torch.arange(4))
    expected = torch.stack([q[0, 0] @ q[1, 0], (q[0, 0] @ q[2:, 0].T).mean()])
    torch.testing.assert_close(near[0], expected)


def test_the_adapter_is_trained_and_maps_what_is_asked():
    T, X, y = rng.standard_normal((2, 6)), rng.standard_normal((6, 1, 2, 6)), np.array([0, 0, 0, 1, 1, 1])
    options = {"alpha": 0.0, "gamma": 1.0, "k": 2, "windows": (1,), "reduction": 1, "epochs": 3, "lr": 0.1}
    model = MFAdapter(**options, scale=10.0, device="cpu", random_state=0)
    model.fit(X, y, classes=ClassTable(np.arange(2), T))
    W1, W2 = (model.state_["adapter"][i].weight.numpy() for i in (0, 2))
    assert np.abs(W2).min() > 0
    new = rng.standard_normal((1, 1, 2, 6))
    for c, found in enumerate(model.scores(new)[0]):
        cells = [unit(p) for p in new[0, 0]]
        mapped = [unit(q + W2 @ np.maximum(W1 @ q, 0)) for q in cells]
        pool = [unit(p) for i in range(6) if y[i] == c for p in X[i, 0]]
        near = np.mean([np.sort([q @ w for w in pool])[-2:].mean() for q in mapped])
        assert found == pytest.approx(10 * unit(sum(cells)) @ unit(T[c]) + 10 * near, abs=1e-4)


def test_an_only_shot_teaches_the_adapter_nothing(monkeypatch):
    taught, plain = set(), MFAdapter._nearest

    def watched(self, q, pool, owner, s, adapter, own=None):
        taught.update([] if own is None else own.tolist())
        return plain(self, q, pool, owner, s, adapter, own)

    monkeypatch.setattr(MFAdapter, "_nearest", watched)
    MFAdapter(alpha=1.0, gamma=1.0, device="cpu", epochs=1).fit(rng.standard_normal((3, 2, 2, 6)), list("aab"))
    assert taught == {0, 1}


def test_no_window_fits():
    with pytest.raises(InputError, match="no window"):
        MFAdapter(windows=(3,)).fit(rng.standard_normal((4, 2, 2, 5)), [0, 0, 1, 1])


PARENTS = {"cat": ("feline",), "lion": ("feline",), "dog": ("canine",), "wolf": ("canine",), "feline": ("animal",)}


def chip_data():
    rng = np.random.default_rng(1)
    feline, canine = rng.standard_normal((2, 10))
    own = {name: 0.5 * rng.standard_normal(10) for name in ("cat", "dog", "lion", "wolf")}
    y = np.repeat(["cat", "dog", "lion", "wolf"], 10)
    X = np.stack([(feline if n in ("cat", "lion") else canine) + own[n] + 0.1 * rng.standard_normal(10) for n in y])
    return X, y, ClassTable(np.array(list(own)), np.stack(list(own.values())), parents=PARENTS)


def test_an_unseen_class_is_told_by_its_category():
    X, y, table = chip_data()
    seen = np.isin(y, ["cat", "dog"])
    model = CHIP(levels=2, hidden=16, latent=8, epochs=20, batch_size=10, device="cpu", random_state=0)
    model.fit(X[seen], y[seen], classes=table)
    right = np.where(y[~seen] == "lion", "feline", "canine")
    assert model.general(X[~seen]).tolist() == right.tolist()
    assert model.with_candidates(["lion", "wolf"]).predict(X[~seen]).tolist() == y[~seen].tolist()
    with pytest.raises(InputError, match="level is from 0 to 1"):
        model.general(X, level=2)


def test_levels_add_up():
    X, y, table = chip_data()
    model = CHIP(levels=2, hidden=8, latent=4, epochs=2, batch_size=20, device="cpu", random_state=0)
    model.fit(X, y, classes=table)
    z = model._embedded(X[:3])
    total = np.zeros((3, 4))
    for level, nodes in enumerate(model.nodes_):
        line = [name if level == 0 else PARENTS[name][0] for name in table.labels.tolist()]
        for i in range(3):
            logits = np.array([10 * z[i] @ m for m in model.centroids_[level]])
            p = np.exp(logits) / np.exp(logits).sum()
            total[i] += [np.log(p[nodes.tolist().index(node)]) for node in line]
    np.testing.assert_allclose(model.scores(X[:3]), total, atol=1e-6)


def test_an_unseen_class_of_no_known_category_is_a_blind_guess():
    X, y, table = chip_data()
    seen = np.isin(y, ["cat", "dog"])
    table = ClassTable(table.labels, table.vectors, parents={k: v for k, v in PARENTS.items() if k != "wolf"})
    model = CHIP(levels=2, hidden=8, latent=4, epochs=1, batch_size=20, device="cpu", random_state=0)
    model.fit(X[seen], y[seen], classes=table)
    shares = model._log_shares(X[:3])
    lion, wolf = model.with_candidates(["lion", "wolf"]).scores(X[:3]).T
    np.testing.assert_allclose(wolf, [-2 * np.log(2)] * 3)
    np.testing.assert_allclose(lion, shares[1][:, model.nodes_[1].tolist().index("feline")] - np.log(2), atol=1e-6)


def test_centroids_are_mean_directions_of_what_lies_below():
    X, y, table = chip_data()
    model = CHIP(levels=2, hidden=8, latent=4, epochs=1, batch_size=20, device="cpu", random_state=0)
    z = model.fit(X, y, classes=table)._embedded(X)
    for name, centroid in zip(model.nodes_[1].tolist(), model.centroids_[1], strict=True):
        below = [own for own, label in zip(z, y.tolist(), strict=True) if PARENTS[label][0] == name]
        np.testing.assert_allclose(centroid, unit(np.mean(below, axis=0)), atol=1e-9)


def test_chips_loss_is_one_contrast_a_level():
    X, y, table = chip_data()
    model = CHIP(levels=2, hidden=8, latent=4, epochs=1, batch_size=40, lr=0.0, device="cpu", random_state=0)
    model.fit(X, y, classes=table)
    z = torch.tensor(model._embedded(X))
    fine = torch.tensor(np.unique(y, return_inverse=True)[1])
    coarse = torch.tensor(np.isin(y, ["cat", "lion"]).astype(int))
    expected = sum(supervised_contrastive(z, target, 0.1) for target in (fine, coarse))
    assert model.history_[0]["loss"] == pytest.approx(float(expected), rel=1e-4)


def test_apes_loss_is_contrast_in_both_directions():
    X, y, table = chip_data()
    model = APE(hidden=0, epochs=1, batch_size=40, lr=0.0, weight_decay=0.0, device="cpu", random_state=0)
    model.fit(X, y, classes=table)
    scores = torch.tensor(model.scores(X))[:, table.rows(y)]
    expected = bag_contrast(scores, torch.tensor(table.rows(y)))
    assert model.history_[0]["loss"] == pytest.approx(float(expected), rel=1e-4)
