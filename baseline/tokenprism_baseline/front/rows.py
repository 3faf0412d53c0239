"""Owns which rows of a static batch still generate, and why each one ends.
Must not know who reads the tokens, nor when they come.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..messages import Row

# Why a row ended, in the words of OpenAI's `finish_reason`.
STOP = "stop"
LENGTH = "length"


class Token(NamedTuple):
    """A token that a row has generated, with the reason where it is the row's last."""

    row: int
    token: int
    ending: str | None


class Rows:
    """A batch's rows. An ended one stays in the arithmetic, as a static batch has it, and is not heard of again."""

    def __init__(self, rows: Sequence[Row], eos: Collection[int]) -> None:
        self._rows = rows
        self._eos = frozenset(eos)
        self._generated = 0
        # In order of rows, which a set would not keep.
        self._live = dict.fromkeys(range(len(rows)))

    @property
    def live(self) -> list[int]:
        """The rows that still generate."""
        return list(self._live)

    def advance(self, column: Sequence[int]) -> list[Token]:
        """Takes the next token of every row, ended ones included, and gives those of the rows that still generate."""
        self._generated += 1
        tokens = []
        for index in self.live:
            row, token = self._rows[index], column[index]
            ending = None
            if not row.ignore_eos and token in self._eos:
                ending = STOP
            elif self._generated >= row.max_tokens:
                ending = LENGTH
            if ending is not None:
                del self._live[index]
            tokens.append(Token(index, token, ending))
        return tokens

    def drop(self, row: int) -> None:
        """Ends a row whose output nobody waits for any more."""
        self._live.pop(row, None)
