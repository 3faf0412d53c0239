"""Owns the proof that batches compute what single requests do, in exact lengths, and that the cache is measured."""

import tempfile
import unittest

import torch

from tests import tiny
from tokenprism_baseline.messages import Row
from tokenprism_baseline.model.generation import Generator, OutOfMemory, left_padded
from tokenprism_baseline.model.load import load
from tokenprism_baseline.options import Options

# Prompts of different lengths, the shortest of one token, and outputs of different lengths.
PROMPTS = [[7], [1, 2, 3], list(range(40, 60)), [300, 301, 302, 303]]
LENGTHS = [9, 4, 12, 1]
ROWS = [Row(prompt, length, True) for prompt, length in zip(PROMPTS, LENGTHS, strict=True)]
# Keys and values, layers, key-value heads, elements of a head, bytes of an element.
KV_BYTES_PER_TOKEN = 2 * tiny.LAYERS * tiny.KV_HEADS * (tiny.HIDDEN // tiny.HEADS) * 4


class Watched:
    """Keeps what a batch said; lets rows go after a number of columns."""

    def __init__(self, gone_after: dict[int, int] | None = None) -> None:
        self.columns: list[list[int]] = []
        self.kv_bytes: list[int] = []
        self.seconds: list[float] = []
        self._gone_after = dict(gone_after or {})

    def column(self, tokens: list[int], seconds: float, kv_bytes: int) -> None:
        self.columns.append(tokens)
        self.seconds.append(seconds)
        self.kv_bytes.append(kv_bytes)

    def gone(self) -> list[int]:
        rows = [row for row, after in self._gone_after.items() if len(self.columns) >= after]
        for row in rows:
            del self._gone_after[row]
        return rows


class Batches(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        tiny.write(cls.folder.name)
        cls.addClassCleanup(cls.folder.cleanup)

    def generator(self, attention: str = "sdpa", use_cache: bool = True) -> Generator:
        options = Options(self.folder.name, attention=attention, random_weights=True, device="cpu", seed=3)
        self.model, loaded = load(options, lambda name, outcome: None)
        return Generator(self.model, loaded.eos, use_cache)

    def run_batch(self, generator: Generator, rows: list[Row], gone_after: dict[int, int] | None = None) -> Watched:
        watched = Watched(gone_after)
        generator.run(rows, watched)
        return watched

    def tokens(self, generator: Generator, rows: list[Row]) -> list[list[int]]:
        """The tokens of each row, up to its length."""
        columns = self.run_batch(generator, rows).columns
        return [[column[at] for column in columns][: row.max_tokens] for at, row in enumerate(rows)]

    def test_batching_cache_and_attention_change_no_token(self) -> None:
        expect = None
        for attention in ("sdpa", "eager"):
            for use_cache in (True, False):
                generator = self.generator(attention, use_cache)
                batched = self.tokens(generator, ROWS)
                single = [self.tokens(generator, [row])[0] for row in ROWS]
                self.assertEqual(batched, single, f"{attention}, cache {use_cache}")
                expect = expect or batched
                self.assertEqual(batched, expect, f"{attention}, cache {use_cache}")
        self.assertEqual([len(tokens) for tokens in expect or []], LENGTHS)
        # A model that says one thing whatever it is asked would prove nothing.
        self.assertGreater(len({token for tokens in expect or [] for token in tokens}), 10)

    def test_a_batch_has_as_many_passes_as_its_longest_row(self) -> None:
        watched = self.run_batch(self.generator(), ROWS)
        self.assertEqual(len(watched.columns), max(LENGTHS))
        self.assertTrue(all(len(column) == len(ROWS) for column in watched.columns))
        self.assertTrue(all(seconds > 0 for seconds in watched.seconds))

    def test_kv_bytes_are_those_of_the_formula_padding_included(self) -> None:
        widest = max(len(prompt) for prompt in PROMPTS)
        # The newest token is not in the cache yet.
        expect = [KV_BYTES_PER_TOKEN * len(ROWS) * (widest + step) for step in range(max(LENGTHS))]
        self.assertEqual(self.run_batch(self.generator(), ROWS).kv_bytes, expect)
        self.assertEqual(set(self.run_batch(self.generator(use_cache=False), ROWS).kv_bytes), {0})

    def test_the_model_s_end_token_ends_the_rows_that_heed_it_and_no_other(self) -> None:
        free = self.tokens(self.generator(), [Row([1, 2, 3], 12, True)])[0]
        # The same model again, whose configuration now calls what it says third its end.
        tiny.write(self.folder.name, eos=free[2])
        self.addCleanup(tiny.write, self.folder.name)
        generator = self.generator()
        self.assertEqual(self.tokens(generator, [Row([1, 2, 3], 12, True)])[0], free)
        ends_after = free.index(free[2]) + 1
        self.assertLess(ends_after, 12)
        self.assertEqual(len(self.run_batch(generator, [Row([1, 2, 3], 12, False)]).columns), ends_after)
        # One row that goes on keeps the batch going.
        rows = [Row([1, 2, 3], 12, False), Row([1, 2, 3], 12, True)]
        self.assertEqual(len(self.run_batch(generator, rows).columns), 12)

    def test_rows_that_are_gone_end_the_batch_when_all_are(self) -> None:
        generator = self.generator()
        rows = [Row([1, 2], 50, True), Row([3], 50, True)]
        whole = self.run_batch(generator, rows)
        self.assertEqual(len(whole.columns), 50)
        self.assertEqual(len(self.run_batch(generator, rows, {0: 5}).columns), 50)
        gone = self.run_batch(generator, rows, {0: 5, 1: 10})
        self.assertLessEqual(len(gone.columns), 11)
        self.assertEqual(gone.columns, whole.columns[: len(gone.columns)])

    def test_memory_that_lacks_is_told_apart_and_the_next_batch_runs(self) -> None:
        generator = self.generator()
        before = self.tokens(generator, ROWS)
        forward, calls = self.model.forward, []

        def fails(error: Exception):  # noqa: ANN202
            def failing(*positional, **named):  # noqa: ANN002, ANN003, ANN202
                calls.append(1)
                if len(calls) == 3:
                    raise error
                return forward(*positional, **named)

            calls.clear()
            return failing

        words = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 22.05 GiB"
        self.model.forward = fails(torch.OutOfMemoryError(words))
        watched = Watched()
        with self.assertRaisesRegex(OutOfMemory, "^CUDA out of memory. Tried to allocate 2.00 GiB$"):
            generator.run(ROWS, watched)
        self.assertEqual(len(watched.columns), 2, "what was made before is kept")
        self.model.forward = fails(
            RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")
        )
        with self.assertRaises(OutOfMemory):
            generator.run(ROWS, Watched())
        self.model.forward = fails(RuntimeError("shapes do not match"))
        with self.assertRaisesRegex(RuntimeError, "shapes"):
            generator.run(ROWS, Watched())
        self.model.forward = forward
        self.assertEqual(self.tokens(generator, ROWS), before)

    def test_padding_is_on_the_left_and_masked(self) -> None:
        tokens, mask = left_padded([Row([5], 1, True), Row([1, 2, 3], 1, True)], pad=9)
        self.assertEqual(tokens, [[9, 9, 5], [1, 2, 3]])
        self.assertEqual(mask, [[0, 0, 1], [1, 1, 1]])


if __name__ == "__main__":
    unittest.main()
