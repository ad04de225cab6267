#!/usr/bin/env python3
"""Writes a GGUF Llama model with random weights and a real shape, for benchmarks and tests.

The text it generates is noise; its speed and memory are those of a trained model of that shape.
Same arguments, same seed: the same file, byte for byte.

  random_llama.py OUT.gguf                   0.4 B parameters, Q4_0 (about 250 MB)
  random_llama.py OUT.gguf --tiny            a few megabytes, for tests
  random_llama.py OUT.gguf --type f16        f32, f16, q8_0 or q4_0
  random_llama.py OUT.gguf --pooling last    an embedding model: mean, cls or last
  random_llama.py OUT.gguf --no-chat         without a chat template (a base model)
"""

import argparse
import itertools
import string
import sys

import gguf
import numpy as np

TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

SPACE = "\u2581"  # SentencePiece writes a space like this.


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--type", choices=TYPES, default="q4_0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="2 layers of 64, 1024 tokens of vocabulary")
    parser.add_argument("--no-chat", action="store_true", help="leave the chat template out")
    parser.add_argument("--pooling", choices=["mean", "cls", "last"], help="how tokens become a vector")
    parser.add_argument("--name", default="")
    shape = parser.add_argument_group("shape (default: the 0.4 B one)")
    shape.add_argument("--layers", type=int)
    shape.add_argument("--width", type=int)
    shape.add_argument("--heads", type=int)
    shape.add_argument("--kv-heads", type=int)
    shape.add_argument("--feed-forward", type=int)
    shape.add_argument("--vocabulary", type=int)
    shape.add_argument("--context", type=int)
    arguments = parser.parse_args()
    defaults = (
        dict(layers=2, width=64, heads=4, kv_heads=2, feed_forward=160, vocabulary=1024, context=512)
        if arguments.tiny
        else dict(
            layers=24, width=896, heads=14, kv_heads=2, feed_forward=4864, vocabulary=32000,
            context=8192,
        )
    )
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.width % arguments.heads or arguments.heads % arguments.kv_heads:
        parser.error("width must be a multiple of heads, and heads of kv-heads")
    if arguments.vocabulary < 512:
        parser.error("a vocabulary needs at least 512 tokens: 256 are single bytes")
    if arguments.type in ("q4_0", "q8_0") and (arguments.width % 32 or arguments.feed_forward % 32):
        parser.error("quantised rows come in blocks of 32: width and feed-forward must be multiples")
    return arguments


def make_vocabulary(size):
    """A SentencePiece vocabulary whose longer pieces can all be reached by merging shorter ones."""
    control = gguf.TokenType.CONTROL
    tokens = [("<unk>", gguf.TokenType.UNKNOWN), ("<s>", control), ("</s>", control)]
    tokens += [(f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)]
    tokens += [("<|im_start|>", control), ("<|im_end|>", control)]

    letters = string.ascii_lowercase
    singles = [SPACE] + [chr(code) for code in range(33, 127)]
    pairs = [a + b for a, b in itertools.product(SPACE + letters, letters)]
    # Four characters are a pair and a pair, so that the merges of SentencePiece arrive there.
    quads = (a + b for a, b in itertools.product(pairs, pairs[len(letters):]))
    pieces = itertools.islice(itertools.chain(singles, pairs, quads), size - len(tokens))
    first = len(tokens)
    tokens += [(piece, gguf.TokenType.NORMAL) for piece in pieces]
    if len(tokens) != size:
        sys.exit(f"at most {len(tokens)} tokens can be made up")
    scores = [0.0 if index < first else float(first - index) for index in range(size)]
    return [text.encode() for text, _ in tokens], scores, [kind for _, kind in tokens]


def main():
    arguments = parse_arguments()
    quantisation, file_type = TYPES[arguments.type]
    writer = gguf.GGUFWriter(arguments.out, "llama")
    writer.add_name(arguments.name or f"random-llama-{arguments.layers}x{arguments.width}")
    writer.add_license("CC0-1.0")
    writer.add_context_length(arguments.context)
    writer.add_embedding_length(arguments.width)
    writer.add_block_count(arguments.layers)
    writer.add_feed_forward_length(arguments.feed_forward)
    writer.add_head_count(arguments.heads)
    writer.add_head_count_kv(arguments.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(arguments.width // arguments.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(arguments.vocabulary)
    writer.add_file_type(file_type)
    if arguments.pooling:
        writer.add_pooling_type(gguf.PoolingType[arguments.pooling.upper()])

    tokens, scores, kinds = make_vocabulary(arguments.vocabulary)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if not arguments.no_chat:
        writer.add_eot_token_id(tokens.index(b"<|im_end|>"))
        writer.add_chat_template(CHATML)

    random = np.random.default_rng(arguments.seed)

    def matrix(name, rows, columns, kind=quantisation):
        weights = random.standard_normal((rows, columns), dtype=np.float32)
        weights *= columns**-0.5
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)

    def ones(name, size):
        writer.add_tensor(name, np.ones(size, dtype=np.float32))

    kv_width = arguments.width // arguments.heads * arguments.kv_heads
    matrix("token_embd.weight", arguments.vocabulary, arguments.width)
    for layer in range(arguments.layers):
        prefix = f"blk.{layer}."
        ones(prefix + "attn_norm.weight", arguments.width)
        matrix(prefix + "attn_q.weight", arguments.width, arguments.width)
        matrix(prefix + "attn_k.weight", kv_width, arguments.width)
        matrix(prefix + "attn_v.weight", kv_width, arguments.width)
        matrix(prefix + "attn_output.weight", arguments.width, arguments.width)
        ones(prefix + "ffn_norm.weight", arguments.width)
        matrix(prefix + "ffn_gate.weight", arguments.feed_forward, arguments.width)
        matrix(prefix + "ffn_up.weight", arguments.feed_forward, arguments.width)
        matrix(prefix + "ffn_down.weight", arguments.width, arguments.feed_forward)
    ones("output_norm.weight", arguments.width)
    # Quantisers leave the last layer finer than the rest; so does this.
    output = gguf.GGMLQuantizationType.Q8_0 if arguments.type == "q4_0" else quantisation
    matrix("output.weight", arguments.vocabulary, arguments.width, output)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
