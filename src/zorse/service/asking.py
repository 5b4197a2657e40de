"""What a request may say, as JSON or as a form: the fields, and the checks that need no model."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from zorse.core.errors import InputError
from zorse.semantics import check_labels, parse_labels
from zorse.service.limits import Limits, Refusal

_NAME = 200  # characters of a file's name that are given back
_TYPES = ("application/octet-stream", "")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that came with a request; ``name`` is what the sender calls it and is never opened."""

    name: str
    content: bytes


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Images = Annotated[list[str], Field(description="Image files in base64; a data URL will do.")]
_Urls = Annotated[list[str], Field(description="Addresses of images; refused unless the service allows it.")]
_TopK = Annotated[int, Field(ge=1, le=1000, description="How many labels, or pictures, are listed.")]


class Classify(_Body):
    """Name what is in images."""

    images: _Images = []
    urls: _Urls = []
    labels: Annotated[
        list[str] | str | None,
        Field(description="Names to choose from: a list, or one text parted by commas. Default: the service's own."),
    ] = None
    top_k: _TopK = 5
    heat: Annotated[bool, Field(description="Where the picture supports each label that is listed.")] = False


class Embed(_Body):
    """Turn images and texts into unit vectors."""

    images: _Images = []
    urls: _Urls = []
    texts: Annotated[list[str], Field(description="Texts to embed in the space of the images.")] = []


class Search(_Body):
    """Find pictures of the index."""

    images: Annotated[list[str], Field(description="At most one image file in base64.", max_length=1)] = []
    urls: Annotated[list[str], Field(description="At most one address of an image.", max_length=1)] = []
    text: Annotated[str | None, Field(description="What should be seen; with an image, what should be different.")] = (
        None
    )
    without: Annotated[str | None, Field(description="What should not be seen.")] = None
    folder: Annotated[str | None, Field(description="Only pictures in this folder.")] = None
    top_k: _TopK = 10
    thumbnails: Annotated[bool, Field(description="Give a small JPEG of each picture found.")] = False


Asked = TypeVar("Asked", bound=_Body)
_TEXT_LISTS = ("urls", "texts")
_NUMBERS, _FLAGS = ("top_k",), ("heat", "thumbnails")


def read_request(kind: type[Asked], content_type: str, body: bytes, limits: Limits) -> tuple[Asked, list[Picture]]:
    """A request's fields and its images.

    Raises
    ------
    Refusal
        415 for a content type that is neither JSON nor a form, 400 for a body that is not what it says, 413 for too
        many images, 422 for a field that is not what it should be.
    """
    media, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if media == b"application/json":
        asked = _valid(kind, body)
        pictures = [Picture(f"#{at}", _decoded(text, at)) for at, text in enumerate(asked.images)]  # type: ignore[attr-defined]
    elif media == b"multipart/form-data":
        fields, pictures = _form(options.get(b"boundary", b""), body, limits)
        asked = _valid(kind, fields)
    else:
        raise Refusal(415, "send multipart/form-data or application/json")
    _within(asked, len(pictures) + len(asked.urls), limits)  # type: ignore[attr-defined]
    return asked, pictures


def read_labels(labels: list[str] | str | None, limits: Limits) -> tuple[str, ...] | None:
    """Names from a list, from a JSON list in a text, or from a text parted by commas.

    Raises
    ------
    Refusal
        413 for too many, 422 for names that cannot be used.
    """
    if labels is None:
        return None
    try:
        if isinstance(labels, str):
            if labels.lstrip().startswith("["):
                try:
                    labels = json.loads(labels)
                except (ValueError, RecursionError):
                    raise InputError("labels begin with [ but are not a JSON list") from None
                if not isinstance(labels, list):
                    raise InputError("labels begin with [ but are not a JSON list")
                names = check_labels(labels)
            else:
                names = parse_labels(labels)
        else:
            names = check_labels(labels)
    except InputError as error:
        raise Refusal(422, str(error)[:500]) from error
    _check_texts("label", names, limits)
    return tuple(names)


def _within(asked: Any, images: int, limits: Limits) -> None:
    if images > limits.images:
        raise Refusal(413, f"{images} images; a request has at most {limits.images}")
    _check_texts("text", getattr(asked, "texts", []), limits)
    for name in ("text", "without", "folder"):
        text = getattr(asked, name, None)
        if text is not None and (name, text) != ("folder", ""):  # '' is the top, outside all folders
            _check_text(name, text, limits)


