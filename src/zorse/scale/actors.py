"""Work on the devices of a Ray cluster: an actor a device, an item at a time, again where an actor dies."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zorse.core.errors import MissingDependencyError, NotAvailableError, ZorseError

DEATHS = 3  # actors that an item may kill before it is left out
SILENCE = 600.0  # seconds after which an actor that gives no sign of life is taken for dead; loading a model is one
_LOOK = 10.0  # seconds between looks at who is alive, while nothing finishes
_PATIENCE = 5.0  # seconds for a cluster to answer; Ray itself would try for minutes, and end the process
_VARIABLES = ("ZORSE_CACHE", "ZORSE_DATA", "HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT")  # no token leaves the machine
_END = object()


@dataclass(frozen=True)
class Died:
    """What came out of an item that killed every actor that took it; ``why`` is what Ray says of the last."""

    why: str


@dataclass(frozen=True)
class Last:
    """What an actor answers that must not be given another item."""

    result: Any


@dataclass(frozen=True)
class Place:
    """Where the driver stands: what a relative path, a module of one's own and a variable mean to it."""

    folder: str
    path: tuple[str, ...]
    variables: dict[str, str]

    @classmethod
    def here(cls) -> Place:
        """This process's."""
        ours = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        return cls(str(Path.cwd()), tuple(sys.path), ours)

    def enter(self) -> None:
        """Make them mean the same in this process, as far as its machine has them."""
        with suppress(OSError):
            os.chdir(self.folder)
        sys.path += [place for place in self.path if place not in sys.path]
        os.environ.update(self.variables)


class _Worker:
    """An actor, and when it last gave a sign of life: a second thread of it answers while the first is at work."""

    def __init__(self, ray: Any, actor: Any):
        self.ray, self.actor = ray, actor
        self._listen()
        self.born = self.pulse

    def give(self, item: Any) -> Any:
        """Hand it an item; a reference to what comes out."""
        self._listen()
        return self.actor.do.remote(item)

    def silent(self) -> bool:
        """Whether it is dead, or has said nothing for too long."""
        if self.ray.wait([self.pulse], timeout=0)[0]:
            try:
                self.ray.get(self.pulse)
            except self.ray.exceptions.RayError:
                return True
            self._listen()
        return time.monotonic() - self.heard > SILENCE

    def placed(self) -> bool:
        """Whether a machine has ever taken it in."""
        return bool(self.ray.wait([self.born], timeout=0)[0])

    def kill(self) -> None:
        """End its process; nothing happens to one that is dead."""
        self.ray.kill(self.actor)

    def _listen(self) -> None:
        self.pulse, self.heard = self.actor.__ray_ready__.remote(), time.monotonic()


