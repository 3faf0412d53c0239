"""Owns the reading of requests: JSON in, checked work for a row out.
Must not know the queue or the answer's bytes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import bad_request, malformed, unknown_model

# Tokens of a completion that names no number, as OpenAI's servers have it.
DEFAULT_MAX_TOKENS = 16


@dataclass(frozen=True)
class Limits:
    """What the server knows when it reads a request."""

    model: str
    max_model_len: int
    vocab_size: int
    # The tokens of a text; raises ApiError where there is no tokenizer.
    encode: Callable[[str, bool], list[int]]


@dataclass(frozen=True)
class Work:
    """A request that has passed every check."""

    prompt: list[int]
    max_tokens: int
    ignore_eos: bool = False
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    return_token_ids: bool = False


def _is_off(value: Any) -> bool:
    # Not by truth: a zero may ask for something.
    return value is False or value == [] or value == {} or value == ""


def _is_any(_: Any) -> bool:
    return True


def _is(*neutral: Any) -> Callable[[Any], bool]:
    return lambda value: value in neutral


# Fields that this server knows but cannot honour, each with the values that ask for nothing. `seed` and `user` may say
# anything: greedy decoding draws nothing, and nobody is told apart.
NEUTRAL: dict[str, Callable[[Any], bool]] = {
    "n": _is(1),
    "best_of": _is(1),
    "top_p": _is(1),
    "top_k": _is(-1, 0),
    "min_p": _is(0),
    "presence_penalty": _is(0),
    "frequency_penalty": _is(0),
    "repetition_penalty": _is(1),
    "length_penalty": _is(1),
    "echo": _is_off,
    "suffix": _is_off,
    "stop": _is_off,
    "stop_token_ids": _is_off,
    "logprobs": _is_off,
    "logit_bias": _is_off,
    "use_beam_search": _is_off,
    "skip_special_tokens": _is(True),
    "seed": _is_any,
    "user": _is_any,
}
KNOWN = {
    "model",
    "prompt",
    "max_tokens",
    "min_tokens",
    "temperature",
    "stream",
    "stream_options",
    "ignore_eos",
    "return_token_ids",
    "add_special_tokens",
}


def read(body: bytes, limits: Limits) -> Work:
    """Reads a request's body, or raises the ApiError that is its answer."""
    fields = read_object(body)
    model = _typed(fields, "model", str, "a text", limits.model)
    if model != limits.model:
        raise unknown_model(model, limits.model)
    _refuse_unsupported(fields)
    with_special = _typed(fields, "add_special_tokens", bool, "true or false", True)
    prompt = _read_prompt(fields.get("prompt"), with_special, limits)
    max_tokens = _read_max_tokens(fields, len(prompt), limits.max_model_len)
    ignore_eos = _typed(fields, "ignore_eos", bool, "true or false", False)
    _check_min_tokens(fields, max_tokens, ignore_eos)
    _check_temperature(fields)
    stream = _typed(fields, "stream", bool, "true or false", False)
    options = _typed(fields, "stream_options", dict, "an object", {})
    if options and not stream:
        raise bad_request("stream_options", "Stream options can only be defined when `stream=True`.")
    include_usage = _typed(options, "include_usage", bool, "true or false", False)
    continuous = _typed(options, "continuous_usage_stats", bool, "true or false", False)
    return Work(
        prompt=prompt,
        max_tokens=max_tokens,
        ignore_eos=ignore_eos,
        stream=stream,
        include_usage=include_usage,
        continuous_usage=include_usage and continuous,
        return_token_ids=_typed(fields, "return_token_ids", bool, "true or false", False),
    )


def read_text(body: bytes, limits: Limits) -> list[int]:
    """Reads a request to tokenise and gives the tokens."""
    fields = read_object(body)
    text = _typed(fields, "prompt", str, "a text", None)
    if text is None:
        raise bad_request("prompt", "The request has no prompt.")
    return limits.encode(text, _typed(fields, "add_special_tokens", bool, "true or false", True))


