"""A service on a free port of this machine, over the colour encoder."""

import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from zorse.service import Limits, create_app
from zorse.service.server import _listening, _Patient, _Server


@contextmanager
def running(app, **options):
    """The application behind a real socket, on another thread; its address."""
    ready = threading.Event()
    with _listening("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            app, http=_Patient, ws="none", lifespan="on", log_config=None, access_log=False, **options
        )
        server = _Server(config, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(20)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


class Log(list):
    """What the service logs; a line is written just after the answer has left."""

    def last(self):
        for _ in range(200):
            if self:
                return self[-1]
            time.sleep(0.01)
        raise AssertionError("nothing was logged")


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def serving(colours, log):
    """``with serving(limits..., encoder=, token=...) as client``: a client of a service of its own."""

    @contextmanager
    def start(encoder=None, *, app=None, server=None, **options):
        own = {name: options.pop(name) for name in list(options) if name in Limits.__dataclass_fields__}
        app = create_app(encoder or colours, limits=Limits(**own), log=log.append, **options)
        with running(app, **(server or {})) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client

    return start


@pytest.fixture
def client(serving):
    with serving() as client:
        yield client
