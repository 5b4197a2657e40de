import torch

from zorse.nn.translation import corrupted, translation_energy, triple_keys


def test_energy_sums_over_every_pair_of_views():
    heads, tails, relation = torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.randn(3, 4)
    energy = translation_energy(heads, relation, tails)
    for i in range(3):
        total = 0.0
        for h in heads:
            for t in tails:
                for j in range(4):
                    total += abs(h[i, j] + relation[i, j] - t[i, j])
        torch.testing.assert_close(energy[i], total)


def test_corrupted_triples_are_false_and_change_one_column():
    m = 6
    known = torch.tensor([(0, 0, t) for t in range(5)] + [(1, 1, 2)])  # of head 0 only tail 5 is false
    generator = torch.Generator().manual_seed(0)
    keys = triple_keys(known, m)
    made = corrupted(known, 2, m, keys, generator)
    assert torch.equal(made[:, :2], known[:, :2])
    assert (made[:5, 2] == 5).all()
    heads = corrupted(known, 0, m, keys, generator)
    assert torch.equal(heads[:, 1:], known[:, 1:])
    assert not torch.isin(triple_keys(heads, m), keys).any()


def test_keys_tell_triples_apart():
    every = torch.cartesian_prod(torch.arange(4), torch.arange(3), torch.arange(4))
    assert len(triple_keys(every, 4).unique()) == len(every)


def test_where_every_node_makes_it_true_something_is_returned():
    known = torch.tensor([(0, 0, 0), (0, 0, 1)])
    made = corrupted(known, 2, 2, triple_keys(known, 2), torch.Generator().manual_seed(0))
    assert made.shape == known.shape
