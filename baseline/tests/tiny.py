"""Owns a model that a test can afford: the folder of a two-layer Llama, with a tokenizer if wanted.
Must not know what is tested with it.
"""

import json
import pathlib
import sys

BOS, EOS = 256, 257
LAYERS, HEADS, KV_HEADS, HIDDEN, CONTEXT = 2, 4, 2, 64, 256
VOCAB = 512


def write(folder: str, with_tokenizer: bool = True, eos: int = EOS) -> str:
    """Writes the model's folder and gives its path."""
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "vocab_size": VOCAB,
        "bos_token_id": BOS,
        "eos_token_id": eos,
        # Large enough for outputs that vary; with the usual value a tiny model repeats one token for ever.
        "initializer_range": 0.5,
        "tie_word_embeddings": False,
    }
    (path / "config.json").write_text(json.dumps(config))
    if with_tokenizer:
        (path / "tokenizer.json").write_text(json.dumps(_tokenizer()))
        special = {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}
        (path / "tokenizer_config.json").write_text(json.dumps(special))
    return folder


def _tokenizer() -> dict[str, object]:
    """One token a byte, then the special ones; the rest of the vocabulary are whole words."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    # The byte-level alphabet: bytes without a visible character of their own go by one from 256 on.
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {byte: chr(byte) for byte in visible} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}
    vocab = {letters[byte]: byte for byte in range(256)} | {"<s>": BOS, "</s>": EOS}
    vocab |= {f"word{n}": n for n in range(EOS + 1, VOCAB)}
    special = [
        {"id": n, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for n, text in ((BOS, "<s>"), (EOS, "</s>"))
    ]  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []},
    }  # fmt: skip


if __name__ == "__main__":
    print(write(sys.argv[1]))
