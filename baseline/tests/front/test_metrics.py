"""Owns the proof that the page of metrics is well-formed and says what was counted."""

import unittest

from tokenprism_baseline.front.metrics import PREFIX, Metrics
from tokenprism_baseline.messages import Column, Memory, Over


def samples(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.render().splitlines() if not line.startswith("#")]
    return {name.removeprefix(PREFIX): float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


class Page(unittest.TestCase):
    def test_every_sample_has_help_and_type(self) -> None:
        metrics = Metrics()
        metrics.memory = Memory(1, 2)
        text = metrics.render()
        self.assertTrue(text.endswith("\n"))
        for line in text.splitlines():
            if not line.startswith("#"):
                name = line.split("{")[0].split(" ")[0]
                family = name
                for suffix in ("_bucket", "_sum", "_count"):
                    family = family.removesuffix(suffix)
                self.assertTrue(name.startswith(PREFIX), name)
                self.assertIn(f"# HELP {family} ", text)
                self.assertIn(f"# TYPE {family} ", text)

    def test_what_is_counted_is_shown(self) -> None:
        metrics = Metrics()
        metrics.batch(3, 40)
        metrics.column("prefill", Column([1, 2, 3], 0.5, 1000, None), 3)
        metrics.column("decode", Column([1, 2, 3], 0.25, 1100, None), 2)
        metrics.count("length")
        metrics.count("abort")
        shown = samples(metrics)
        expect = {
            "prompt_tokens_total": 40, "generation_tokens_total": 5, "kv_bytes_held": 1100, "kv_bytes_peak": 1100,
            'forwards_total{phase="prefill"}': 1, 'forwards_total{phase="decode"}': 1,
            'forward_seconds_total{phase="prefill"}': 0.5, 'forward_seconds_total{phase="decode"}': 0.25,
            'requests_total{finished_reason="length"}': 1, 'requests_total{finished_reason="abort"}': 1,
            'requests_total{finished_reason="stop"}': 0,
        }  # fmt: skip
        self.assertEqual(expect, {name: shown[name] for name in expect})
        metrics.over(Over())
        shown = samples(metrics)
        self.assertEqual((shown["kv_bytes_held"], shown["kv_bytes_peak"]), (0, 1100))

    def test_batch_sizes_are_a_cumulative_histogram(self) -> None:
        metrics = Metrics()
        for rows in (1, 3, 4, 1024):
            metrics.batch(rows, 1)
        shown = samples(metrics)
        bounds = {"1": 1, "2": 1, "4": 3, "512": 3, "1024": 4, "+Inf": 4}
        self.assertEqual(bounds, {bound: shown[f'batch_rows_bucket{{le="{bound}"}}'] for bound in bounds})
        self.assertEqual((shown["batch_rows_sum"], shown["batch_rows_count"]), (1032, 4))

    def test_a_device_without_an_account_has_no_memory_and_not_zero(self) -> None:
        metrics = Metrics()
        self.assertNotIn("torch_memory_bytes", samples(metrics))
        metrics.column("prefill", Column([1], 0.1, 0, Memory(5, 7)), 1)
        metrics.column("decode", Column([1], 0.1, 0, None), 1)
        shown = samples(metrics)
        self.assertEqual((shown["torch_memory_bytes"], shown["torch_memory_peak_bytes"]), (5, 7))


if __name__ == "__main__":
    unittest.main()
