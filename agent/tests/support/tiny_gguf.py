"""Owns a model file that llama.cpp reads: a tiny Llama with random weights, whose tokens are bytes.
Must not know who reads it. Called with the path to write, it needs the packages `gguf` and `numpy`."""

import sys

import gguf
import numpy

BLOCKS, WIDTH, HEADS, HIDDEN, CONTEXT = 2, 64, 4, 128, 2048

# Unknown, begin, end, then every byte: whatever the text, each of its bytes is a token.
TOKENS = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
KINDS = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"


def shapes():
    """Names of the weights, each with its shape; norms have one side."""
    yield "token_embd.weight", (len(TOKENS), WIDTH)
    yield "output_norm.weight", (WIDTH,)
    yield "output.weight", (len(TOKENS), WIDTH)
    for block in range(BLOCKS):
        for norm in ("attn_norm", "ffn_norm"):
            yield f"blk.{block}.{norm}.weight", (WIDTH,)
        for square in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{block}.{square}.weight", (WIDTH, WIDTH)
        for wide in ("ffn_gate", "ffn_up"):
            yield f"blk.{block}.{wide}.weight", (HIDDEN, WIDTH)
        yield f"blk.{block}.ffn_down.weight", (WIDTH, HIDDEN)


def write(path):
    """Writes the model; the same bytes each time."""
    random = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types(KINDS)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    for name, shape in shapes():
        is_norm = len(shape) == 1
        weights = numpy.ones(shape) if is_norm else random.normal(0, 0.3, shape)
        if name == "output.weight":
            # Of the bytes only letters and their like are ever likeliest: the server holds parts of characters back.
            weights[:3 + ord(" ")] = 0
            weights[3 + ord("~") + 1:] = 0
        writer.add_tensor(name, weights.astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
