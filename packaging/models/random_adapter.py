#!/usr/bin/env python3
"""Writes a random LoRA adapter (GGUF) for a Llama model, for tests and benchmarks.

The text of the model with it is another noise; its speed and memory are those of a trained adapter
of that rank. Same arguments, same seed: the same file, byte for byte.

  random_adapter.py BASE.gguf OUT.gguf
  random_adapter.py BASE.gguf OUT.gguf --rank 8 --seed 2 --strength 0.5
"""

import argparse
import sys

import gguf
import numpy as np

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", help="the model that it is for")
    parser.add_argument("out")
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strength", type=float, default=0.5, help="size of the change; 1 is that of the weights")
    arguments = parser.parse_args()
    if arguments.rank < 1:
        parser.error("a rank is at least 1")
    return arguments


def main():
    arguments = parse_arguments()
    reader = gguf.GGUFReader(arguments.base)
    field = reader.get_field("general.architecture")
    architecture = bytes(field.parts[field.data[0]]).decode()
    writer = gguf.GGUFWriter(arguments.out, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(arguments.rank))
    writer.add_name(f"random-adapter-{arguments.seed}")
    random = np.random.default_rng(arguments.seed)
    found = 0
    for tensor in reader.tensors:
        if len(tensor.shape) != 2 or not tensor.name.endswith(tuple(f".{m}.weight" for m in MATRICES)):
            continue
        found += 1
        columns, rows = (int(extent) for extent in tensor.shape)
        down = random.standard_normal((arguments.rank, columns), dtype=np.float32)
        up = random.standard_normal((rows, arguments.rank), dtype=np.float32)
        # The product has about the size of a weight matrix of that many columns.
        up *= np.float32(arguments.strength / (columns * arguments.rank) ** 0.5)
        writer.add_tensor(tensor.name + ".lora_a", down)
        writer.add_tensor(tensor.name + ".lora_b", up)
    if found == 0:
        sys.exit("the base has no matrices of the usual names")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
