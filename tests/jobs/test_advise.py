import json

import numpy as np
import pytest

import zorse
from zorse.cli import main
from zorse.core import InputError, UnknownNameError
from zorse.jobs.advise import advise

LABELS = ["red", "green", "blue"]


@pytest.fixture
def images(paint):
    """Thirty images in folders of their colours, some of which are hard to tell."""
    for i in range(30):
        channel = i % 3
        colour = tuple(150 + 3 * i if c == channel else 4 * ((i * (c + 2)) % 30) for c in range(3))
        root = paint(f"photos/{LABELS[channel]}/{i}.png", colour).parent.parent
    return root


def test_methods_are_ranked_without_the_truth_and_compared_with_it(colours, images):
    found = advise(images, LABELS, colours, methods=["clip", "mcm", "prior_matching", "tip_x"], truth="folder")
    by = {one.name: one for one in found.tried}
    assert set(by) == {"clip", "mcm", "prior_matching"}
    assert "external memory" in found.refused["tip_x"]
    assert by["mcm"].same_as == "clip"  # a temperature moves no answer
    values = [one.criteria[found.criterion] for one in found.tried]
    assert values == sorted(values, reverse=True)
    table = zorse.classify(images, LABELS, colours, truth="folder")
    assert by["clip"].accuracy.value == pytest.approx(table.summary.agreement.top1.value)
    assert by["prior_matching"].accuracy.value == pytest.approx(
        zorse.classify(images, LABELS, colours, "prior_matching", truth="folder").summary.agreement.top1.value
    )
    again = advise(images, LABELS, colours, methods=["clip", "mcm", "prior_matching"])
    assert [one.name for one in again.tried] == [one.name for one in found.tried]
    assert again.correlations == {}
    assert json.dumps(found.as_dict())


def test_requests_that_make_no_sense_are_refused(colours, images, paint):
    with pytest.raises(UnknownNameError, match="criterion"):
        advise(images, LABELS, colours, criterion="luck")
    with pytest.raises(InputError, match="only 1 images"):
        advise([paint("one.png", "red")], LABELS, colours)
    with pytest.raises(InputError, match=r"no method could be tried.*tip_x"):
        advise(images, LABELS, colours, methods=["tip_x"])


def test_the_command_tells_what_it_tried_and_why(images, capsys):
    names = ["--labels", "red, green, blue", "--methods", "clip, prior_matching, eszsl"]
    assert main(["advise", str(images), *names, "--truth", "folder"]) == 0
    told = capsys.readouterr()
    assert "prior_matching" in told.out
    assert "against the truth of 30 images" in told.out
    assert "not tried: eszsl" in told.err
    assert main(["advise", str(images), *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 30
    assert main(["advise", str(images), "--labels", "red, green", "--by", "luck"]) == 2


def test_a_method_that_learns_from_the_run_is_fitted_with_all_of_it(colours, images):
    """Classify gives what the method gives when it is fitted and asked by hand."""
    from zorse.methods.transductive.prior_matching import PriorMatching
    from zorse.semantics import class_table

    found = zorse.classify(images, LABELS, colours, "prior_matching")
    X = zorse.embed(images, colours).vectors
    model = PriorMatching(scale=colours.logit_scale).fit(None, None, class_table(LABELS, colours), unlabelled=X)
    assert found.labels == model.predict(X).tolist()
    assert np.unique(found.labels).tolist() == sorted(LABELS)
