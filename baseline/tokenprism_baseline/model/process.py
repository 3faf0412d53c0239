"""Owns the model process' life: load, warm up, then one batch after another until the front is gone.
Must not know clients.
"""

import ctypes
import signal
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..channel import Channel
from ..fatal import Fatal, first_line
from ..messages import Batch, Column, Dead, Gone, Memory, Over, Row
from ..options import Options
from ..progress import Phases

if TYPE_CHECKING:
    from .generation import Generator

# Prompt and output of the rows that warm up, in tokens.
_WARM_PROMPT, _WARM_OUTPUT = 8, 2
# Reading the device's memory takes as long as a step of a small model, so it is done this seldom, seconds.
_MEMORY_EVERY_S = 0.2
_PR_SET_PDEATHSIG = 1

ReadMemory = Callable[[], Memory | None]


def main(options: Options, channel: Channel) -> None:
    """Serves the front until it is gone."""
    # Signals go to the whole group; the front answers them, and ends this process in time.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # Should the front be killed, neither a load nor a long pass through the model may outlive it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _serve(options, channel)
    except _FrontGone:
        pass
    except Fatal as fatal:
        channel.send(Dead(str(fatal)))
    except BaseException as error:
        traceback.print_exc()
        channel.send(Dead(f"the model's process failed ({type(error).__name__}: {first_line(error)})."))


def _serve(options: Options, channel: Channel) -> None:
    phases = Phases()
    # Only now, so that the phase says how long the imports take.
    import torch
    import transformers

    from .generation import Generator, OutOfMemory
    from .load import load, memory_reader

    phases.over("import", f"torch {torch.__version__}, transformers {transformers.__version__}")
    model, loaded = load(options, phases.over)
    generator = Generator(model, loaded.eos, options.kv_cache)
    warm = [Row([0] * _WARM_PROMPT, _WARM_OUTPUT, ignore_eos=True)] * options.batch
    try:
        generator.run(warm, _Nobody())
    except OutOfMemory as error:
        raise Fatal(f"there is no memory for {options.batch} rows ({error}); give a smaller --batch.") from None
    phases.over("warm-up", f"{options.batch} rows of {_WARM_PROMPT} + {_WARM_OUTPUT} tokens")
    read_memory = memory_reader(model)
    channel.send(loaded)
    while (message := channel.receive()) is not None:
        # A row may be told to be gone after its batch was over.
        if isinstance(message, Batch):
            failure = _generate(generator, message, _Front(channel, message.number, read_memory))
            channel.send(Over(failure, read_memory()))
            if failure is not None:
                generator.check_device()


def _generate(generator: "Generator", batch: Batch, front: "_Front") -> str | None:
    """Has a batch generated; the reason where it failed, after which the model can still be used."""
    from .generation import OutOfMemory

    try:
        generator.run(batch.rows, front)
    except OutOfMemory as error:
        return (
            f"Out of memory: a batch of {len(batch.rows)} requests did not fit ({error}). Ask for fewer or shorter "
            "sequences, or start the server with a smaller --batch."
        )
    except _FrontGone:
        raise
    except Exception as error:
        traceback.print_exc()
        return f"The model could not compute this request ({type(error).__name__}); see the server's log."
    return None


class _FrontGone(Exception):
    """Nobody is there to compute for."""


class _Front:
    """The front as a running batch sees it."""

    def __init__(self, channel: Channel, batch: int, read_memory: ReadMemory) -> None:
        self._channel = channel
        self._batch = batch
        self._read_memory = read_memory
        self._memory_at = time.perf_counter()

    def column(self, tokens: list[int], seconds: float, kv_bytes: int) -> None:
        now = time.perf_counter()
        memory = None
        if now - self._memory_at >= _MEMORY_EVERY_S:
            memory, self._memory_at = self._read_memory(), now
        self._channel.send(Column(tokens, seconds, kv_bytes, memory))

    def gone(self) -> list[int]:
        rows = []
        while self._channel.has_message():
            message = self._channel.receive()
            if message is None:
                raise _FrontGone
            if isinstance(message, Gone) and message.batch == self._batch:
                rows.append(message.row)
        return rows


class _Nobody:
    """Who follows the warm-up."""

    def column(self, tokens: list[int], seconds: float, kv_bytes: int) -> None:
        pass

    def gone(self) -> list[int]:
        return []
