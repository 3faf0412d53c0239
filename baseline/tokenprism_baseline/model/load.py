"""Owns how a model comes onto its device: from a folder, from the hub, or with weights drawn there.
Must not know requests, nor how tokens are generated.
"""

import os
import warnings
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from ..fatal import Fatal, first_line
from ..messages import Loaded, Memory
from ..options import Options
from . import tokenizer

# Names under which configurations keep the longest sequence.
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length")

# Hears the name of a phase of the start that is over, and what came of it.
Phase = Callable[[str, str], None]


def load(options: Options, phase: Phase) -> tuple[PreTrainedModel, Loaded]:
    """Brings the model onto its device; raises Fatal where that cannot be."""
    device = _device(options.device)
    try:
        return _load(options, device, phase)
    except torch.OutOfMemoryError as error:
        raise Fatal(
            f"{options.model} does not fit into the memory of {device} ({first_line(error)}); end what else uses it, "
            "or take a smaller model or --dtype float16."
        ) from None
    except (OSError, ValueError, ImportError) as error:
        raise Fatal(f"{options.model} could not be loaded: {first_line(error)}.") from None


def _load(options: Options, device: torch.device, phase: Phase) -> tuple[PreTrainedModel, Loaded]:
    is_folder = os.path.isdir(options.model)
    if not is_folder and options.model.startswith((".", "~", os.path.sep)):
        raise Fatal(f"there is no folder {options.model}; --model takes a model's folder or its id on the hub.")
    # What is wrong with these is known before the weights, which may take minutes.
    config = AutoConfig.from_pretrained(options.model, local_files_only=is_folder)
    max_model_len = _max_model_len(config.get_text_config(), options.max_model_len)
    text, no_text = tokenizer.read(options.model, is_folder)
    phase("tokenizer", f"none ({no_text}); prompts must be token ids" if text is None else "read")
    settings = {"dtype": _dtype(options.dtype, device), "attn_implementation": options.attention}
    if options.random_weights:
        torch.manual_seed(options.seed)
        # On the device itself: billions of random numbers take minutes on a CPU.
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(config, **settings)
        _settle(device)
        phase("weights", f"drawn on {device} with seed {options.seed}")
        generation = _generation_config(options.model, is_folder)
    else:
        model = AutoModelForCausalLM.from_pretrained(options.model, local_files_only=is_folder, **settings)
        phase("weights", f"read from {options.model}")
        generation = model.generation_config
        model = model.to(device)
        _settle(device)
        phase("device", f"moved to {device}")
    model.eval()
    # The model's own defaults (sampling, ends, lengths) would fill whatever a call leaves open.
    model.generation_config = GenerationConfig()
    return model, Loaded(
        tokenizer=text,
        no_tokenizer_because=no_text,
        eos=_eos(generation, config),
        max_model_len=max_model_len,
        vocab_size=model.get_input_embeddings().num_embeddings,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        facts=_facts(model, options),
    )


def memory_reader(model: PreTrainedModel) -> Callable[[], Memory | None]:
    """Reads the device's memory, its peak from here on; nothing on the CPU, which torch keeps no account of."""
    device = model.device
    if device.type != "cuda":
        return lambda: None
    torch.cuda.reset_peak_memory_stats(device)
    return lambda: Memory(torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device))


def _settle(device: torch.device) -> None:
    """Waits for what a GPU has been given to do, so that it counts for the phase that gave it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _facts(model: PreTrainedModel, options: Options) -> dict[str, Any]:
    device = model.device
    return {
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": model.config._attn_implementation,
        "kv_cache": options.kv_cache,
        "batch": options.batch,
        "batch_wait_ms": options.batch_wait_ms,
        "weights": "random" if options.random_weights else "loaded",
    }


def _device(asked: str) -> torch.device:
    with warnings.catch_warnings():
        # Where there is no driver, torch warns on the log, which is no news where the CPU will do.
        warnings.simplefilter("ignore")
        count = torch.cuda.device_count()
    if asked == "cpu" or (asked == "auto" and count == 0):
        return torch.device("cpu")
    device = torch.device("cuda:0" if asked in ("auto", "cuda") else asked)
    if device.index >= count:
        raise Fatal(
            f"torch {torch.__version__} finds {count} CUDA devices, so there is no {device}; check nvidia-smi, or give "
            "--device cpu."
        )
    return device


def _dtype(asked: str, device: torch.device) -> torch.dtype:
    if asked == "auto":
        asked = "float16" if device.type == "cuda" else "float32"
    return {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}[asked]


def _max_model_len(config: Any, asked: int | None) -> int:
    known: int | None = next((value for name in _CONTEXT_NAMES if (value := getattr(config, name, None))), None)
    if asked is None:
        if known is None:
            raise Fatal("the model's config.json does not say how long a sequence may be; give --max-model-len.")
        return known
    if known is not None and asked > known:
        raise Fatal(f"--max-model-len {asked} is over the model's own limit of {known} tokens; give at most that.")
    return asked


def _generation_config(model: str, is_folder: bool) -> GenerationConfig | None:
    try:
        return GenerationConfig.from_pretrained(model, local_files_only=is_folder)
    except OSError:
        # A model need not have one.
        return None


def _eos(generation: GenerationConfig | None, config: Any) -> frozenset[int]:
    eos = getattr(generation, "eos_token_id", None)
    if eos is None:
        eos = getattr(config.get_text_config(), "eos_token_id", None)
    if eos is None:
        return frozenset()
    return frozenset([eos] if isinstance(eos, int) else eos)
