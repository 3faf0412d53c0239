"""Owns the way between text and tokens.
Must not know where the tokenizer came from.
"""

from collections.abc import Sequence

from .errors import bad_request


class Tokenizer:
    """A model's tokenizer, or its absence: then prompts are token ids and answers have empty texts."""

    def __init__(self, json: str | None, absent_because: str) -> None:
        self._absent_because = absent_because
        self._backend = None
        if json is not None:
            # Comes with Transformers, and is quick to import where that takes seconds.
            from tokenizers import Tokenizer as Backend

            self._backend = Backend.from_str(json)

    def encode(self, text: str, with_special: bool) -> list[int]:
        """The tokens of a text, or the ApiError with which it is refused."""
        if self._backend is None:
            message = f"This server has no tokenizer ({self._absent_because}): give the prompt as a list of token ids."
            raise bad_request("prompt", message)
        return self._backend.encode(text, add_special_tokens=with_special).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; special ones have none."""
        if self._backend is None:
            return ""
        return self._backend.decode(tokens, skip_special_tokens=True)
