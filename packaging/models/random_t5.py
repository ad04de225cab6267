#!/usr/bin/env python3
"""Writes a GGUF T5 model with random weights, for tests of encoder–decoder translators.

What it writes means nothing; it is computed as a trained model's is. Same arguments, same file.

  random_t5.py OUT.gguf                languages as MADLAD-400 has them: <2en>, <2es>, <2de>, <2zh>
  random_t5.py OUT.gguf --plain        without: told by words, as T5 was published
"""

import argparse
import string

import gguf
import numpy as np

SPACE = "\u2581"
LANGUAGES = ["en", "es", "de", "zh"]


def make_vocabulary(plain):
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    tokens = [("<pad>", control), ("</s>", control), ("<unk>", gguf.TokenType.UNKNOWN)]
    if not plain:
        tokens += [(f"<2{language}>", gguf.TokenType.USER_DEFINED) for language in LANGUAGES]
    letters = string.ascii_letters + string.digits + string.punctuation
    tokens += [(SPACE, normal)] + [(letter, normal) for letter in letters]
    tokens += [(SPACE + letter, normal) for letter in string.ascii_letters]
    return tokens + [(SPACE + word, normal) for word in ("the", "cat", "house", "sees", "old")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    layers, width, heads, head, inner, buckets = 2, 64, 4, 16, 128, 32
    tokens = make_vocabulary(arguments.plain)
    writer = gguf.GGUFWriter(arguments.out, "t5")
    writer.add_name("random t5" if arguments.plain else "random madlad")
    writer.add_license("CC0-1.0")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_eps(1e-6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_relative_attn_buckets_count(buckets)
    writer.add_decoder_start_token_id(0)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_scores([-float(i % 17) - 1 / len(text) for i, (text, _) in enumerate(tokens)])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(True)

    random = np.random.default_rng(arguments.seed)

    def matrix(name, rows, columns, scale=1.0):
        weights = random.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale * columns**-0.5)
        writer.add_tensor(name + ".weight", weights)

    def norm(name):
        writer.add_tensor(name + ".weight", np.float32(1) + 0.1 * random.standard_normal(width, dtype=np.float32))

    def attention(name):
        for part in ("q", "k", "v"):
            matrix(f"{name}_{part}", heads * head, width)
        matrix(f"{name}_o", width, heads * head)

    matrix("token_embd", len(tokens), width, 4)
    for side in ("enc", "dec"):
        for layer in range(layers):
            block = f"{side}.blk.{layer}."
            norm(block + "attn_norm")
            attention(block + "attn")
            if layer == 0:
                writer.add_tensor(block + "attn_rel_b.weight", random.standard_normal((buckets, heads), dtype=np.float32))
            if side == "dec":
                norm(block + "cross_attn_norm")
                attention(block + "cross_attn")
            norm(block + "ffn_norm")
            matrix(block + "ffn_up", inner, width)
            matrix(block + "ffn_down", width, inner)
        norm(side + ".output_norm")
    # The end comes now and then: its row is longer than the others.
    output = random.standard_normal((len(tokens), width), dtype=np.float32) * np.float32(width**-0.5)
    output[1] *= 2
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
