"""Owns a request on its way through the server, from its place in the queue to its last token.
Must not know how its answer is written.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import ApiError
from .request import Work


class Sink(Protocol):
    """Who hears of a request's tokens."""

    # Done when there will be no more.
    ended: asyncio.Future[Any]

    def token(self, token: int, ending: str | None) -> None:
        """The next token, and why it is the last where it is."""

    def failed(self, error: ApiError) -> None:
        """There will be no more tokens."""


@dataclass(eq=False, frozen=True)
class Job:
    """A request that has passed every check, and who waits for it."""

    work: Work
    sink: Sink
