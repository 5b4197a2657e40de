"""What a user sees of the hub: downloads, wrong ids, gates, silence. A small hub answers on this machine."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest

from zorse.core.errors import CapabilityError, InputError, NotAvailableError, UnknownNameError
from zorse.encoders import load_encoder

ASK = """
import sys
from zorse.core.errors import ZorseError
from zorse.encoders import load_encoder
for name in sys.argv[1:]:
    try:
        encoder = load_encoder(name, device="cpu")
        print("loaded", encoder.name, encoder.fingerprint, *encoder.encode_text(["cat"])[0, :3])
    except ZorseError as error:
        print(type(error).__name__, error)
"""


def ask(*names, home, **environment):
    command = [sys.executable, "-W", "ignore", "-c", ASK, *names]
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(names), done.stdout + done.stderr  # one line each
    return lines


class Hub(BaseHTTPRequestHandler):
    """The few answers of the hub's API that a download asks for."""

    protocol_version = "HTTP/1.1"
    repositories: ClassVar[dict] = {}  # "org/name" -> {revision: {file: bytes}}
    gated: ClassVar[set] = set()
    discussions: ClassVar[dict] = {}

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0].replace("%2F", "/")
        name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
        if name in self.gated:
            return self.reply(403, b"{}", X_Error_Code="GatedRepo", X_Error_Message="gated")
        if name not in self.repositories:
            return self.reply(404, b"{}", X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if path.endswith("/discussions"):
            return self.reply(
                200, json.dumps(self.discussions.get(name, {"discussions": [], "count": 0, "start": 0})).encode()
            )
        commits = {f"{i + 1:040x}": files for i, files in enumerate(self.repositories[name].values())}
        names = dict(zip(self.repositories[name], commits))
        if "/tree/" in path:
            commit = path.partition("/tree/")[2].strip("/")
            files = commits[names.get(commit, commit)].items()
            listed = [{"type": "file", "path": f, "size": len(c), "oid": hashlib.sha1(c).hexdigest()} for f, c in files]
            return self.reply(200, json.dumps(listed).encode())
        if path.startswith("/api/models/"):
            revision = path.partition("/revision/")[2] or "main"
            if names.get(revision, revision) not in commits:
                return self.reply(404, b"{}", X_Error_Code="RevisionNotFound")
            commit = names.get(revision, revision)
            files = [{"rfilename": file} for file in commits[commit]]
            return self.reply(200, json.dumps({"id": name, "sha": commit, "siblings": files, "tags": []}).encode())
        commit, _, file = path.partition("/resolve/")[2].partition("/")
        content = commits.get(names.get(commit, commit), {}).get(file)
        if content is None:
            return self.reply(404, X_Error_Code="EntryNotFound")
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self.reply(200, content, ETag=etag, X_Repo_Commit=names.get(commit, commit))

    do_HEAD = do_GET


@pytest.fixture
def hub(checkpoint, monkeypatch):
    files = {file.name: file.read_bytes() for file in checkpoint("clip").iterdir() if file.is_file()}
    pickled = {name: content for name, content in files.items() if not name.endswith("safetensors")}
    pickled["pytorch_model.bin"] = b"not read"
    monkeypatch.setattr(
        Hub,
        "repositories",
        {
            "org/whole": {"main": files},
            "org/pickled": {"main": pickled},
            "org/converted": {"main": pickled, "refs/pr/3": files},
        },
    )
    monkeypatch.setattr(Hub, "gated", {"org/gated"})
    request = {"num": 3, "status": "open", "isPullRequest": True, "title": "Adding `safetensors` variant of this model"}
    request |= {
        "author": {"name": "SFconvertbot"},
        "createdAt": "2024-01-01T00:00:00.000Z",
        "repo": {"name": "x", "type": "model"},
    }
    monkeypatch.setattr(Hub, "discussions", {"org/converted": {"discussions": [request], "count": 1, "start": 0}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_hub(hub, checkpoint, tmp_path):
    asked = ["org/whole", "org/nobody", "org/gated", "org/pickled", "org/converted"]
    whole, nobody, gated, pickled, converted = ask(*asked, home=tmp_path, HF_ENDPOINT=hub, HF_HUB_OFFLINE="0")
    local = load_encoder(str(checkpoint("clip")), device="cpu")
    print_, *numbers = whole.split()[2:]
    assert print_ == local.fingerprint  # the hub's own digest of a file is the digest of its content
    np.testing.assert_allclose([float(x) for x in numbers], local.encode_text(["cat"])[0, :3], atol=1e-6)
    assert nobody.startswith("NotAvailableError no folder and no model on the hub is called 'org/nobody'")
    assert "gated: accept its terms" in gated
    assert "pickled .bin weights can run code and are not read" in pickled
    assert converted.split()[2:] == whole.split()[2:]

    asked = ["org/whole", "org/converted", "org/nobody"]
    again = ask(*asked, home=tmp_path, HF_ENDPOINT="http://127.0.0.1:1", HF_HUB_OFFLINE="1")
    assert again[:2] == [whole, converted]  # from the cache that HF_HOME names
    assert "drop local_files_only or HF_HUB_OFFLINE to download it" in again[2]


def test_unreachable_hub(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (line,) = ask("org/whole", home=tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{port}", HF_HUB_OFFLINE="0")
    assert "the hub cannot be reached: check the connection" in line
    assert "use the built-in model 'mini'" in line


def test_names_that_are_no_model(tmp_path):
    with pytest.raises(UnknownNameError, match=r"did you mean .*siglip2-base-patch16-224"):
        load_encoder("siglip2-base-patch16-224")
    with pytest.raises(UnknownNameError, match="did you mean mini"):
        load_encoder("minni")
    for name in ("./nothing", "/no/such/folder", "a/b/c"):
        with pytest.raises(InputError, match=f"no folder '{name}'"):
            load_encoder(name)
    with pytest.raises(NotAvailableError, match=r"without config\.json"):
        load_encoder(str(tmp_path))


def change_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.fixture
def copied(checkpoint, tmp_path):
    import shutil

    return lambda family: shutil.copytree(checkpoint(family), tmp_path / family)


def test_architectures_that_cannot_be_used(copied):
    from transformers import BertConfig, BertModel

    folder = copied("clip")
    change_config(folder, model_type="newest", auto_map={"AutoModel": "code.Model"})
    (folder / "code.py").write_text("raise SystemExit('foreign code was run')")
    with pytest.raises(CapabilityError, match="code that comes with a checkpoint is never run"):
        load_encoder(str(folder))
    change_config(folder, model_type="clipseg")
    with pytest.raises(CapabilityError, match="is a clipseg model; dual encoders are: clip"):
        load_encoder(str(folder))

    sizes = {"vocab_size": 30, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(hidden_size=16, **sizes)).save_pretrained(folder / "words")
    with pytest.raises(CapabilityError, match="is a bert model, which does not encode images"):
        load_encoder(str(folder / "words"))


def test_naflex_is_refused_with_what_to_use(copied):
    from transformers import Siglip2ImageProcessorPil

    folder = copied("siglip2")
    Siglip2ImageProcessorPil().save_pretrained(folder)
    change_config(folder, model_type="siglip2")
    with pytest.raises(CapabilityError, match=r"NaFlex .*use one with a fixed resolution"):
        load_encoder(str(folder))


def test_weights_that_are_missing_or_cut(copied):
    from safetensors.torch import load_file, save_file

    file = copied("clip") / "model.safetensors"
    weights = load_file(file)
    del weights["text_projection.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(NotAvailableError, match=r"lacks 1 weights of its architecture \(text_projection\.weight"):
        load_encoder(str(file.parent))
    os.truncate(file, 1000)
    with pytest.raises(NotAvailableError, match=r"the weights of .* cannot be read"):
        load_encoder(str(file.parent))
    file.unlink()
    with pytest.raises(NotAvailableError, match=r"has no model\.safetensors"):
        load_encoder(str(file.parent))


def test_fingerprint_changes_with_all_that_changes_a_vector(copied):
    folder = copied("clip")
    before = load_encoder(str(folder))
    assert load_encoder(str(folder)).fingerprint == before.fingerprint
    change_config(folder, transformers_version="0.0")
    assert load_encoder(str(folder)).fingerprint == before.fingerprint

    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "resample": 2}))
    resampled = load_encoder(str(folder))
    assert resampled.fingerprint != before.fingerprint
    assert resampled.text_fingerprint == before.text_fingerprint  # the texts' vectors are the same
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))

    tokens = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**tokens, "normalizer": None}))
    other = load_encoder(str(folder))
    assert other.fingerprint == before.fingerprint
    assert other.text_fingerprint != before.text_fingerprint
    (folder / "tokenizer.json").write_text(json.dumps(tokens))

    config = json.loads((folder / "config.json").read_text())
    change_config(folder, vision_config={**config["vision_config"], "hidden_act": "gelu"})
    assert load_encoder(str(folder)).fingerprint != before.fingerprint
