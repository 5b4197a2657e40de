"""Images by address, without becoming a door to the network the service stands in."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urljoin, urlsplit

import h11

from zorse.service.limits import Refusal

_REDIRECTS = 3
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where an IPv6 address carries an IPv4 one."""
    try:
        ip: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.teredo is not None:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name."""
    import socket

    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Fetcher:
    """Gets an image from an http or https address.

    A name is resolved once, every address it has must be public, and the connection goes to the address that was
    checked, so a name that changes its answer gains nothing. Each redirect starts anew with the same checks.

    Parameters
    ----------
    public, resolve : callable
        Which addresses are allowed, and what addresses a name has.
    ports : tuple of int
        Ports that may be named.
    """

    def __init__(
        self,
        public: Callable[[str], bool] = is_public,
        resolve: Callable[[str, int], Awaitable[list[str]]] = look_up,
        ports: tuple[int, ...] | None = (80, 443),
    ):
        self.public, self.resolve, self.ports = public, resolve, ports

    async def __call__(self, url: str, until: float, hold: Callable[[int], None]) -> bytes:
        """The bytes behind ``url``, by ``until`` of ``time.monotonic``; ``hold`` is told of every chunk and may refuse.

        Raises
        ------
        Refusal
            422 with a reason that says nothing about the network here.
        """
        try:
            async with asyncio.timeout(max(until - time.monotonic(), 0.0)):
                for _ in range(_REDIRECTS + 1):
                    content, url = await self._get(url, hold)
                    if content is not None:
                        return content
        except (OSError, h11.RemoteProtocolError, EOFError, UnicodeError) as error:
            if isinstance(error, TimeoutError):
                raise Refusal(422, "an address did not answer in time") from None
            raise Refusal(422, "an address could not be fetched") from None
        raise Refusal(422, f"an address leads on more than {_REDIRECTS} times")

    async def _get(self, url: str, hold: Callable[[int], None]) -> tuple[bytes | None, str]:
        """The content, or None and the address of a redirect."""
        secure, host, port, target = self._parts(url)
        try:
            addresses = await self.resolve(host, port)
        except OSError:
            raise Refusal(422, "the name in an address is not known") from None
        if not addresses or not all(self.public(address) for address in addresses):
            raise Refusal(422, "an address that is not on the public internet is not fetched")
        context = ssl.create_default_context() if secure else None
        reader, writer = await asyncio.open_connection(
            addresses[0], port, ssl=context, server_hostname=host if secure else None
        )
        try:
            return await self._talk(reader, writer, url, host, port, target, hold)
        finally:
            writer.close()

    def _parts(self, url: str) -> tuple[bool, str, int, str]:
        try:
            parts = urlsplit(url)
            secure, host = parts.scheme == "https", (parts.hostname or "").encode("idna").decode()
            port = parts.port or (443 if secure else 80)
        except (ValueError, UnicodeError):
            raise Refusal(422, "an address cannot be read") from None
        if parts.scheme not in ("http", "https") or not host or parts.username is not None or len(url) > 2000:
            raise Refusal(422, "an address is http(s)://name/path, without a user, of at most 2,000 characters")
        if self.ports is not None and port not in self.ports:
            raise Refusal(422, f"an address may only name the ports {', '.join(map(str, self.ports))}")
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return secure, host, port, target + (f"?{query}" if query else "")

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        url: str,
        host: str,
        port: int,
        target: str,
        hold: Callable[[int], None],
    ) -> tuple[bytes | None, str]:
        name = f"[{host}]" if ":" in host else host
        headers = [
            ("Host", name if port in (80, 443) else f"{name}:{port}"),
            ("Accept", "image/*"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "zorse"),
            ("Connection", "close"),
        ]
        talk = h11.Connection(h11.CLIENT)
        writer.write(talk.send(h11.Request(method="GET", target=target, headers=headers)) or b"")
        writer.write(talk.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        chunks: list[bytes] = []
        while True:
            event = talk.next_event()
            if event is h11.NEED_DATA:
                talk.receive_data(await reader.read(1 << 16))
            elif isinstance(event, h11.Response):
                told = {key.decode(): value.decode("latin-1") for key, value in event.headers}
                if event.status_code in (301, 302, 303, 307, 308) and "location" in told:
                    return None, urljoin(url, told["location"])
                if event.status_code != 200:
                    raise Refusal(422, f"an address answered with status {event.status_code}")
                if not told.get("content-type", "").lower().startswith("image/") or "content-encoding" in told:
                    raise Refusal(422, "an address gives something else than an image")
            elif isinstance(event, h11.Data):
                hold(len(event.data))
                chunks.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(chunks), url
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError
