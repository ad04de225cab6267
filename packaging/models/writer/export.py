#!/usr/bin/env python3
"""Writes the trained writer as GGUF, for worker-llama.

usage: export.py --work FOLDER [--parts FOLDER] --config small|full --out writer.gguf [--type q8_0|q4_0|f16]

Takes the parts that train.py delivered, else WORK/state.pt. Needs Debian's python3-gguf.
"""

import argparse
import pathlib

import gguf
import numpy as np

import parts
from configs import CONFIGS
from vocabulary import BOS, EOS, Vocabulary

EPSILON, ROPE_BASE = 1e-5, 1e6
TYPES = {
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
}
MOST_BYTES = 45_000_000


def load(arguments):
    if arguments.parts:
        return parts.load(arguments.parts)
    import torch
    state = torch.load(arguments.work / "state.pt", map_location="cpu", weights_only=False)
    return {name: tensor.float().numpy() for name, tensor in state["model"].items()}


def write(state, vocabulary, config, kind, out):
    layout, file_type = TYPES[kind]
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("writer")
    writer.add_description("Proofreads English; trained by intelligenced's recipe packaging/models/writer")
    writer.add_license("Apache-2.0")
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head)
    writer.add_value_length(config.head)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(config.head)
    writer.add_vocab_size(config.vocabulary)
    writer.add_file_type(file_type)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types([3, 3] + [1] * (len(vocabulary.tokens) - 2))
    writer.add_token_merges([f"{a} {b}" for a, b in vocabulary.merges])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)

    def add(name, data):
        data = np.ascontiguousarray(data, np.float32)
        if data.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(data, layout), raw_dtype=layout)
        else:
            writer.add_tensor(name, data)

    add("token_embd.weight", state["embed"])
    add("output_norm.weight", state["norm.weight"])
    names = (("attn_norm", "norm1"), ("ffn_norm", "norm2"), ("attn_q", "q"), ("attn_k", "k"), ("attn_v", "v"),
             ("attn_output", "o"), ("ffn_gate", "gate"), ("ffn_up", "up"), ("ffn_down", "down"))
    for i in range(config.layers):
        for name, module in names:
            add(f"blk.{i}.{name}.weight", state[f"blocks.{i}.{module}.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--parts", type=pathlib.Path)
    parser.add_argument("--config", choices=CONFIGS, default="small")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--type", choices=TYPES, default="q8_0")
    arguments = parser.parse_args()
    config = CONFIGS[arguments.config]
    vocabulary = Vocabulary.load(arguments.work / "data" / "merges.json")
    if len(vocabulary.tokens) != config.vocabulary:
        raise SystemExit(f"the vocabulary has {len(vocabulary.tokens)} tokens, the configuration {config.vocabulary}")
    write(load(arguments), vocabulary, config, arguments.type, arguments.out)
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {config.parameters() / 1e6:.1f} M parameters, {size / 1e6:.1f} MB")
    if size > MOST_BYTES:
        raise SystemExit("the file is larger than 45 MB; export it as q4_0")


if __name__ == "__main__":
    main()
