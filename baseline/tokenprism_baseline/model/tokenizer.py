"""Owns reading the tokenizer that belongs to a model, or the reason why there is none.
Must not know what it is used for.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from transformers import AutoTokenizer

from ..fatal import first_line

# Files that hold a vocabulary. Without one, Transformers makes up a tokenizer of special tokens only.
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
# A vocabulary in this format needs packages that Transformers does not bring.
_SENTENCEPIECE = "tokenizer.model"
_SENTENCEPIECE_NEEDS = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}


def read(model: str, is_folder: bool) -> tuple[str | None, str]:
    """The tokenizer in the JSON of the `tokenizers` package; None with the reason as a clause where there is none."""
    if is_folder and (lacking := _lacking(os.listdir(model))):
        return None, lacking
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=is_folder)
    except Exception as error:  # Every format's library has its own kinds of errors.
        return None, f"it could not be read: {first_line(error)}"
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None, "its kind has no fast implementation"
    return backend.to_str(), ""


def _lacking(files: Sequence[str]) -> str:
    """What stands in the way of a tokenizer in a folder with these files; empty where nothing does."""
    found = [name for name in _VOCABULARIES if name in files]
    if not found:
        return "the model's folder has none"
    if found[0] == _SENTENCEPIECE:
        needed = [name for name, module in _SENTENCEPIECE_NEEDS.items() if not _has(module)]
        if needed:
            names = " ".join(needed)
            return f"its {_SENTENCEPIECE} needs more packages: {sys.executable} -m pip install {names}"
    return ""


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # The package above it is lacking.
        return False
