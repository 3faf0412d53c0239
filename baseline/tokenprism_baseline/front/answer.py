"""Owns the bytes of answers: the JSON of OpenAI's completions, whole and as a stream of events.
Must not know how tokens arise, nor sockets.
"""

import json
from typing import Any

from .. import VERSION
from .errors import ApiError
from .request import Work

FINGERPRINT = f"tokenprism-baseline-{VERSION}"
DONE = b"data: [DONE]\n\n"
# Made once: json.dumps makes one for every call that is not all defaults.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Writer:
    """Writes the answer to one request."""

    def __init__(self, work: Work, model: str, number: int, created_s: int) -> None:
        self._work = work
        self._id = f"cmpl-{number:016x}"
        self._model = model
        self._created_s = created_s
        self._tokens = 0

    def events(self, token: int, text: str, ending: str | None) -> list[bytes]:
        """The events that one token adds to the stream: its own, and after the last those that end the stream."""
        first = self._tokens == 0
        self._tokens += 1
        asked = self._work.return_token_ids
        choice = _choice(text, ending, self._work.prompt if asked and first else None, [token] if asked else None)
        usage = self._usage() if self._work.continuous_usage else None
        events = [event(self._body([choice], usage, False))]
        if ending is not None:
            if self._work.include_usage:
                events.append(event(self._body([], self._usage(), True)))
            events.append(DONE)
        return events

    def whole(self, tokens: list[int], text: str, ending: str) -> bytes:
        """The answer to a request that does not stream."""
        self._tokens = len(tokens)
        asked = self._work.return_token_ids
        choice = _choice(text, ending, self._work.prompt if asked else None, tokens if asked else None)
        return _dump(self._body([choice], self._usage(), True))

    def _usage(self) -> dict[str, int]:
        prompt = len(self._work.prompt)
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + self._tokens,
            "completion_tokens": self._tokens,
        }

    def _body(self, choices: list[Any], usage: dict[str, int] | None, is_last: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self._id,
            "object": "text_completion",
            "created": self._created_s,
            "model": self._model,
            "choices": choices,
        }
        if usage is not None:
            body["usage"] = usage
        if is_last:
            body["system_fingerprint"] = FINGERPRINT
        return body


def failure_events(error: ApiError) -> list[bytes]:
    """The events that end a stream whose work failed: an error and the end."""
    return [b"data: " + error.to_json() + b"\n\n", DONE]


def event(body: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + _dump(body) + b"\n\n"


def _choice(text: str, ending: str | None, prompt: list[int] | None, tokens: list[int] | None) -> dict[str, Any]:
    return {
        "index": 0,
        "text": text,
        "logprobs": None,
        "finish_reason": ending,
        "stop_reason": None,
        "prompt_token_ids": prompt,
        "token_ids": tokens,
    }


def _dump(body: dict[str, Any]) -> bytes:
    return _ENCODER.encode(body).encode()
