"""Owns one static batch: left-padded prompts into `model.generate`, tokens out as it makes them, the cache measured.
Must not know where rows come from or go to.
"""

import gc
import inspect
import time
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import torch
from transformers import DynamicCache, GenerationConfig, PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from ..fatal import Fatal, first_line
from ..messages import Row


class Watcher(Protocol):
    """Who follows a batch."""

    def column(self, tokens: list[int], seconds: float, kv_bytes: int) -> None:
        """The next token of every row, ended ones included, after that many seconds."""

    def gone(self) -> list[int]:
        """Rows that nobody has been waiting for since the last time."""


class OutOfMemory(Exception):
    """A batch did not fit; the message is torch's own. Its memory has been given back."""


class Generator:
    """Generates batches with one model."""

    def __init__(self, model: PreTrainedModel, eos: Collection[int], use_cache: bool) -> None:
        self._model = model
        self._eos = sorted(eos)
        self._use_cache = use_cache
        # Any token will do: padding is masked.
        self._pad = self._eos[0] if self._eos else 0
        # Newer versions call it `cache`.
        named = inspect.signature(model.forward).parameters
        self._cache_name = "cache" if "cache" in named else "past_key_values"

    def run(self, rows: Sequence[Row], watcher: Watcher) -> None:
        """Generates until every row has ended. Raises OutOfMemory where the batch did not fit."""
        lacking = None
        try:
            self._generate(rows, watcher)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            # What lacked and how much; advice on torch's own settings follows.
            lacking = ". ".join(first_line(error).split(". ")[:2])
        if lacking is not None:
            # Only now: while the error is handled, its frames hold the batch's tensors.
            gc.collect()
            if self._model.device.type == "cuda":
                torch.cuda.empty_cache()
            raise OutOfMemory(lacking)

    def check_device(self) -> None:
        """Raises Fatal where the device is beyond use, as it is after a failed kernel."""
        if self._model.device.type != "cuda":
            return
        try:
            torch.cuda.synchronize(self._model.device)
        except RuntimeError as error:
            raise Fatal(f"the GPU is beyond use after a failed computation ({first_line(error)}).") from None

    def _generate(self, rows: Sequence[Row], watcher: Watcher) -> None:
        device = self._model.device
        tokens, mask = left_padded(rows, self._pad)
        config = GenerationConfig(
            max_new_tokens=max(row.max_tokens for row in rows),
            do_sample=False,
            use_cache=self._use_cache,
            pad_token_id=self._pad,
        )
        more: dict[str, Any] = {}
        if self._use_cache:
            # What generate would make for itself; ours, so that it can be measured while it grows.
            more[self._cache_name] = DynamicCache(config=self._model.config.get_text_config(decoder=True))
        self._model.generate(
            torch.tensor(tokens, device=device),
            attention_mask=torch.tensor(mask, device=device),
            generation_config=config,
            streamer=_Feed(watcher, more.get(self._cache_name)),
            stopping_criteria=StoppingCriteriaList([_Ends(rows, watcher, self._eos, device)]),
            **more,
        )


def left_padded(rows: Sequence[Row], pad: int) -> tuple[list[list[int]], list[list[int]]]:
    """The prompts, padded on the left to one width, and a mask of the same shape: 1 where a token is real."""
    width = max(len(row.prompt) for row in rows)
    tokens = [[pad] * (width - len(row.prompt)) + row.prompt for row in rows]
    mask = [[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows]
    return tokens, mask


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory was lacking: a GPU's has its own kind, the CPU's is told by its words."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)


def kv_bytes(cache: DynamicCache | None) -> int:
    """Bytes of a cache's tensors as they are now."""
    if cache is None:
        return 0
    # Layers of other kinds than attention have neither.
    tensors = (getattr(layer, name, None) for layer in cache.layers for name in ("keys", "values"))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


class _Feed(BaseStreamer):
    """Hears from generate of each column of tokens, after their copy to the host."""

    def __init__(self, watcher: Watcher, cache: DynamicCache | None) -> None:
        self._watcher = watcher
        self._cache = cache
        self._is_prompt = True
        self._since = time.perf_counter()

    def put(self, value: torch.Tensor) -> None:
        """Generate hands in the prompts first."""
        if self._is_prompt:
            self._is_prompt = False
            return
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        self._watcher.column(value.tolist(), seconds, kv_bytes(self._cache))

    def end(self) -> None:
        """Nothing is held back that would have to be handed out now."""


class _Ends(StoppingCriteria):
    """Tells generate which rows have ended; asked for every column, it never makes the host wait for the device."""

    def __init__(self, rows: Sequence[Row], watcher: Watcher, eos: list[int], device: torch.device) -> None:
        self._watcher = watcher
        self._width = max(len(row.prompt) for row in rows)
        lengths = [row.max_tokens for row in rows]
        self._lengths = set(lengths)
        self._limits = torch.tensor(lengths, device=device)
        self._ended = torch.zeros(len(lengths), dtype=torch.bool, device=device)
        self._eos = None
        if eos and not all(row.ignore_eos for row in rows):
            self._eos = torch.tensor(eos, device=device)
            self._heeds = torch.tensor([not row.ignore_eos for row in rows], device=device)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: Any) -> torch.Tensor:
        for row in self._watcher.gone():
            self._ended[row] = True
        generated = input_ids.shape[1] - self._width
        if generated in self._lengths:
            self._ended |= self._limits <= generated
        if self._eos is not None:
            self._ended |= self._heeds & torch.isin(input_ids[:, -1], self._eos)
        return self._ended
