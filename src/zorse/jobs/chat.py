"""A language model behind the OpenAI-compatible chat protocol, over the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from zorse.core.errors import InputError, NotAvailableError

_MOST_BYTES = 4 << 20  # of one answer
_LONGEST_WAIT = 120.0  # seconds between two tries, whatever a server asks for
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}


class ChatServer:
    """Ask a model; a call gives its answer as text.

    Parameters
    ----------
    url : str
        Such as ``http://localhost:8000/v1``; ``/chat/completions`` is added where it is missing.
    model : str, optional
        Its name; by default the first that the server lists.
    timeout : float
        Seconds that one answer may take, from the question to its last byte.
    tries : int
    per_minute : float, optional
        Questions a minute at most.
    environment : mapping, optional
        Where the key is: ``ZORSE_LLM_KEY`` goes to whatever server is named, ``OPENAI_API_KEY`` only over https or to
        this machine. It is in no message and no file.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        timeout: float = 120.0,
        tries: int = 5,
        per_minute: float | None = None,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], Any] = time.sleep,
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"expected the address of a server, such as http://localhost:8000/v1; got {parts.path!r}")
        if parts.username or parts.password or parts.query:
            raise InputError("an address holds no key; put it into the environment as ZORSE_LLM_KEY")
        self.base = url.rstrip("/").removesuffix("/chat/completions")
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        self._key = environment.get("ZORSE_LLM_KEY") or (
            environment.get("OPENAI_API_KEY") if parts.scheme == "https" or here else None
        )
        self.timeout, self.tries, self.per_minute, self._sleep = timeout, tries, per_minute, sleep
        self._last = float("-inf")
        # A redirect would carry the key to another server.
        self._opener = urllib.request.build_opener(_NoRedirect)
        self.model = model or self._first_model()

    def __call__(self, question: str) -> str:
        """The answer to one question.

        Raises
        ------
        NotAvailableError
            If the server refuses, or has not given an answer after all tries; it says what the server said.
        """
        body = {"model": self.model, "messages": [{"role": "user", "content": question}], "temperature": 0.7}

        def answer(value: Any) -> str:
            text = value["choices"][0]["message"]["content"]
            if not isinstance(text, str) or not text.strip():
                raise ValueError("an answer without text")
            return text

        return self._ask("/chat/completions", body, answer)

    def _first_model(self) -> str:
        return self._ask("/models", None, lambda value: str(value["data"][0]["id"]))

    def _ask(self, path: str, body: dict | None, read: Callable[[Any], str]) -> str:
        wait, why = 1.0, ""
        for attempt in range(self.tries):
            if attempt:
                self._sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            self._keep_pace()
            try:
                return read(json.loads(self._send(path, body)))
            except urllib.error.HTTPError as error:
                why = self._said(error)
                if error.code not in _AGAIN:
                    raise NotAvailableError(f"{self.base} refuses: {why}") from None
                wait = _asked_to_wait(error.headers.get("Retry-After"), wait)
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                why = self._clean(str(getattr(error, "reason", error)) or type(error).__name__)
            except (ValueError, KeyError, IndexError, TypeError) as error:
                why = f"its answer is not of the chat protocol ({self._clean(str(error))[:80]})"
        raise NotAvailableError(f"{self.base} gave no answer in {self.tries} tries: {why}")

    def _send(self, path: str, body: dict | None) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers)
        ends, parts, size = time.monotonic() + self.timeout, [], 0
        with self._opener.open(request, timeout=self.timeout) as reply:
            while part := reply.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise ValueError("more than 4 MB")
                if time.monotonic() > ends:  # a server that trickles never runs into the socket's own limit
                    raise TimeoutError("timed out")
        return b"".join(parts)

    def _keep_pace(self) -> None:
        if self.per_minute:
            pause = self._last + 60 / self.per_minute - time.monotonic()
            if pause > 0:
                self._sleep(pause)
        self._last = time.monotonic()

    def _said(self, error: urllib.error.HTTPError) -> str:
        try:
            with error:
                text = error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(text)["error"]
            text = told["message"] if isinstance(told, dict) else str(told)
        return self._clean(f"{error.code} {error.reason}: {' '.join(str(text).split())[:200]}")

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "(key)") if self._key else text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _asked_to_wait(header: str | None, wait: float) -> float:
    """Seconds or a date; what can't be read counts for nothing."""
    if header:
        try:
            wait = float(header)
        except ValueError:
            with suppress(ValueError, TypeError):
                wait = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT) if wait == wait else 1.0