def on_actors(
    actor: type,
    given: tuple,
    items: Iterable[Any],
    *,
    address: str | None = None,
    workers: int | None = None,
    tries: int | None = None,
    room: Callable[[], bool] = lambda: True,
) -> Generator[tuple[Any, Any], None, None]:
    """Every item with what an actor made of it, in the order they finish; whoever stops listening stops the actors.

    An actor is given its next item when it has finished the last, so nothing piles up and the slowest machine holds
    up nobody. Every item under way is in the hands of one actor; where that dies or falls silent, the item goes back to
    the front, and another actor is started. Nothing is waited for without end: an item kills at most ``tries``
    actors, and an actor that finds no place in ``SILENCE`` seconds is given up, so that the job goes on with one fewer.

    Parameters
    ----------
    actor : type
        Its constructor takes ``given``, its method ``do`` an item.
    items : iterable
        Read one at a time, when an actor is free.
    address : str, optional
        Of a cluster, "auto" for that of this machine; without it the Ray that this process is connected to, or one
        that starts here and ends with the job.
    workers : int, optional
        Actors; one a GPU by default, or one a processor where there is none.
    tries : int, optional
        Actors that an item may kill; ``DEATHS`` by default.
    room : callable, optional
        Whether another item may be begun while others are under way.

    Yields
    ------
    item, result
        ``result`` is a :class:`Died` where there is none.

    Raises
    ------
    NotAvailableError
        If there is no cluster, none of its places comes free, actors die before any has finished anything (with
        ``tries`` above 1), or one raises.
    """
    tries = DEATHS if tries is None else tries
    with _connected(address, workers) as ray:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        slots = gpus or max(1, int(ray.cluster_resources().get("CPU", 1)))
        count = min(workers or slots, slots)  # what finds no place would wait with its item for ever
        needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        # Two at once: an item, and the answer that it is alive.
        remote = ray.remote(actor).options(max_restarts=0, max_task_retries=0, max_concurrency=2, **needs)
        items, again, finished = iter(items), deque[Any](), False
        deaths, fallen = Counter[int](), 0  # by identity of an item under way; in all
        busy: dict[Any, tuple[_Worker, Any]] = {}
        idle: list[_Worker] = []
        ready: list[tuple[Any, Any]] = []
        try:
            while True:
                while (idle or len(busy) < count) and (again or not busy or room()):
                    item = again.popleft() if again else next(items, _END)
                    if item is _END:
                        break
                    one = idle.pop() if idle else _Worker(ray, remote.remote(*given))
                    busy[one.give(item)] = one, item
                yield from ready  # after work has been given, so that nobody waits for who listens
                ready = []
                if not busy:
                    if again:
                        continue
                    return
                done, _ = ray.wait(list(busy), num_returns=1, timeout=_LOOK)
                for result in done or [result for result, (one, _) in busy.items() if one.silent()]:
                    one, item = busy.pop(result)
                    try:
                        if not done:
                            raise TimeoutError(f"it died, or gave no sign of life in {SILENCE:g} s")
                        made = ray.get(result)
                    except ray.exceptions.RayTaskError as error:
                        one.kill()
                        raise _cause(error) from error
                    except (ray.exceptions.RayError, TimeoutError) as error:
                        placed = done or one.placed()
                        one.kill()
                        told = str(error).strip().splitlines()[-1].strip()
                        if not placed:  # no fault of the item's
                            again.appendleft(item)
                            count -= 1
                            if not count:
                                raise NotAvailableError(
                                    f"no worker found a place on the cluster in {SILENCE:g} s; is it full?"
                                ) from error
                            continue
                        deaths[id(item)] += 1
                        fallen += 1
                        if tries > 1 and not finished and fallen > tries * count:
                            raise NotAvailableError(f"workers die before they finish anything: {told}") from error
                        if deaths[id(item)] < tries:
                            again.appendleft(item)
                            continue
                        made = Died(told)
                    else:
                        finished = True
                        if isinstance(made, Last):
                            made = made.result
                            one.kill()
                        else:
                            idle.append(one)
                    deaths.pop(id(item), None)
                    ready.append((item, made))
        finally:
            for one in [*idle, *(one for one, _ in busy.values())]:
                one.kill()


@contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster, which is left again if it was not there before."""
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("ray", "scale", "the engine ray") from error
    own = not ray.is_initialized()
    if own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 otherwise: beside any other load they would starve
        # "local": without any, Ray would join what happens to run on this machine, of whatever size and owner.
        options: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
        if not address and workers:
            options["num_cpus"] = max(workers, os.cpu_count() or 1)
        try:
            _knock(address)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except (OSError, RuntimeError, ValueError) as error:
            where = f"no Ray cluster at {address}" if address else "Ray does not start"
            raise NotAvailableError(f"{where}: {str(error).splitlines()[0]}") from error
    from ray._private import worker as private

    printed: Any = getattr(private, "print_to_stdstream", None)
    if own:  # Ray prints on stdout, where answers go, that a worker died, log_to_driver or not; no setting stops it
        private.print_to_stdstream = lambda *_, **__: None
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()
            private.print_to_stdstream = printed


def _knock(address: str | None) -> None:
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()


def _cause(error: Any) -> Exception:
    """What a worker raised, as it raised it where it is for people."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, ZorseError):
        return cause
    return NotAvailableError(f"a worker failed: {str(error).strip().splitlines()[-1]}")