def read_object(body: bytes) -> dict[str, Any]:
    """The fields of a body."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise malformed(f"The request body could not be read: {error}.") from None
    if not isinstance(fields, dict):
        raise malformed("The request body could not be read: it is not a JSON object.")
    return fields


def _typed(fields: dict[str, Any], name: str, kind: type, called: str, absent: Any) -> Any:
    value = fields.get(name)
    if value is None:
        return absent
    # In Python, true is a number too.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(name, f"`{name}` must be {called}.")
    return value


def _refuse_unsupported(fields: dict[str, Any]) -> None:
    """What would change the work and cannot be done here is refused: ignoring it would answer another question."""
    for name, value in fields.items():
        neutral = NEUTRAL.get(name)
        if value is None or name in KNOWN or (neutral is not None and neutral(value)):
            continue
        raise bad_request(name[:200], f"The baseline does not support `{name[:200]}` as given; leave it out.")


def _read_prompt(prompt: Any, with_special: bool, limits: Limits) -> list[int]:
    if prompt is None:
        raise bad_request("prompt", "The request has no prompt.")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], (str, list)):
        if len(prompt) > 1:
            raise bad_request("prompt", "The baseline takes one prompt a request.")
        prompt = prompt[0]
    if isinstance(prompt, str):
        prompt = limits.encode(prompt, with_special)
    elif not isinstance(prompt, list) or not all(type(token) is int and token >= 0 for token in prompt):
        raise bad_request("prompt", "The prompt must be a text or a list of token ids (integers from 0).")
    if not prompt:
        raise bad_request("prompt", "The prompt must hold at least one token.")
    highest = max(prompt)
    # An id beyond the embedding would end a GPU's process, not only this request.
    if highest >= limits.vocab_size:
        message = f"Token id {highest} is out of vocabulary, which has {limits.vocab_size} tokens."
        raise bad_request("prompt", message)
    return prompt


def _read_max_tokens(fields: dict[str, Any], prompt: int, limit: int) -> int:
    if prompt > limit:
        raise bad_request(
            "input_tokens",
            f"This model's maximum context length is {limit} tokens. However, your prompt contains {prompt} input "
            "tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input "
            f"prompt. (parameter=input_tokens, value={prompt})",
        )
    max_tokens = _typed(fields, "max_tokens", int, "a whole number", DEFAULT_MAX_TOKENS)
    if max_tokens < 1:
        message = f"max_tokens must be at least 1, got {max_tokens}. (parameter=max_tokens, value={max_tokens})"
        raise bad_request("max_tokens", message)
    if max_tokens > limit - prompt:
        raise bad_request(
            None,
            f"'max_tokens' or 'max_completion_tokens' is too large: {max_tokens}. This model's maximum context length "
            f"is {limit} tokens and your request has {prompt} input tokens ({max_tokens} > {limit} - {prompt}).",
        )
    return max_tokens


def _check_min_tokens(fields: dict[str, Any], max_tokens: int, ignore_eos: bool) -> None:
    least = _typed(fields, "min_tokens", int, "a whole number", 0)
    if least < 0:
        raise bad_request("min_tokens", f"min_tokens must be at least 0, got {least}.")
    if least > max_tokens:
        message = f"min_tokens must be less than or equal to max_tokens={max_tokens}, got {least}."
        raise bad_request("min_tokens", message)
    if least > 0 and not ignore_eos:
        message = "The baseline holds a row back from its end only with `ignore_eos`; set it, or leave min_tokens out."
        raise bad_request("min_tokens", message)


def _check_temperature(fields: dict[str, Any]) -> None:
    """Greedy is all there is, and what a request without a temperature gets."""
    value = fields.get("temperature")
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_request("temperature", "`temperature` must be a number.")
    if value != 0:
        message = f"The baseline decodes greedily and cannot sample at temperature {value}; give 0 or leave it out."
        raise bad_request("temperature", message)
