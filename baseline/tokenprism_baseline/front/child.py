"""Owns the model's process as the front sees it: started, spoken to, and certainly ended.
Must not know what the messages mean.
"""

import asyncio
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..channel import pair

# The folder (or archive) that holds the package: `python FOLDER` starts it.
_PROGRAM = pathlib.Path(__file__).resolve().parents[2]


class Child:
    """A model process. It ends with this one, however this one ends."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._channel, theirs = pair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), *arguments, "--channel", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self.send = self._channel.send

    def listen(self, on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> None:
        """From now on hears of every message on the event loop, and once of the process' end, told as a clause."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            message = self._channel.receive()
            if message is not None:
                on_message(message)
                return
            loop.remove_reader(self._channel.fileno())
            on_end(_ending(self._process.wait()))

        loop.add_reader(self._channel.fileno(), read)

    def kill(self) -> None:
        """Ends the process and waits until it is gone; there is nothing in it that would have to be saved."""
        self._process.kill()
        self._process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    # The kernel's way to get memory back leaves no other trace here.
    return f"{name}, as a system out of memory does it" if code == -signal.SIGKILL else name
