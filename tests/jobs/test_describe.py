import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zorse.cli import main
from zorse.core import CapabilityError, InputError, NotAvailableError
from zorse.jobs.chat import ChatServer
from zorse.jobs.describe import STYLES, describe, questions, read_answer
from zorse.jobs.local_chat import LocalChat
from zorse.semantics import read_descriptions

KEY = "sk-never-shown"


def said(text):
    return 200, {}, json.dumps({"choices": [{"message": {"content": text}}]})


GOOD = said('Sure!\n```json\n{"texts": ["A cat has whiskers.", "A cat is furry."]}\n```')


@pytest.fixture
def server():
    """A server that gives ``server.replies`` one after the other, the last for ever; some depend on the question."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.keys.append(self.headers.get("Authorization"))
            reply = self.server.replies[0]
            if len(self.server.replies) > 1:
                self.server.replies.pop(0)
            if callable(reply):
                reply = reply(json.loads(body)["messages"][0]["content"])
            code, headers, body = reply
            if code == "trickle":
                self.send_response(200)
                self.end_headers()
                for _ in range(40):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
                return
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode() if isinstance(body, str) else body)

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": [{"id": "tiny"}]}')

        def log_message(self, *_):
            pass

        def handle(self):
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

    fake = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.replies, fake.keys = [GOOD], []
    fake.url = f"http://127.0.0.1:{fake.server_port}/v1"
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


def client(server, waits=None, **options):
    waits = [] if waits is None else waits
    return ChatServer(server.url, sleep=waits.append, environment={"ZORSE_LLM_KEY": KEY}, **options)


def test_descriptions_are_what_classify_reads(server, tmp_path):
    found = describe(["cat"], client(server), out=tmp_path / "d.json")
    assert read_descriptions(tmp_path / "d.json", ["cat"]) == {"cat": ["A cat has whiskers.", "A cat is furry."]}
    assert found.asked == 1
    assert server.keys == [f"Bearer {KEY}"]
    assert not any(KEY in path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "bad",
    [
        (500, {}, "no"),
        (200, {}, b"\xff\x00 rubbish"),
        (200, {}, '{"choices": []}'),
        (200, {}, '{"choices": [{"message": {"content": ""}}]}'),
        (200, {}, 'data: {"choices"'),
        said('{"texts": ["broken'),
        said('{"texts": [1, 2]}'),
    ],
)
def test_what_goes_wrong_once_is_asked_again(server, bad):
    server.replies = [bad, GOOD]
    found = describe(["cat"], client(server))
    assert found.texts == {"cat": ["A cat has whiskers.", "A cat is furry."]}
    assert len(server.keys) == 2


def test_retry_after_is_kept_and_bounded(server):
    server.replies = [(429, {"Retry-After": "7"}, ""), (503, {"Retry-After": "99999"}, ""), (429, {}, ""), GOOD]
    waits = []
    assert client(server, waits)("?").startswith("Sure")
    assert waits[:2] == [7, 120]


def test_a_refusal_is_told_once_and_without_the_key(server):
    server.replies = [(401, {}, json.dumps({"error": {"message": f"bad key {KEY}"}}))]
    with pytest.raises(NotAvailableError, match=r"401 Unauthorized: bad key \(key\)") as caught:
        client(server)("?")
    assert KEY not in repr(caught.value)
    assert len(server.keys) == 1


def test_a_server_that_trickles_times_out(server):
    server.replies = [("trickle", {}, "")]
    with pytest.raises(NotAvailableError, match="in 2 tries: timed out"):
        client(server, timeout=0.3, tries=2)("?")


def test_a_redirect_is_not_followed(server):
    server.replies = [(302, {"Location": "http://example.org/"}, "")]
    with pytest.raises(NotAvailableError, match="refuses: 302"):
        client(server)("?")


def test_the_key_of_another_service_goes_only_over_https():
    plain = ChatServer("http://example.org/v1", "m", environment={"OPENAI_API_KEY": KEY})
    assert plain._key is None
    assert ChatServer("https://example.org/v1", "m", environment={"OPENAI_API_KEY": KEY})._key == KEY
    with pytest.raises(InputError, match="holds no key") as caught:
        ChatServer(f"http://me:{KEY}@example.org/v1", "m")
    assert KEY not in str(caught.value)


def test_a_run_goes_on_where_it_stopped(server, tmp_path):
    out = tmp_path / "d.json"
    server.replies = [GOOD, (400, {}, "stop")]
    with pytest.raises(NotAvailableError):
        describe(["cat", "dog"], client(server), out=out)
    with (tmp_path / "d.cache.jsonl").open("a") as file:
        file.write('{"key": "cut sho')
    server.replies = [said('["A dog barks."]')]
    found = describe(["cat", "dog"], client(server), out=out)
    assert found.asked == 1
    assert list(json.loads(out.read_text())) == ["cat", "dog"]


def test_a_class_without_a_usable_answer_is_named(server, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ZORSE_LLM_KEY", raising=False)
    server.replies = [said("I would rather not."), said("No."), said("No."), GOOD]
    code = main(["describe", "--labels", "cat, dog", "--llm", server.url, "--out", str(tmp_path / "d.json")])
    assert code == 1
    assert "such as cat: the answer holds no JSON" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "d.json").read_text())) == ["dog"]


def test_pairs(server):
    found = describe(["cat", "dog"], client(server), "fudd")
    assert set(found.texts["cat"]) == {"dog"}
    assert found.asked == 2


def test_without_a_model_the_error_says_what_works(capsys):
    assert main(["describe", "--labels", "cat, dog"]) == 2
    assert "--templates ensemble" in capsys.readouterr().err
    for arguments in (
        ["--style", "x"],
        ["--llm", "nowhere"],
        ["--llm", "ftp://x"],
        ["--llm", "a/b", "--per-minute", "3"],
        ["--out", "x.txt", "--llm", "http://localhost:9"],
    ):
        assert main(["describe", "--labels", "cat, dog", *arguments]) == 2


@pytest.mark.parametrize("style", STYLES)
def test_what_a_model_says_is_read_by_the_method_it_was_asked_for(server, zorse_, paint, tmp_path, style, monkeypatch):
    """Of each colour a sentence, a feature, a kind, what tells it from another; of two what misleads and what helps."""

    def answer(question):
        colour = min((c for c in ("red", "green", "blue") if c in question), key=question.index)
        other = next((c for c in ("red", "green", "blue") if f"from a {c}" in question), "")
        text = {
            "cupl": f"A {colour} thing is {colour} all over.",
            "dclip": f"{colour} surface",
            "chils": f"dark {colour}",
            "fudd": f"a photo of a {colour}, which is not {other}",
            "roboshot": ["cyan light", "yellow light"] if "misleading" in question else ["green paint", "no paint"],
        }
        return said(json.dumps({"texts": [text[style]]}))

    monkeypatch.setenv("ZORSE_LLM_KEY", KEY)
    server.replies, out = [answer], tmp_path / "d.json"
    labels = ("--labels", "red, green, blue")
    assert zorse_("describe", *labels, "--llm", server.url, "--style", style, "--out", out)[0] == 0
    assert len(server.keys) == questions(["red", "green", "blue"], style)
    images = [paint("r.png", "red"), paint("b.png", "blue"), paint("g.png", "green")]
    code, rows, _ = zorse_("classify", *images, *labels, "--method", style, "--descriptions", out)
    found = [json.loads(row) for row in rows.splitlines()]
    assert code == 0
    if style == "roboshot":  # cyan is not told from yellow any more, nor red from blue
        first, second = (dict(row["top"]) for row in found[:2])
        assert first["red"] == pytest.approx(first["blue"], abs=1e-6) == pytest.approx(second["blue"], abs=1e-6)
        assert found[2]["label"] == "green"
    else:
        assert [row["label"] for row in found] == ["red", "blue", "green"]


def test_insights_alone_are_no_labels(zorse_, paint, tmp_path):
    (tmp_path / "i.json").write_text('{"harmful": [["land", "water"]], "helpful": [["fur", "scales"]]}')
    arguments = ("--method", "roboshot", "--descriptions", tmp_path / "i.json")
    code, _, err = zorse_("classify", paint("r.png", "red"), *arguments)
    assert code == 2
    assert "give --labels" in err


@pytest.mark.parametrize("bad", ['["a", "b"]', '[["a", "a"]]', '[["a", ""]]', '[["a", "b", "c"]]', '[["a", 1]]'])
def test_rubbish_is_no_insight(bad):
    with pytest.raises(ValueError, match="answer"):
        read_answer(f'{{"texts": {bad}}}', 5, in_pairs=True)


@pytest.fixture
def language_model(tmp_path):
    """A causal language model of a few thousand random weights, as a folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [chr(i) for i in range(33, 127)] + ["<end>", "<unk>", "\u2581"]
    letters = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    folder = tmp_path / "model"
    PreTrainedTokenizerFast(tokenizer_object=letters, eos_token="<end>", unk_token="<unk>").save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(words), max_position_embeddings=600, **sizes)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_model_in_a_folder_answers_alike_for_the_same_seed_and_otherwise_when_asked_again(language_model):
    import torch

    first, second = LocalChat(str(language_model), tokens=12), LocalChat(str(language_model), tokens=12)
    before = torch.random.get_rng_state()
    answers = [first("What is a cat?"), first("What is a cat?")]
    assert answers == [second("What is a cat?"), second("What is a cat?")]
    assert answers[0] != answers[1]
    assert torch.equal(before, torch.random.get_rng_state())
    greedy = LocalChat(str(language_model), tokens=12, temperature=0)
    assert greedy("What is a cat?") == greedy("What is a cat?")
    with pytest.raises(InputError, match="longer than"):
        greedy("x" * 700)


def test_a_model_that_says_nothing_usable_leaves_every_class_named(language_model, tmp_path, capsys):
    out = tmp_path / "d.json"
    assert main(["describe", "--labels", "cat, dog", "--llm", str(language_model), "--out", str(out)]) == 1
    assert "2 without a usable answer, such as cat" in capsys.readouterr().err
    assert not out.exists()


def test_what_is_no_language_model_is_refused_in_a_line(language_model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAvailableError, match=r"config\.json"):
        LocalChat(str(tmp_path / "empty"))
    (language_model / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(NotAvailableError, match="cannot be read"):
        LocalChat(str(language_model))
    (language_model / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(CapabilityError, match="vit model, which does not write text"):
        LocalChat(str(language_model))


@pytest.mark.parametrize("text", ["", "no", "{}", "[]", '{"a": 1}', '["a", ""]', "[" * 5000, '["' + "x" * 500 + '"]'])
def test_rubbish_is_no_description(text):
    with pytest.raises(ValueError, match="answer"):
        read_answer(text, 5)
