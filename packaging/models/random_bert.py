#!/usr/bin/env python3
"""Writes a GGUF BERT model with random weights and a real shape, for tests of embeddings.

Its vectors mean nothing; they are computed as a trained model's are. Same arguments, same file.

  random_bert.py OUT.gguf                    a megabyte, for tests
  random_bert.py OUT.gguf --pooling cls      mean (default), cls or last
"""

import argparse
import itertools
import string

import gguf
import numpy as np

SPACE = "\u2581"  # llama.cpp writes the beginning of a word like this, where BERT marks its rest


def make_vocabulary(size):
    control = gguf.TokenType.CONTROL
    tokens = [("[PAD]", control), ("[UNK]", gguf.TokenType.UNKNOWN), ("[CLS]", control), ("[SEP]", control),
              ("[MASK]", control)]
    letters = string.ascii_lowercase + string.digits
    pieces = itertools.chain(
        (SPACE + mark for mark in letters + string.punctuation),
        letters,
        (SPACE + a + b for a, b in itertools.product(letters[:26], letters[:26])),
        (a + b for a, b in itertools.product(letters[:26], letters[:26])),
    )
    tokens += [(piece, gguf.TokenType.NORMAL) for piece in itertools.islice(pieces, size - len(tokens))]
    return tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--pooling", choices=["mean", "cls", "last"], default="mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--feed-forward", type=int, default=128)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--name", default="random-bert")
    arguments = parser.parse_args()

    tokens = make_vocabulary(1200)
    writer = gguf.GGUFWriter(arguments.out, "bert")
    writer.add_name(arguments.name)
    writer.add_license("CC0-1.0")
    writer.add_context_length(arguments.context)
    writer.add_embedding_length(arguments.width)
    writer.add_block_count(arguments.layers)
    writer.add_feed_forward_length(arguments.feed_forward)
    writer.add_head_count(arguments.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType[arguments.pooling.upper()])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(2)
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_eos_token_id(3)
    writer.add_mask_token_id(4)

    random = np.random.default_rng(arguments.seed)

    def matrix(name, rows, columns):
        weights = random.standard_normal((rows, columns), dtype=np.float32)
        writer.add_tensor(name, weights * np.float32(columns**-0.5))

    def row(name, size, around=0.0):
        writer.add_tensor(name, np.float32(around) + 0.1 * random.standard_normal(size, dtype=np.float32))

    def norm(name):
        row(name + ".weight", arguments.width, 1.0)
        row(name + ".bias", arguments.width)

    def linear(name, rows, columns):
        matrix(name + ".weight", rows, columns)
        row(name + ".bias", rows)

    width = arguments.width
    matrix("token_embd.weight", len(tokens), width)
    matrix("position_embd.weight", arguments.context, width)
    matrix("token_types.weight", 2, width)
    norm("token_embd_norm")
    for layer in range(arguments.layers):
        prefix = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(prefix + part, width, width)
        norm(prefix + "attn_output_norm")
        linear(prefix + "ffn_up", arguments.feed_forward, width)
        linear(prefix + "ffn_down", width, arguments.feed_forward)
        norm(prefix + "layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
