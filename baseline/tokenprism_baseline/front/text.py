"""Owns how tokens that come one by one become text that comes piece by piece.
Must not know which tokenizer decodes.
"""

from collections.abc import Callable, Sequence

# A character of UTF-8 has at most four bytes, so after four tokens without a whole one there is none to wait for.
_MOST_HELD = 4
# Tokens before the first one that are decoded with it: some decoders drop a blank at the beginning of a text.
_CONTEXT = 4
_INCOMPLETE = "\ufffd"


class TextStream:
    """The text of one row. What it gives, put together, is the text of all its tokens."""

    def __init__(self, decode: Callable[[Sequence[int]], str], prompt: Sequence[int] = ()) -> None:
        self._decode = decode
        self._held: list[int] = []
        self._use_context(list(prompt[-_CONTEXT:]))
        if self._before.endswith(_INCOMPLETE):
            self._use_context([])

    def push(self, token: int, is_last: bool = False) -> str:
        """The text that this token completes; empty where it is only a part of a character."""
        self._held.append(token)
        whole = self._decode(self._context + self._held)
        if whole.endswith(_INCOMPLETE) and len(self._held) < _MOST_HELD and not is_last:
            return ""
        text = whole[len(self._before) :]
        self._use_context(self._held)
        self._held = []
        return text

    def _use_context(self, context: list[int]) -> None:
        self._context = context
        self._before = self._decode(context) if context else ""
