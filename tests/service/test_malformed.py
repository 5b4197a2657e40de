"""Requests made from the OpenAPI document, right and wrong, and damaged pictures: the service itself never fails."""

import importlib.util
import random
import warnings
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "malformed.py"
SPEC = importlib.util.spec_from_file_location("malformed", PATH)


@pytest.fixture(scope="module")
def malformed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # schemathesis imports what others have deprecated
        module = importlib.util.module_from_spec(SPEC)
        SPEC.loader.exec_module(module)
    return module


def errors(statuses):
    return {status: n for status, n in statuses.items() if status >= 500}


@pytest.mark.filterwarnings("default")
def test_what_the_document_allows_and_forbids(serving, malformed, log):
    with serving() as client:
        statuses = malformed.from_document(str(client.base_url).rstrip("/"), 200)
    assert not errors(statuses), [line for line in log if line["status"] >= 500][:1]
    assert statuses[200]
    assert sum(n for status, n in statuses.items() if 400 <= status < 500) > 50


def test_damaged_pictures_and_bodies(serving, malformed, log):
    rng = random.Random(0)
    with serving() as client:
        statuses = malformed.send(str(client.base_url).rstrip("/"), malformed.damaged(400, rng))
    assert not errors(statuses), [line for line in log if line["status"] >= 500][:1]
    assert statuses[422] > 50
    told = "".join(line.get("reason", "") for line in log)
    assert "object at 0x" not in told


def test_a_status_that_is_the_service_s_fault_would_be_noticed(serving, malformed, colours):
    def broken(pixels):
        raise RuntimeError

    colours.encode_pixels = broken
    with serving() as client:
        assert errors(malformed.send(str(client.base_url).rstrip("/"), malformed.damaged(16, random.Random(0))))
