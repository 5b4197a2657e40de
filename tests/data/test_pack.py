import numpy as np
import pytest

from zorse.core import InputError, NotAvailableError, UnknownNameError
from zorse.data.pack import awa19, gzsl_scores, tiny160


def test_absence_and_damage_are_told_in_one_line(tmp_path):
    with pytest.raises(NotAvailableError, match=r"awa19_mnv1\.npz is not there; set ZORSE_DATA"):
        awa19(tmp_path)
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "awa19_mnv1.npz").write_bytes(b"PK not a zip")
    with pytest.raises(InputError, match=r"awa19_mnv1\.npz cannot be read"):
        awa19(tmp_path)
    with pytest.raises(UnknownNameError, match="AWA1"):
        gzsl_scores("AWA3", folder=tmp_path)


@pytest.mark.shared_data
def test_sizes_are_those_the_pack_states(shared_data):
    awa, tiny = awa19(shared_data), tiny160(shared_data)
    assert (awa.X.shape, awa.classes.vectors.shape, len(awa.unseen)) == ((9074, 1024), (19, 85), 5)
    assert (tiny.X.shape, len(tiny.seen), len(tiny.unseen)) == ((14000, 1024), 120, 40)
    assert [view.shape for view in awa.classes.views + tiny.classes.views] == [(19, 85), (160, 300)]
    for task in (awa, tiny):
        assert not set(task.seen) & set(task.unseen)
    assert np.bincount(tiny.classes.rows(tiny.test_unseen[1])).max() == 50
    with pytest.raises(UnknownNameError, match="wiki2vec"):
        tiny160(shared_data, semantics="wikivec")
