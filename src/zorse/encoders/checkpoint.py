"""A checkpoint's folder: found on disk, in the hub's cache, or fetched from the hub."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zorse.core.errors import CapabilityError, InputError, NotAvailableError
from zorse.core.files import atomic_path

# What an encoder needs: descriptions, tokenizers, and weights that hold no code. Variants (model.fp16.safetensors)
# and other frameworks' copies stay where they are.
_WANTED = ["*.json", "*.txt", "*.model", "model*.safetensors"]
_UNWANTED = ["*/*", "model.*.safetensors"]
_NOT_CONTENT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


def find_checkpoint(name: str, revision: str | None = None, local_files_only: bool | None = None) -> Path:
    """Folder of a local checkpoint or of a hub id, downloaded where it is not in the cache.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` mean what they mean to the hub's own tools.

    Raises
    ------
    InputError
        If a path was meant and there is no such folder, or the name cannot be a hub id.
    NotAvailableError
        If the hub cannot be reached or has no such model, or there are no safetensors weights.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            if (folder / "adapted.json").exists():
                raise InputError(
                    f"{name} is what zorse adapt wrote over a model that stayed as it is; zorse classify and zorse "
                    "serve take it, and here its base is wanted"
                )
            raise NotAvailableError(
                f"{name} is a folder without config.json; expected a model saved in the hub's format"
            )
    elif name.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise InputError(f"no folder {name!r}; expected a folder, or a hub id such as google/siglip2-base-patch16-224")
    else:
        folder = _download(name, revision, bool(local_files_only))
        if not _weights(folder) and revision is None and (converted := _converted(name, bool(local_files_only))):
            folder = _download(name, converted, bool(local_files_only))
    if not _weights(folder):
        raise NotAvailableError(
            f"{name} has no model.safetensors (pickled .bin weights can run code and are not read); convert it with "
            "transformers: AutoModel.from_pretrained(...).save_pretrained(folder), and load that folder"
        )
    return folder


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weight files: the hub's cache names them by it, other files are read once."""
    whole = hashlib.sha256()
    for file in _weights(folder):
        blob = file.resolve().name
        if not re.fullmatch(r"[0-9a-f]{64}", blob):
            with file.open("rb") as content:
                blob = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(bytes.fromhex(blob))
    return whole.hexdigest()


def config_digest(folder: Path) -> str:
    """SHA-256 of what config.json says of the architecture: the same weights under another activation differ."""
    config = json.loads((folder / "config.json").read_text())
    return hashlib.sha256(json.dumps(_stripped(config), sort_keys=True).encode()).hexdigest()


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 over the tokenizer's files."""
    whole = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.name in ("vocab.json", "merges.txt", "vocab.txt") or file.name.startswith(
            ("tokenizer", "spiece", "sentencepiece", "special_tokens", "added_tokens")
        ):
            whole.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def tensors_digest(state: Mapping[str, Any]) -> str:
    """SHA-256 over named tensors."""
    whole = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        whole.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()


def forget(encoder: Any, digest: str) -> None:
    """Make ``encoder``, whose cached properties tell of other weights, tell of those with that digest."""
    for name in ("fingerprint", "text_fingerprint"):
        vars(encoder).pop(name, None)
    vars(encoder)["_weights"] = digest


def save_checkpoint(source: Path, folder: Path, state: Mapping[str, Any]) -> None:
    """A checkpoint with the files of ``source`` but for its weights; a crash leaves no folder that looks whole.

    Raises
    ------
    NotAvailableError
        If the folder can't be written.
    """
    from safetensors.torch import save_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(source.iterdir()):
            told = file.suffix in (".json", ".txt", ".model") and not file.name.endswith(".index.json")
            if told and file.name not in ("config.json", "adapted.json"):  # the latter is about those weights
                shutil.copyfile(file, folder / file.name)
        with atomic_path(folder / "model.safetensors") as path:
            body = {name: tensor.cpu().contiguous().clone() for name, tensor in state.items()}
            save_file(body, path, {"format": "pt"})
        with atomic_path(folder / "config.json") as path:  # last: without it the folder is no checkpoint
            path.write_text((source / "config.json").read_text())
    except OSError as error:
        raise NotAvailableError(f"cannot write {folder}: {error.strerror or error}") from error


def _stripped(config: object) -> object:
    if isinstance(config, dict):
        return {key: _stripped(value) for key, value in config.items() if key not in _NOT_CONTENT}
    return config


def _weights(folder: Path) -> list[Path]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if index.exists():
        return [folder / file for file in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    return []


def _download(name: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import errors, snapshot_download

    try:
        found = snapshot_download(
            name,
            revision=revision,
            local_files_only=local_files_only,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
        )
    except errors.GatedRepoError as error:
        raise NotAvailableError(
            f"{name} is gated: accept its terms on the hub's page of the model, then log in with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise NotAvailableError(f"{name} has no revision {revision!r} on the hub") from error
    except errors.RepositoryNotFoundError as error:
        raise NotAvailableError(
            f"no folder and no model on the hub is called {name!r}; check the spelling (zorse models lists known "
            "ones), or log in with: hf auth login, if it is private"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise NotAvailableError(_unreachable(name, local_files_only)) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise NotAvailableError(
            f"{name} cannot be fetched from the hub: {str(error).strip().splitlines()[0]}"
        ) from error
    if not (Path(found) / "config.json").exists():
        if local_files_only or _offline():
            raise NotAvailableError(_unreachable(name, local_files_only))
        raise CapabilityError(f"{name} has no config.json: it is not a model that transformers can load")
    return Path(found)


def _unreachable(name: str, local_files_only: bool) -> str:
    way = (
        "drop local_files_only or HF_HUB_OFFLINE to download it"
        if local_files_only or _offline()
        else "the hub cannot be reached: check the connection (or HF_ENDPOINT)"
    )
    return f"{name} is not a folder and not in the hub's cache; {way}, or use the built-in model 'mini'"


def _offline() -> bool:
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def _converted(name: str, local_files_only: bool) -> str | None:
    """The open pull request in which the hub's own bot offers a model's weights as safetensors.

    Some of the most used checkpoints still hold only .bin on their main branch.
    """
    from huggingface_hub import constants, get_repo_discussions
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if local_files_only or _offline():
        cached = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "refs", "refs", "pr")
        numbers = sorted(file.name for file in cached.glob("*")) if cached.is_dir() else []
        return f"refs/pr/{numbers[-1]}" if numbers else None
    try:
        for request in get_repo_discussions(name, author="SFconvertbot", discussion_type="pull_request"):
            if request.status == "open" and request.title == "Adding `safetensors` variant of this model":
                return request.git_reference
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError):
        return None
    return None
