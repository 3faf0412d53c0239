"""Owns HTTP/1.1 on one connection: requests read within bounds, answers framed.
Must not know which routes there are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .errors import ApiError, malformed, too_large

MAX_BODY_BYTES = 1 << 20
LAST_CHUNK = b"0\r\n\r\n"
JSON = "application/json"
# Connections that may wait to be taken: a closed loop of a thousand clients opens them at once.
_BACKLOG = 4096

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    body: bytes
    # Whether the client wants the connection for another one.
    keep_alive: bool


class Reader(asyncio.StreamReader):
    """A connection's bytes; tells of the client's end without taking the next request's bytes for it."""

    def __init__(self) -> None:
        super().__init__()
        # Done when the client has closed or the connection has broken.
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def feed_eof(self) -> None:
        super().feed_eof()
        self._tell()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self._tell()

    def _tell(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def listen(
    port: int, serve: Callable[[Reader, asyncio.StreamWriter], Awaitable[None]]
) -> tuple[asyncio.Server, int]:
    """Listens on 127.0.0.1 and gives the port; 0 takes a free one. Raises OSError where it cannot be had."""

    def protocol() -> asyncio.StreamReaderProtocol:
        reader = Reader()
        return asyncio.StreamReaderProtocol(reader, lambda _, writer: serve(reader, writer))

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, backlog=_BACKLOG)
    return server, server.sockets[0].getsockname()[1]


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Reads the next request; None where the client has closed. Raises the ApiError that is the answer to a bad one."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise malformed("The request's head is too long.") from None
    line, *lines = head[:-4].decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise malformed("The connection does not speak HTTP/1.1.")
    headers = {}
    for header in lines:
        name, colon, value = header.partition(":")
        if not colon:
            raise malformed("A header of the request has no colon.")
        headers[name.strip().lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (words[2] != "HTTP/1.0" or "keep-alive" in connection)
    if "transfer-encoding" in headers:
        raise ApiError(411, "Length Required", "Send the body with a Content-Length.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise malformed("The Content-Length is not a number.")
    if int(length) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await reader.readexactly(int(length))
    except asyncio.IncompleteReadError:
        raise malformed("The request body ended early.") from None
    return Request(words[0], words[1].partition("?")[0], body, keep_alive)


def answer(status: int, body: bytes, kind: str = JSON, keep_alive: bool = True) -> bytes:
    """A whole answer."""
    head = [f"content-type: {kind}"] if body else []
    return _head(status, [*head, f"content-length: {len(body)}"], keep_alive) + body


def stream_head(keep_alive: bool) -> bytes:
    """The head of a stream of events; chunks follow."""
    kind = "content-type: text/event-stream; charset=utf-8"
    return _head(200, [kind, "cache-control: no-store", "transfer-encoding: chunked"], keep_alive)


def chunk(data: bytes) -> bytes:
    """One chunk of a stream."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _head(status: int, headers: list[str], keep_alive: bool) -> bytes:
    if not keep_alive:
        headers = [*headers, "connection: close"]
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *headers, "", ""]
    return "\r\n".join(lines).encode()
