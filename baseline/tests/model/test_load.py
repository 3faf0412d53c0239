"""Owns the proof that models come onto their device as asked, and that what cannot be is said as a sentence."""

import json
import pathlib
import tempfile
import unittest

import torch

from tests import tiny
from tokenprism_baseline.fatal import Fatal
from tokenprism_baseline.messages import Loaded
from tokenprism_baseline.model.load import load
from tokenprism_baseline.options import Options


class Models(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.phases: list[tuple[str, str]] = []

    def load(self, **options: object) -> tuple[torch.nn.Module, Loaded]:
        chosen = {"random_weights": True, "device": "cpu"} | options
        return load(Options(self.folder, **chosen), lambda name, outcome: self.phases.append((name, outcome)))

    def test_random_weights_depend_on_the_seed_alone(self) -> None:
        tiny.write(self.folder)

        def draw(seed: int) -> torch.Tensor:
            return self.load(seed=seed)[0].model.layers[1].mlp.up_proj.weight

        self.assertTrue(torch.equal(draw(1), draw(1)))
        self.assertFalse(torch.equal(draw(1), draw(2)))
        self.assertAlmostEqual(draw(1).std().item(), 0.5, places=1)

    def test_facts_say_what_was_asked_for(self) -> None:
        tiny.write(self.folder)
        model, loaded = self.load(dtype="bfloat16", attention="eager", kv_cache=False, batch=4)
        self.assertEqual(model.dtype, torch.bfloat16)
        self.assertFalse(model.training)
        facts = {"device": "cpu", "dtype": "bfloat16", "attention": "eager", "kv_cache": False, "batch": 4,
                 "weights": "random", "cuda": None}  # fmt: skip
        self.assertEqual(facts, {name: loaded.facts[name] for name in facts})
        self.assertEqual((loaded.max_model_len, loaded.vocab_size), (tiny.CONTEXT, tiny.VOCAB))
        self.assertEqual(loaded.eos, {tiny.EOS})
        self.assertEqual(self.load()[1].facts["dtype"], "float32")
        self.assertEqual(self.load(max_model_len=64)[1].max_model_len, 64)

    def test_weights_of_a_folder_are_read(self) -> None:
        tiny.write(self.folder)
        drawn, _ = self.load(seed=5)
        drawn.generation_config.eos_token_id = [3, 4]
        drawn.save_pretrained(self.folder)
        read, loaded = self.load(random_weights=False)
        self.assertTrue(torch.equal(read.lm_head.weight, drawn.lm_head.weight))
        self.assertEqual((loaded.eos, loaded.facts["weights"]), ({3, 4}, "loaded"))
        # Nothing of the model's own generation settings is left to interfere.
        self.assertIsNone(read.generation_config.eos_token_id)
        self.assertEqual([name for name, _ in self.phases][-3:], ["tokenizer", "weights", "device"])

    def test_a_tokenizer_or_the_reason_why_there_is_none(self) -> None:
        tiny.write(self.folder, with_tokenizer=False)
        _, loaded = self.load()
        self.assertEqual((loaded.tokenizer, loaded.no_tokenizer_because), (None, "the model's folder has none"))
        tiny.write(self.folder)
        _, loaded = self.load()
        self.assertEqual(loaded.no_tokenizer_because, "")
        self.assertIn("word300", json.loads(loaded.tokenizer or "")["model"]["vocab"])
        (pathlib.Path(self.folder) / "tokenizer.json").write_text("{broken")
        _, loaded = self.load()
        self.assertIn("could not be read", loaded.no_tokenizer_because)

    def test_what_cannot_be_loaded_is_a_sentence(self) -> None:
        with self.assertRaisesRegex(Fatal, "could not be loaded"):
            self.load()
        tiny.write(self.folder)
        with self.assertRaisesRegex(Fatal, "--max-model-len 257 is over the model's own limit of 256"):
            self.load(max_model_len=257)
        with self.assertRaisesRegex(Fatal, "could not be loaded"):
            self.load(random_weights=False)
        self.folder = "/nonexistent/model"
        with self.assertRaisesRegex(Fatal, "there is no folder /nonexistent/model"):
            self.load()
        if not torch.cuda.is_available():
            with self.assertRaisesRegex(Fatal, "finds 0 CUDA devices, so there is no cuda:0"):
                self.load(device="cuda")


if __name__ == "__main__":
    unittest.main()
