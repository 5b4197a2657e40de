"""What is left beside the rows of a run that broke off."""

import pytest

from zorse.core.errors import NotAvailableError
from zorse.jobs.classification import Prediction
from zorse.jobs.output import check_writable, open_output, set_aside

ROW = Prediction("a.png", None, None, (), "could not be read", None)


def break_off(out):
    with open_output(out) as write:
        write(ROW)
        raise KeyboardInterrupt


def test_rows_set_aside_go_once_the_whole_is_there(tmp_path):
    out = tmp_path / "rows.csv"
    with pytest.raises(KeyboardInterrupt):
        break_off(out)
    assert set_aside(out).exists()
    assert not out.exists()
    with open_output(out) as write:
        write(ROW)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_only_a_missing_folder_is_called_missing(tmp_path):
    with pytest.raises(NotAvailableError, match="nowhere does not exist"):
        check_writable(tmp_path / "nowhere" / "rows.csv")
