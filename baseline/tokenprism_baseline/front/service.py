"""Owns the routes: which request gets which answer, from the first moment of loading to the last of stopping.
Must not know how bytes are framed, nor what computes.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..messages import Loaded
from . import http1
from .answer import Writer
from .dispatch import Dispatcher
from .errors import ApiError, loading, no_route, stopping, wrong_method
from .http1 import Reader, Request
from .job import Job
from .metrics import Metrics
from .request import Limits, read, read_text
from .sinks import StreamSink, WholeSink
from .text import TextStream
from .tokenizer import Tokenizer

_COMPLETIONS = "/v1/completions"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_CREATED_S = int(time.time())


@dataclass(frozen=True)
class Ready:
    """What there is once the model is loaded."""

    loaded: Loaded
    tokenizer: Tokenizer
    dispatcher: Dispatcher


class Service:
    """Answers requests. Used by the event loop's thread only."""

    def __init__(self, model: str, versions: dict[str, Any], metrics: Metrics) -> None:
        self.ready: Ready | None = None
        self.is_stopping = False
        self._model = model
        self._versions = versions
        self._metrics = metrics
        self._numbers = itertools.count()
        # Everything but completions: path, then method, then what gives the answer's kind and body.
        self._routes: dict[str, tuple[str, Callable[[bytes], tuple[str, bytes]]]] = {
            "/health": ("GET", self._health),
            "/metrics": ("GET", lambda _: (_TEXT, self._metrics.render().encode())),
            "/version": ("GET", lambda _: _json(self._version())),
            "/v1/models": ("GET", lambda _: _json(self._models())),
            "/tokenize": ("POST", lambda body: _json(self._tokenize(body))),
        }

    async def connection(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until either side closes it."""
        try:
            goes_on = True
            while goes_on:
                goes_on = await self._exchange(reader, writer)
            await writer.drain()
        except (ConnectionError, TimeoutError):
            pass  # The client is gone; its request has been told so.
        except asyncio.CancelledError:
            pass  # The process ends; a task that ends otherwise would be complained of on the log.
        finally:
            writer.close()

    async def _exchange(self, reader: Reader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether another may follow on the connection."""
        try:
            request = await http1.read_request(reader, writer)
        except ApiError as error:
            # Where the request ends is not known, so nothing can follow.
            writer.write(http1.answer(error.code, error.to_json(), keep_alive=False))
            return False
        if request is None:
            return False
        try:
            if (request.method, request.path) == ("POST", _COMPLETIONS):
                return await self._complete(request, reader, writer)
            kind, body = self._route(request)(request.body)
            answer = http1.answer(200, body, kind, request.keep_alive)
        except ApiError as error:
            answer = http1.answer(error.code, error.to_json(), keep_alive=request.keep_alive)
        writer.write(answer)
        return request.keep_alive

    def _route(self, request: Request) -> Callable[[bytes], tuple[str, bytes]]:
        method, route = self._routes.get(request.path, ("POST" if request.path == _COMPLETIONS else None, None))
        if method is None:
            raise no_route(request.path)
        if method != request.method or route is None:
            raise wrong_method(request.path, method)
        return route

    async def _complete(self, request: Request, reader: Reader, writer: asyncio.StreamWriter) -> bool:
        """Has a request generated; whether another may follow on the connection."""
        ready = self._ready()
        work = read(request.body, self._limits(ready))
        answer = Writer(work, self._model, next(self._numbers), int(time.time()))
        text = TextStream(ready.tokenizer.decode, work.prompt)
        sink = StreamSink(answer, text, writer) if work.stream else WholeSink(answer, text)
        job = Job(work, sink)
        ready.dispatcher.push(job)
        if work.stream:
            # At once, as others do: the client learns that its request is taken.
            writer.write(http1.stream_head(request.keep_alive))
        await asyncio.wait({sink.ended, reader.closed}, return_when=asyncio.FIRST_COMPLETED)
        if not sink.ended.done():
            # The client has gone; its place is free.
            ready.dispatcher.leave(job)
            return False
        body = await sink.ended
        if body is not None:
            writer.write(http1.answer(200, body, keep_alive=request.keep_alive))
        return request.keep_alive

    def _ready(self) -> Ready:
        if self.is_stopping:
            raise stopping()
        if self.ready is None:
            raise loading()
        return self.ready

    def _limits(self, ready: Ready) -> Limits:
        return Limits(self._model, ready.loaded.max_model_len, ready.loaded.vocab_size, ready.tokenizer.encode)

    def _health(self, _: bytes) -> tuple[str, bytes]:
        self._ready()
        return _TEXT, b""

    def _version(self) -> dict[str, Any]:
        return self._versions | (self.ready.loaded.facts if self.ready else {})

    def _models(self) -> dict[str, Any]:
        ready = self._ready()
        model = {
            "id": self._model,
            "object": "model",
            "created": _CREATED_S,
            "owned_by": "tokenprism",
            "root": self._model,
            "parent": None,
            "max_model_len": ready.loaded.max_model_len,
            "parameters": ready.loaded.parameters,
            "weights": ready.loaded.facts["weights"],
            "device": ready.loaded.facts["device"],
        }
        return {"object": "list", "data": [model]}

    def _tokenize(self, body: bytes) -> dict[str, Any]:
        ready = self._ready()
        tokens = read_text(body, self._limits(ready))
        return {"count": len(tokens), "max_model_len": ready.loaded.max_model_len, "tokens": tokens}


def _json(body: dict[str, Any]) -> tuple[str, bytes]:
    return http1.JSON, json.dumps(body, ensure_ascii=False).encode()
