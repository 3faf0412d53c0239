"""Owns the server's counters and gauges, what each means, and their Prometheus text.
Must not know who reads them.
"""

from collections.abc import Iterator

from ..messages import Column, Memory, Over

PREFIX = "tokenprism_baseline_"
# A name, its kind, its meaning, and its samples by the rest of their names.
Family = tuple[str, str, str, dict[str, int | float]]
# Why a request has left, beside the two words for a row's own end.
ABORT = "abort"
ERROR = "error"
REASONS = ("stop", "length", ABORT, ERROR)
PHASES = ("prefill", "decode")
# Upper bounds of the histogram of batch sizes.
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Metrics:
    """Numbers that the dispatcher writes and `/metrics` shows."""

    def __init__(self) -> None:
        self.requests_running = 0
        self.requests_waiting = 0
        # Absent on a device that keeps no account.
        self.memory: Memory | None = None
        self._left = dict.fromkeys(REASONS, 0)
        self._prompt_tokens = 0
        self._generation_tokens = 0
        self._kv_bytes = 0
        self._kv_bytes_peak = 0
        self._forwards = dict.fromkeys(PHASES, 0)
        self._forward_seconds = dict.fromkeys(PHASES, 0.0)
        self._batches = dict.fromkeys(BATCH_BOUNDS, 0)
        self._batch_rows = 0

    def count(self, reason: str) -> None:
        """A request has left."""
        self._left[reason] += 1

    def batch(self, rows: int, prompt_tokens: int) -> None:
        """A batch has had its prompts computed."""
        self._prompt_tokens += prompt_tokens
        self._batch_rows += rows
        self._batches[next(bound for bound in BATCH_BOUNDS if rows <= bound)] += 1

    def column(self, phase: str, column: Column, tokens: int) -> None:
        """Every row of the batch has one more token, `tokens` of which somebody waited for."""
        self._forwards[phase] += 1
        self._forward_seconds[phase] += column.seconds
        self._generation_tokens += tokens
        self._kv_bytes = column.kv_bytes
        self._kv_bytes_peak = max(self._kv_bytes_peak, column.kv_bytes)
        self.memory = column.memory or self.memory

    def over(self, over: Over) -> None:
        """The batch is over and its cache is gone."""
        self._kv_bytes = 0
        self.memory = over.memory or self.memory

    def render(self) -> str:
        """Everything in Prometheus' text format 0.0.4."""
        lines = []
        for name, kind, meaning, samples in self._families():
            lines += [f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}"]
            lines += [f"{PREFIX}{name}{labels} {value}" for labels, value in samples.items()]
        return "\n".join(lines) + "\n"

    def _families(self) -> Iterator[Family]:
        yield (
            "requests_running",
            "gauge",
            "Requests of the running batch that still generate.",
            {"": self.requests_running},
        )
        yield "requests_waiting", "gauge", "Requests in the queue.", {"": self.requests_waiting}
        yield (
            "requests_total",
            "counter",
            "Requests that have left, by the reason they did.",
            {f'{{finished_reason="{reason}"}}': value for reason, value in self._left.items()},
        )
        yield "prompt_tokens_total", "counter", "Prompt tokens computed, without padding.", {"": self._prompt_tokens}
        yield (
            "generation_tokens_total",
            "counter",
            "Tokens generated for requests that still wanted them.",
            {"": self._generation_tokens},
        )
        yield (
            "kv_bytes_held",
            "gauge",
            "Bytes of the KV cache's tensors, padding and ended rows included; 0 between batches and without a cache.",
            {"": self._kv_bytes},
        )
        yield "kv_bytes_peak", "gauge", "Highest kv_bytes_held since the start.", {"": self._kv_bytes_peak}
        yield (
            "forwards_total",
            "counter",
            "Passes through the model: prefill computes a batch's prompts, decode one more token a row.",
            {f'{{phase="{phase}"}}': value for phase, value in self._forwards.items()},
        )
        yield (
            "forward_seconds_total",
            "counter",
            "Seconds of these passes in model.generate, with the choice of tokens and their copy to the host.",
            {f'{{phase="{phase}"}}': value for phase, value in self._forward_seconds.items()},
        )
        yield "batch_rows", "histogram", "Requests of each static batch.", self._batch_samples()
        if self.memory is not None:
            yield (
                "torch_memory_bytes",
                "gauge",
                "Device memory that torch's tensors take, weights included; looked at five times a second.",
                {"": self.memory.in_use},
            )
            yield (
                "torch_memory_peak_bytes",
                "gauge",
                "Highest device memory that torch's tensors took at any moment since the server was ready.",
                {"": self.memory.peak},
            )

    def _batch_samples(self) -> dict[str, int | float]:
        samples: dict[str, int | float] = {}
        total = 0
        for bound, batches in self._batches.items():
            total += batches
            samples[f'_bucket{{le="{bound}"}}'] = total
        return samples | {'_bucket{le="+Inf"}': total, "_sum": self._batch_rows, "_count": total}
