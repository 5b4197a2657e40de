"""What the service answers: the same as the library, and a reason where it answers nothing."""

import asyncio
import base64
import io
import time

import httpx
import numpy as np
import pytest
from PIL import Image

import zorse
from zorse.jobs.classify import Classifier


def painted(colour="red", size=(16, 16), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def form(*images, **fields):
    files = [("image", (f"{at}.png", content, "image/png")) for at, content in enumerate(images)]
    return {"files": [*files, *((name, (None, value)) for name, value in fields.items())]}


def in_base64(content):
    return base64.b64encode(content).decode()


def test_a_form_is_answered_as_the_library_answers(client, colours):
    red, blue = painted("red"), painted("blue")
    told = client.post("/classify", **form(red, blue, labels="red, green, blue", top_k="2")).json()
    ours = zorse.classify([red, blue], ["red", "green", "blue"], colours, top_k=2)
    assert [row["label"] for row in told["results"]] == ["red", "blue"]
    for row, own in zip(told["results"], ours):
        assert [(entry["label"], entry["score"]) for entry in row["top"]] == [
            (label, pytest.approx(score, abs=1e-6)) for label, score in own.top
        ]
    assert [row["name"] for row in told["results"]] == ["0.png", "1.png"]


@pytest.mark.parametrize("labels", [["red", "blue"], "red, blue", '["red", "blue"]'])
def test_json_and_forms_take_labels_in_every_spelling(client, labels):
    content = painted("blue")
    told = client.post("/classify", json={"images": [in_base64(content)], "labels": labels})
    assert told.json()["results"][0]["label"] == "blue"
    if isinstance(labels, str):
        assert client.post("/classify", **form(content, labels=labels)).json()["results"][0]["label"] == "blue"
    address = "data:image/png;base64," + in_base64(content)
    assert client.post("/classify", json={"images": [address], "labels": labels}).status_code == 200


def test_a_broken_image_is_a_row_with_its_error_and_alone_a_refusal(client):
    told = client.post("/classify", **form(painted("red"), b"no image", labels="red, blue")).json()
    assert [row["error"] for row in told["results"]] == [None, "not an image"]
    alone = client.post("/classify", **form(b"no image", labels="red, blue"))
    assert alone.status_code == 422
    assert "not an image" in alone.json()["error"]


def test_vectors_are_the_encoder_s(client, colours):
    content = painted("green")
    told = client.post("/embed", json={"images": [in_base64(content)], "texts": ["red", "green"]}).json()
    assert np.allclose(told["images"][0]["vector"], colours.encode_images([Image.open(io.BytesIO(content))])[0])
    assert np.allclose(told["texts"], colours.encode_text(["red", "green"]))
    assert told["dim"] == 3
    assert told["fingerprint"] == colours.fingerprint


def test_images_of_many_requests_share_batches_and_get_their_own_answers(serving, colours):
    sizes = []
    whole = colours.encode_pixels

    def slow(pixels):
        sizes.append(len(pixels))
        time.sleep(0.02)
        return whole(pixels)

    colours.encode_pixels = slow
    names = ["red", "green", "blue", "yellow", "cyan"]
    with serving() as client:

        async def ask():
            async with httpx.AsyncClient(base_url=client.base_url, timeout=30) as many:
                sent = [many.post("/classify", **form(painted(name), labels=", ".join(names))) for name in names * 8]
                return [answer.json()["results"][0]["label"] for answer in await asyncio.gather(*sent)]

        assert asyncio.run(ask()) == names * 8
    assert max(sizes) > 4
    assert sum(sizes) == 40


def test_labels_are_encoded_once(serving, colours):
    asked = []
    whole = colours.encode_text
    colours.encode_text = lambda texts, **options: (asked.extend(texts), whole(texts, **options))[1]
    with serving() as client:
        for labels in ("red, blue", "red, blue", "blue, red, green"):
            client.post("/classify", **form(painted("red"), labels=labels))
    assert sorted(asked) == [f"a photo of a {colour}." for colour in ("blue", "green", "red")]


def test_labels_of_the_service_answer_where_a_request_brings_none(serving, colours):
    with serving(default=Classifier(["red", "blue"], colours)) as client:
        assert client.post("/classify", **form(painted("blue"))).json()["results"][0]["label"] == "blue"
        other = client.post("/classify", **form(painted("blue"), labels="cyan, yellow")).json()
        assert other["results"][0]["label"] == "cyan"
        assert client.get("/models").json()["served"]["labels"] == ["red", "blue"]


def test_a_model_with_learned_labels_takes_no_others(serving, colours):
    with serving(default=Classifier(["red", "blue"], colours), fixed=True) as client:
        assert client.post("/classify", **form(painted("blue"))).status_code == 200
        refused = client.post("/classify", **form(painted("blue"), labels="red, blue"))
        assert refused.status_code == 422
        assert "learned its own labels" in refused.json()["error"]


IMAGE = in_base64(painted())


@pytest.mark.parametrize(
    ("status", "told", "request_"),
    [
        (422, "only one label", form(painted(), labels="cat")),
        (422, "duplicate label", form(painted(), labels="cat, CAT")),
        (422, "no labels", form(painted())),
        (422, "not a JSON list", form(painted(), labels="[1, 2")),
        (422, "expected a text", form(painted(), labels="[1, 2]")),
        (422, "control characters", form(painted(), labels="cat, d\x00g")),
        (422, "no image", form(labels="cat, dog")),
        (422, "colour", form(painted(), labels="cat, dog", colour="red")),
        (422, "top_k", form(painted(), labels="cat, dog", top_k="many")),
        (422, "top_k", form(painted(), labels="cat, dog", top_k="0")),
        (422, "heat", form(painted(), labels="cat, dog", heat="perhaps")),
        (422, "no heat maps", form(painted(), labels="cat, dog", heat="true")),
        (403, "fetches no addresses", {"json": {"urls": ["http://example.org/a.png"], "labels": ["cat", "dog"]}}),
        (422, "not base64", {"json": {"images": ["%%%"], "labels": ["cat", "dog"]}}),
        (422, "labels", {"json": {"images": [IMAGE], "labels": {"cat": 1}}}),
        (422, "Extra inputs", {"json": {"images": [IMAGE], "labels": ["cat", "dog"], "path": "/etc/passwd"}}),
        (400, "not JSON", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        (400, "not JSON", {"content": b'{"labels": "\\ud800"}', "headers": {"Content-Type": "application/json"}}),
        (400, "boundary", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, "form", {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        (
            415,
            "multipart/form-data or application/json",
            {"content": painted(), "headers": {"Content-Type": "image/png"}},
        ),
        (415, "multipart/form-data or application/json", {"content": painted()}),
        (415, "text/html", {"files": [("image", ("a.html", b"<p>", "text/html"))], "data": {"labels": "cat, dog"}}),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(client, log, status, told, request_):
    answer = client.post("/classify", **request_)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]
    assert answer.json()["request"] == answer.headers["x-request-id"] == log.last()["request"]


def test_limits_are_kept(serving):
    big = painted("red", (300, 300), "BMP")
    with serving(upload=100_000, pixels=90_000, images=2, labels=3, letters=20) as client:
        too_large = client.post("/classify", **form(big, labels="red, blue"))
        assert too_large.status_code == 413
        assert "100,000 bytes" in too_large.json()["error"]
        assert client.post("/classify", content=iter([big])).status_code == 413  # chunked: nothing is announced
        for fields in ({"labels": "a, b, c, d"}, {"labels": "red, " + 21 * "b"}):
            assert client.post("/classify", **form(painted(), **fields)).status_code == 413
        assert client.post("/classify", **form(*[painted()] * 3, labels="red, blue")).status_code == 413
        bomb = client.post("/classify", **form(painted("red", (301, 300)), labels="red, blue"))
        assert bomb.status_code == 422
        assert "too many pixels" in bomb.json()["error"]
        assert client.post("/classify", **form(painted("red", (300, 300)), labels="red, blue")).status_code == 200


def test_other_routes(client):
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/models").json()["served"]["model"] == "colours"
    assert [entry["slug"] for entry in client.get("/papers", params={"query": "eszsl"}).json()] == ["eszsl"]
    assert client.get("/nowhere").status_code == 404
    assert client.get("/classify").status_code == 405
    assert client.get("/docs").status_code == 404  # FastAPI's own pages load scripts from elsewhere
    assert set(client.get("/openapi.json").json()["paths"]) >= {"/classify", "/embed", "/health", "/papers"}


def test_metrics_count_what_was_done(client):
    client.post("/classify", **form(painted(), painted("blue"), labels="red, blue"))
    client.post("/classify", **form(painted(), labels="red"))
    page = client.get("/metrics").text
    assert 'zorse_requests_total{method="POST",route="/classify",status="200"} 1.0' in page
    assert 'zorse_requests_total{method="POST",route="/classify",status="422"} 1.0' in page
    assert "zorse_images_total 2.0" in page
    assert "zorse_requests_inside 0.0" in page
    client.get("/" + "x" * 50)
    assert "xxx" not in client.get("/metrics").text  # a stranger can't make new series


def test_the_log_has_numbers_and_no_content(client, log):
    secret = painted("red")
    answer = client.post("/classify", **form(secret, labels="red, blue"), headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    line = log.last()
    assert line == {
        "event": "request", "request": "mine-1", "method": "POST", "path": "/classify", "status": 200,
        "ms": line["ms"], "bytes": line["bytes"], "images": 1,
    }  # fmt: skip
    assert client.get("/health", headers={"X-Request-Id": "a b\x7f"}).headers["x-request-id"] != "a b\x7f"