def _check_texts(kind: str, texts: list[str], limits: Limits) -> None:
    if len(texts) > limits.labels:
        raise Refusal(413, f"{len(texts)} {kind}s; a request has at most {limits.labels}")
    for at, text in enumerate(texts, 1):
        _check_text(f"{kind} {at}", text, limits)


def _check_text(which: str, text: str, limits: Limits) -> None:
    if len(text) > limits.letters:
        raise Refusal(413, f"{which} has {len(text):,} characters; at most {limits.letters} are read")
    if not text.strip() or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise Refusal(422, f"{which} is blank or has control characters")


def _valid(kind: type[Asked], value: Any) -> Asked:
    try:
        return kind.model_validate_json(value) if isinstance(value, bytes) else kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise Refusal(400, "the body is not JSON") from None
        where = ".".join(str(part) for part in first["loc"][:2])[:80] or "the body"
        raise Refusal(422, f"{where}: {first['msg'][:200]}") from None


def _decoded(text: str, at: int) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Refusal(422, f"image {at + 1} is not base64") from None


class _Part:
    """One part of a form as it comes along."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.name, self.value = b"", b""
        self.data = bytearray()

    def end_header(self) -> None:
        self.headers[self.name.lower()] = self.value
        self.name = self.value = b""


def _form(boundary: bytes, body: bytes, limits: Limits) -> tuple[dict[str, Any], list[Picture]]:
    if not boundary:
        raise Refusal(400, "the form has no boundary")
    parts: list[_Part] = []
    most = limits.images + limits.labels + 16  # labels may be sent as repeated fields

    def begin() -> None:
        if len(parts) >= most:
            raise Refusal(413, f"the form has more than {most} fields")
        parts.append(_Part())

    def name(data: bytes, start: int, end: int) -> None:
        parts[-1].name += data[start:end]

    def value(data: bytes, start: int, end: int) -> None:
        parts[-1].value += data[start:end]

    def content(data: bytes, start: int, end: int) -> None:
        parts[-1].data += memoryview(data)[start:end]

    ended = []
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_header_field": name,
                "on_header_value": value,
                "on_header_end": lambda: parts[-1].end_header(),
                "on_part_data": content,
                "on_end": lambda: ended.append(True),
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise Refusal(400, "the body is not a form, or is cut off") from None
    if not ended:
        raise Refusal(400, "the form is cut off")
    return _sorted(parts)


def _sorted(parts: list[_Part]) -> tuple[dict[str, Any], list[Picture]]:
    """Fields of a form in the shape of the JSON body, and its images."""
    fields: dict[str, Any] = {}
    pictures: list[Picture] = []
    repeated: dict[str, list[str]] = {}
    for part in parts:
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        try:
            name = options[b"name"].decode()
            file = options.get(b"filename", b"").decode("utf-8", "replace")
            if name not in ("image", "images"):
                repeated.setdefault(name, []).append(bytes(part.data).decode())
                continue
        except (KeyError, UnicodeDecodeError):
            raise Refusal(400, "a field of the form has no name, or is not UTF-8") from None
        if not part.data and not file:
            continue  # what a browser sends for a file that was not chosen
        media = parse_options_header(part.headers.get(b"content-type", b""))[0].decode("latin-1")
        if not media.startswith("image/") and media not in _TYPES:
            raise Refusal(415, f"an image is sent as {media[:60]}; expected image/jpeg, image/png or the like")
        shown = "".join(c for c in file if c.isprintable()).replace("\\", "/").rpartition("/")[2]
        pictures.append(Picture(shown[:_NAME] or f"#{len(pictures)}", bytes(part.data)))
    for name, values in repeated.items():
        name = {"url": "urls"}.get(name, name)
        if name in _TEXT_LISTS:
            fields[name] = fields.get(name, []) + [value for value in values if value]
        elif name == "labels":
            fields[name] = values[0] if len(values) == 1 else values
        elif len(values) > 1:
            raise Refusal(422, f"the field {name[:40]!r} is given {len(values)} times")
        elif name in _NUMBERS and (text := values[0].strip()).isascii() and text.isdigit() and len(text) < 10:
            fields[name] = int(text)
        elif name in _FLAGS and values[0].lower() in ("true", "false", "1", "0", "on", "off"):
            fields[name] = values[0].lower() in ("true", "1", "on")
        else:
            fields[name] = values[0]
    # What a browser sends for a field that was left empty.
    return {name: value for name, value in fields.items() if value != ""}, pictures
