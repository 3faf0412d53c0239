"""Owns the proof that the whole program serves, and says so when its model's process is lost."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator

from tests import tiny

BASELINE = str(pathlib.Path(__file__).resolve().parents[2])


@contextlib.contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with tempfile.TemporaryDirectory() as folder:
        tiny.write(folder)
        command = [
            sys.executable,
            "-m",
            "tokenprism_baseline",
            "--model",
            folder,
            "--random-weights",
            "--device",
            "cpu",
        ]
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": BASELINE},
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def child_of(pid: int) -> int:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


class Program(unittest.TestCase):
    def test_it_answers_while_loading_serves_and_tells_of_its_model_s_death(self) -> None:
        with program("--exit-with-stdin", "--model-name", "tiny") as process:
            first = process.stdout.readline()
            port = int(first.split(";")[0].rsplit(":", 1)[1])
            client = http.client.HTTPConnection("127.0.0.1", port)
            client.request("GET", "/health")
            answer = client.getresponse()
            self.assertEqual((answer.status, json.load(answer)["error"]["code"]), (503, 503))

            lines = []
            for line in process.stdout:
                lines.append(line.split(" ")[:2])
                if line.startswith("ready "):
                    self.assertEqual(line, f"ready http://127.0.0.1:{port}\n")
                    break
            phases = [["phase", name] for name in ("import", "tokenizer", "weights", "warm-up")]
            self.assertEqual([line for line in lines if line[0] == "phase"], phases)

            body = {"model": "tiny", "prompt": "Hi", "max_tokens": 7, "ignore_eos": True, "return_token_ids": True}
            client.request("POST", "/v1/completions", json.dumps(body))
            answer = json.load(client.getresponse())
            self.assertEqual(answer["choices"][0]["prompt_token_ids"], [tiny.BOS, 72, 105])
            self.assertEqual(len(answer["choices"][0]["token_ids"]), 7)
            self.assertNotEqual(answer["choices"][0]["text"], "")

            client.request("POST", "/v1/completions", json.dumps(body | {"stream": True, "max_tokens": 200}))
            stream = client.getresponse()
            self.assertTrue(stream.readline().startswith(b"data: {"))
            os.kill(child_of(process.pid), signal.SIGKILL)
            rest = stream.read().decode()
            self.assertIn('data: {"error": {"message": "The model is lost', rest)
            self.assertTrue(rest.endswith("data: [DONE]\n\n"), rest[-100:])
            client.close()
            self.assertEqual(process.wait(20), 1)
            last = process.stderr.read().splitlines()[-1]
            self.assertIn("fatal: the model's process ended unexpectedly (SIGKILL", last)

    def test_a_port_in_use_is_known_before_the_model_is_loaded(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with program("--port", str(port)) as process:
                self.assertEqual(process.wait(60), 1)
                self.assertEqual(process.stdout.read(), "")
                last = process.stderr.read().splitlines()[-1]
                expect = (
                    f"fatal: 127.0.0.1:{port} could not be listened on (Address already in use); choose another port"
                )
                self.assertIn(expect, last)

    def test_a_start_that_fails_ends_with_its_reason(self) -> None:
        with program("--max-model-len", "100000") as process:
            self.assertEqual(process.wait(120), 1)
            last = process.stderr.read().splitlines()[-1]
            self.assertIn("fatal: --max-model-len 100000 is over the model's own limit of 256 tokens", last)


if __name__ == "__main__":
    unittest.main()
