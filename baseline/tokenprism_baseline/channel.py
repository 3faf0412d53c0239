"""Owns the way between the two processes: whole messages, in order, over a pair of sockets.
Must not know what the messages mean.
"""

import contextlib
import select
from multiprocessing.connection import Connection, Pipe
from typing import Any


class Channel:
    """One end. It closes when the process at the other end is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # The connection's own way to look without waiting takes longer than some models take for a token.
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    @classmethod
    def of(cls, descriptor: int) -> "Channel":
        """The end that this process has inherited."""
        return cls(Connection(descriptor))

    def fileno(self) -> int:
        """The socket, to wait for."""
        return self._connection.fileno()

    def send(self, message: Any) -> None:
        """Sends a message; to an end that is gone it is lost, which the next `receive` tells."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(message)

    def has_message(self) -> bool:
        """Whether `receive` would give something at once."""
        return bool(self._poll.poll(0))

    def receive(self) -> Any | None:
        """Waits for the next message; None where the other end is gone."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        """Closes this end."""
        self._connection.close()


def pair() -> tuple[Channel, Connection]:
    """Our end, and the one that a child inherits."""
    ours, theirs = Pipe(duplex=True)
    return Channel(ours), theirs
