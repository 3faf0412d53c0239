"""Owns the model's process as the front sees it: started, spoken to, and certainly ended.
Must not know what the messages mean.
"""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..channel import pair

_PACKAGE = __package__.partition(".")[0]
# The folder that holds the package, which need not be installed.
_FOLDER = str(pathlib.Path(__file__).resolve().parents[2])


class Child:
    """A model process. It ends with this one, however this one ends."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._channel, theirs = pair()
        path = os.pathsep.join([_FOLDER, *filter(None, [os.environ.get("PYTHONPATH")])])
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _PACKAGE, *arguments, "--channel", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path},
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
