"""Owns the front's life: socket, model's process and ready line, and down at a signal or when the parent is gone.
Must not know requests, nor how tokens are generated.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

from .. import VERSION
from ..fatal import Fatal
from ..messages import Column, Dead, Loaded, Over
from ..options import Options
from ..progress import say
from .child import Child
from .dispatch import Dispatcher
from .errors import ApiError, failed, stopping
from .http1 import listen
from .metrics import Metrics
from .service import Ready, Service
from .tokenizer import Tokenizer
from .waiting import Waiting

# Requests that may wait; more are refused with 503.
_MAX_WAITING = 4096
# How long the last bytes of cut answers may take to leave, seconds.
_FLUSH_S = 0.1


class Server:
    """The server between its first moment and its last."""

    def __init__(self, options: Options, packages: dict[str, str]) -> None:
        self._options = options
        self._metrics = Metrics()
        self._service = Service(options.served_name, {"version": VERSION} | packages, self._metrics)
        self._dispatcher: Dispatcher | None = None

    async def live(self, arguments: Sequence[str]) -> None:
        """Serves until the end; raises Fatal where that is a failure. `arguments` are this process' own."""
        loop = asyncio.get_running_loop()
        # Done at a signal, or with the reason why the model is lost.
        self._ending: asyncio.Future[Fatal | None] = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, None)
        # Before the model, so that a port in use is known at once and /health answers.
        listener, self._url = await self._listen()
        say(f"listening on {self._url}; loading {self._options.model}")
        child = Child(arguments)
        try:
            if self._options.exit_with_stdin:
                threading.Thread(target=_end_with_stdin, args=[child], name="stdin", daemon=True).start()
            child.listen(lambda message: self._hear(message, child), self._on_child_end)
            fatal = await self._ending
            listener.close()
            if fatal is not None:
                await self._stop(0.0, failed("The model is lost; the server's log has the cause."))
                raise fatal
            await self._stop(self._options.drain_s, stopping())
        finally:
            child.kill()

    async def _listen(self) -> tuple[asyncio.Server, str]:
        try:
            listener, port = await listen(self._options.port, self._service.connection)
        except OSError as error:
            raise Fatal(
                f"127.0.0.1:{self._options.port} could not be listened on ({os.strerror(error.errno or 0)}); "
                "choose another port, or 0 for a free one."
            ) from None
        return listener, f"http://127.0.0.1:{port}"

    def _hear(self, message: Any, child: Child) -> None:
        match message:
            case Column():
                if self._dispatcher is not None:
                    self._dispatcher.column(message)
            case Over():
                if self._dispatcher is not None:
                    self._dispatcher.over(message)
            case Loaded():
                self._on_loaded(message, child)
            case Dead(reason):
                self._end(Fatal(reason))

    def _on_loaded(self, loaded: Loaded, child: Child) -> None:
        options = self._options
        waiting = Waiting(options.batch, options.batch_wait_ms / 1e3, loaded.max_model_len)
        self._dispatcher = Dispatcher(waiting, _MAX_WAITING, loaded.eos, self._metrics, child.send)
        tokenizer = Tokenizer(loaded.tokenizer, loaded.no_tokenizer_because)
        self._service.ready = Ready(loaded, tokenizer, self._dispatcher)
        say(f"ready {self._url}")

    def _on_child_end(self, how: str) -> None:
        self._end(Fatal(f"the model's process ended unexpectedly ({how}); the lines above may name the cause."))

    def _end(self, fatal: Fatal | None) -> None:
        if not self._ending.done():
            self._ending.set_result(fatal)

    async def _stop(self, drain_s: float, error: ApiError) -> None:
        self._service.is_stopping = True
        if self._dispatcher is not None:
            await self._dispatcher.close(drain_s, error)
            await asyncio.sleep(_FLUSH_S)


def _end_with_stdin(child: Child) -> None:
    """Ends both processes with standard input: whoever started them is gone, and nobody waits for an answer."""
    while os.read(0, 4096):
        pass
    child.kill()
    os._exit(0)
