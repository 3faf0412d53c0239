"""Owns how the server is started: its options, their defaults and bounds.
Must not know torch, nor how requests are served.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_BATCH = 4096
MAX_BATCH_WAIT_MS = 60_000
MAX_DRAIN_S = 600.0


@dataclass(frozen=True)
class Options:
    """Everything that can be chosen at the start."""

    model: str
    model_name: str | None = None
    port: int = 0
    device: str = "auto"
    dtype: str = "auto"
    attention: str = "sdpa"
    kv_cache: bool = True
    batch: int = 1
    batch_wait_ms: int = 20
    max_model_len: int | None = None
    random_weights: bool = False
    seed: int = 0
    drain_s: float = 3.0
    exit_with_stdin: bool = False
    # Set for the model's process: the descriptor of its way to the front.
    channel: int | None = None

    @property
    def served_name(self) -> str:
        """The model's name in requests: a folder goes by its own name, a hub model by its id."""
        if self.model_name is not None:
            return self.model_name
        return os.path.basename(os.path.abspath(self.model)) if os.path.isdir(self.model) else self.model


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Reads the command line; on a wrong one argparse prints why and ends the process with code 2."""
    parser = argparse.ArgumentParser(
        prog="tokenprism_baseline",
        description="Serves model.generate of Transformers over OpenAI's /v1/completions: the naive baseline.",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR_OR_ID", help="folder of the model, or its id on the hub")
    add("--model-name", help="name of the model in requests; the folder's name or the id where absent")
    add("--port", type=_whole(0, 65_535), default=0, help="port on 127.0.0.1; 0 takes a free one")
    add("--device", type=_device, default="auto", metavar="auto|cpu|cuda|cuda:N", help="auto: cuda where there is one")
    add(
        "--dtype",
        choices=["auto", "float16", "bfloat16", "float32"],
        default="auto",
        help="auto: float16 on cuda, float32 on the CPU",
    )
    add("--attention", choices=["eager", "sdpa"], default="sdpa", help="implementation of attention")
    add(
        "--kv-cache",
        type=_on_off,
        default=True,
        metavar="on|off",
        help="keep keys and values; off computes the whole sequence again for every token",
    )
    add(
        "--batch",
        type=_whole(1, MAX_BATCH),
        default=1,
        metavar="N",
        help="requests of a static batch; 1 serves one request at a time",
    )
    add(
        "--batch-wait-ms",
        type=_whole(0, MAX_BATCH_WAIT_MS),
        default=20,
        metavar="T",
        help="how long a batch waits for more requests after its first",
    )
    add(
        "--max-model-len",
        type=_whole(2, 1 << 24),
        metavar="TOKENS",
        help="longest prompt and output together; the model's own limit where absent",
    )
    add("--random-weights", action="store_true", help="draw the weights: the folder needs no more than config.json")
    add("--seed", type=_whole(0, (1 << 63) - 1), default=0, help="seed of random weights")
    add(
        "--drain-s",
        type=_seconds,
        default=3.0,
        metavar="S",
        help="how long a running batch may go on after SIGTERM before its answers are cut",
    )
    add(
        "--exit-with-stdin",
        action="store_true",
        help="end when standard input ends, that is, when the process that started this one is gone",
    )
    add("--channel", type=int, help=argparse.SUPPRESS)
    return Options(**vars(parser.parse_args(arguments)))


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"give a number from {low} to {high}, not {value}")
        return value

    read.__name__ = "whole number"
    return read


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= MAX_DRAIN_S:
        raise argparse.ArgumentTypeError(f"give seconds from 0 to {MAX_DRAIN_S:.0f}, not {text}")
    return value


def _device(text: str) -> str:
    kind, colon, index = text.partition(":")
    if text not in ("auto", "cpu", "cuda") and not (kind == "cuda" and colon and index.isdecimal()):
        raise argparse.ArgumentTypeError("say auto, cpu, cuda or cuda:N")
    return text


def _on_off(text: str) -> bool:
    if text not in ("on", "off"):
        raise argparse.ArgumentTypeError("say on or off")
    return text == "on"
