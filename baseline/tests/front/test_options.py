"""Owns the proof that the command line reads back and that its bounds hold."""

import contextlib
import io
import tempfile
import unittest

from tokenprism_baseline.options import Options, parse


class CommandLine(unittest.TestCase):
    def refuse(self, line: str, says: str) -> None:
        said = io.StringIO()
        with self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(said):
            parse(line.split())
        self.assertEqual(end.exception.code, 2)
        self.assertIn(says, said.getvalue())

    def test_defaults_are_the_naive_baseline(self) -> None:
        options = parse(["--model", "m"])
        self.assertEqual(options, Options(model="m"))
        self.assertEqual((options.batch, options.kv_cache, options.attention), (1, True, "sdpa"))

    def test_everything_can_be_said(self) -> None:
        line = (
            "--model m --model-name n --port 80 --device cpu --dtype bfloat16 --attention eager --kv-cache off "
            "--batch 16 --batch-wait-ms 5 --max-model-len 64 --random-weights --seed 3 --drain-s 0.5 --exit-with-stdin"
        )
        expect = Options("m", "n", 80, "cpu", "bfloat16", "eager", False, 16, 5, 64, True, 3, 0.5, True)
        self.assertEqual(parse(line.split()), expect)
        self.assertEqual(parse(["--model", "m", "--device", "cuda:1"]).device, "cuda:1")

    def test_wrong_values_are_refused(self) -> None:
        self.refuse("", "--model")
        self.refuse("--model m --batch 0", "from 1 to 4096")
        self.refuse("--model m --batch x", "whole number")
        self.refuse("--model m --kv-cache maybe", "say on or off")
        self.refuse("--model m --attention flash", "invalid choice")
        self.refuse("--model m --device tpu", "say auto, cpu, cuda")
        self.refuse("--model m --device cuda:x", "say auto, cpu, cuda")
        self.refuse("--model m --drain-s -1", "seconds from 0")
        self.refuse("--model m --port 65536", "65535")

    def test_a_folder_goes_by_its_own_name(self) -> None:
        with tempfile.TemporaryDirectory(suffix="llama") as folder:
            self.assertTrue(parse(["--model", f"{folder}/"]).served_name.endswith("llama"))
            self.assertEqual(parse(["--model", folder, "--model-name", "x"]).served_name, "x")
        self.assertEqual(parse(["--model", "org/model"]).served_name, "org/model")


if __name__ == "__main__":
    unittest.main()
