"""Owns what the two processes say to each other.
Must not know how it is carried.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """What one row of a batch is to generate."""

    prompt: list[int]
    max_tokens: int
    # Go on after a token that ends a sequence.
    ignore_eos: bool


@dataclass(frozen=True)
class Loaded:
    """To the front: the model is ready."""

    # The tokenizer in the JSON of the `tokenizers` package, or None with the reason as a clause.
    tokenizer: str | None
    no_tokenizer_because: str
    # Tokens that end a sequence.
    eos: frozenset[int]
    max_model_len: int
    vocab_size: int
    parameters: int
    # What `/version` and `/v1/models` say beside the versions.
    facts: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """To the model: generate these rows."""

    number: int
    rows: list[Row]


@dataclass(frozen=True)
class Gone:
    """To the model: nobody waits for this row of this batch any more."""

    batch: int
    row: int


@dataclass(frozen=True)
class Memory:
    """Device memory that torch's tensors take, in bytes: now, and at most since the model was ready."""

    in_use: int
    peak: int


@dataclass(frozen=True)
class Column:
    """To the front: the next token of every row, ended ones included."""

    tokens: list[int]
    # Since the column before, or since the batch began.
    seconds: float
    # Bytes of the KV cache's tensors.
    kv_bytes: int
    # Absent where it was not looked at, as on the CPU.
    memory: Memory | None


@dataclass(frozen=True)
class Over:
    """To the front: the batch is over; the model is free."""

    # Why rows that have not ended never will, as a sentence; absent where all have.
    failure: str | None = None
    memory: Memory | None = None


@dataclass(frozen=True)
class Dead:
    """To the front: the model's process ends, with the reason as a sentence."""

    reason: str
