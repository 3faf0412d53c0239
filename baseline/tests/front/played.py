"""Owns a front on a free port whose model is played by the test, and a client that sees the bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tokenprism_baseline.front.dispatch import Dispatcher
from tokenprism_baseline.front.http1 import listen
from tokenprism_baseline.front.metrics import PREFIX, Metrics
from tokenprism_baseline.front.service import Ready, Service
from tokenprism_baseline.front.tokenizer import Tokenizer
from tokenprism_baseline.front.waiting import Waiting
from tokenprism_baseline.messages import Batch, Column, Loaded, Over

EOS = 9
LOADED = Loaded(
    tokenizer=None,
    no_tokenizer_because="a test has none",
    eos=frozenset([EOS]),
    max_model_len=64,
    vocab_size=100,
    parameters=1000,
    facts={"device": "cpu", "weights": "random"},
)


@dataclass
class Front:
    """A front, and the model's part in it."""

    service: Service
    dispatcher: Dispatcher
    metrics: Metrics
    port: int
    # What the model was told.
    told: list[Any]
    clients: list["Client"]

    async def batch(self, number: int) -> Batch:
        """Waits for that batch."""
        return await self._told(lambda message: isinstance(message, Batch) and message.number == number)

    async def message(self, expect: Any) -> None:
        """Waits for that message to the model."""
        await self._told(lambda message: message == expect)

    def column(self, *tokens: int, kv_bytes: int = 0) -> None:
        """The model has made these tokens."""
        self.dispatcher.column(Column(list(tokens), 0.125, kv_bytes, None))

    def over(self, failure: str | None = None) -> None:
        """The model is free."""
        self.dispatcher.over(Over(failure))

    def shown(self, name: str) -> float:
        """A sample of /metrics."""
        lines = self.metrics.render().splitlines()
        return float(next(line for line in lines if line.startswith(f"{PREFIX}{name} ")).rsplit(" ", 1)[1])

    async def until(self, name: str, value: float) -> None:
        """Waits until a sample has that value."""
        async with asyncio.timeout(10):
            while self.shown(name) != value:
                await asyncio.sleep(0.001)

    async def _told(self, holds: Any) -> Any:
        async with asyncio.timeout(10):
            while not (found := [message for message in self.told if holds(message)]):
                await asyncio.sleep(0.001)
        return found[0]

    async def send(self, body: Any, method: str = "POST", path: str = "/v1/completions", more: str = "") -> "Client":
        """Sends a request on a connection of its own."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        client.send(body, method, path, more)
        return client


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, body: Any, method: str = "POST", path: str = "/v1/completions", more: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.raw(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{more}content-length: {len(data)}\r\n\r\n".encode() + data)

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer."""
        line, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(header.split(": ", 1) for header in lines)
        return int(line.split(" ")[1]), headers

    async def answer(self) -> tuple[int, Any]:
        """Status and JSON (or text) of the next whole answer."""
        status, headers = await self.head()
        body = await self._reader.readexactly(int(headers["content-length"]))
        return status, json.loads(body) if headers.get("content-type") == "application/json" else body.decode()

    async def chunk(self) -> str:
        """The next HTTP chunk; empty at the end of the body."""
        size = int(await self._reader.readline(), 16)
        return (await self._reader.readexactly(size + 2))[:-2].decode()

    async def event(self) -> Any:
        """The next event, which must be one HTTP chunk: its JSON, or `[DONE]`."""
        chunk = await self.chunk()
        assert chunk.startswith("data: ") and chunk.endswith("\n\n"), chunk
        data = chunk[6:-2]
        return data if data == "[DONE]" else json.loads(data)

    async def closed(self) -> bool:
        """Whether nothing more comes."""
        return await self._reader.read() == b""

    def leave(self) -> None:
        """Closes the connection."""
        self._writer.close()

    async def left(self) -> None:
        """Closes the connection and waits until it is."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def front(
    batch: int = 1, wait_s: float = 0.0, capacity: int = 8, is_loading: bool = False
) -> AsyncIterator[Front]:
    """A front whose model is loaded."""
    metrics, told = Metrics(), []
    dispatcher = Dispatcher(Waiting(batch, wait_s, LOADED.max_model_len), capacity, LOADED.eos, metrics, told.append)
    service = Service("tiny", {"version": "0"}, metrics)
    listener, port = await listen(0, service.connection)
    if not is_loading:
        service.ready = Ready(LOADED, Tokenizer(None, LOADED.no_tokenizer_because), dispatcher)
    played = Front(service, dispatcher, metrics, port, told, [])
    try:
        yield played
    finally:
        listener.close()
        await asyncio.gather(*(client.left() for client in played.clients))
