"""Owns what becomes of a request's tokens on their way to its client: events on a stream, or one whole answer.
Must not know the queue, nor how tokens arise.
"""

import asyncio

from . import http1
from .answer import Writer, failure_events
from .errors import ApiError
from .text import TextStream


class StreamSink:
    """Writes each token as it comes, one event a token and one HTTP chunk an event.

    What a slow client has not read yet waits in the connection's buffer, which its answer bounds.
    """

    def __init__(self, writer: Writer, text: TextStream, connection: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._text = text
        self._connection = connection
        # Done when the stream has ended.
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def token(self, token: int, ending: str | None) -> None:
        text = self._text.push(token, is_last=ending is not None)
        self._write(self._writer.events(token, text, ending), is_last=ending is not None)

    def failed(self, error: ApiError) -> None:
        self._write(failure_events(error), is_last=True)

    def _write(self, events: list[bytes], is_last: bool) -> None:
        for event in events:
            self._connection.write(http1.chunk(event))
        if is_last:
            self._connection.write(http1.LAST_CHUNK)
            self.ended.set_result(None)


class WholeSink:
    """Collects the tokens of one whole answer."""

    def __init__(self, writer: Writer, text: TextStream) -> None:
        self._writer = writer
        self._text = text
        self._tokens: list[int] = []
        self._texts: list[str] = []
        # The body, or the ApiError in its place.
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def token(self, token: int, ending: str | None) -> None:
        self._tokens.append(token)
        self._texts.append(self._text.push(token, is_last=ending is not None))
        if ending is not None:
            self.ended.set_result(self._writer.whole(self._tokens, "".join(self._texts), ending))

    def failed(self, error: ApiError) -> None:
        self.ended.set_exception(error)
