#!/usr/bin/env python3
"""Writes a GGUF projector (mmproj) with random weights, for tests of prompts with pictures.

It fits the models of random_llama.py (--tiny). What it sees is noise, but of each picture its own.
Same arguments, same seed: the same file, byte for byte.

  random_projector.py OUT.gguf                   like LLaVA's: 16 tokens a picture, looked at in order
  random_projector.py OUT.gguf --type gemma3     like Gemma 3's: 16 tokens that see each other
  random_projector.py OUT.gguf --width 896       for a model of that width (default: 64)
"""

import argparse

import gguf
import numpy as np

HIDDEN, HEADS, FEED_FORWARD, LAYERS, PATCH = 32, 4, 64, 2, 8


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--type", choices=("mlp", "gemma3"), default="mlp")
    parser.add_argument("--width", type=int, default=64, help="of the language model")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    llava = arguments.type == "mlp"
    side = 32 if llava else 64
    patches = (side // PATCH) ** 2

    writer = gguf.GGUFWriter(arguments.out, "clip")
    writer.add_name(f"random-projector-{arguments.type}")
    writer.add_license("CC0-1.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", arguments.type)
    writer.add_bool("clip.use_gelu", True)
    for key, value in {
        "image_size": side,
        "patch_size": PATCH,
        "embedding_length": HIDDEN,
        "feed_forward_length": FEED_FORWARD,
        "block_count": LAYERS,
        "attention.head_count": HEADS,
        "projection_dim": arguments.width,
    }.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    if not llava:
        writer.add_uint32("clip.vision.projector.scale_factor", 2)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])

    random = np.random.default_rng(arguments.seed)

    def matrix(name, *shape, half=True):
        columns = int(np.prod(shape[1:]))
        weights = random.standard_normal(shape, dtype=np.float32) * columns**-0.5
        writer.add_tensor(name, weights.astype(np.float16 if half else np.float32))

    def vector(name, size, value=0.0):
        noise = 0.1 * random.standard_normal(size, dtype=np.float32)
        writer.add_tensor(name, (value + noise).astype(np.float32))

    def norm(name):
        vector(f"{name}.weight", HIDDEN, 1.0)
        vector(f"{name}.bias", HIDDEN)

    matrix("v.patch_embd.weight", HIDDEN, 3, PATCH, PATCH)
    matrix("v.position_embd.weight", patches + (1 if llava else 0), HIDDEN, half=False)
    if llava:
        vector("v.class_embd", HIDDEN)
        norm("v.pre_ln")
    else:
        vector("v.patch_embd.bias", HIDDEN)
        norm("v.post_ln")
    for layer in range(LAYERS):
        prefix = f"v.blk.{layer}."
        norm(prefix + "ln1")
        norm(prefix + "ln2")
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            matrix(f"{prefix}{name}.weight", HIDDEN, HIDDEN)
            vector(f"{prefix}{name}.bias", HIDDEN)
        matrix(prefix + "ffn_up.weight", FEED_FORWARD, HIDDEN)
        vector(prefix + "ffn_up.bias", FEED_FORWARD)
        matrix(prefix + "ffn_down.weight", HIDDEN, FEED_FORWARD)
        vector(prefix + "ffn_down.bias", HIDDEN)
    if llava:
        matrix("mm.0.weight", arguments.width, HIDDEN)
        vector("mm.0.bias", arguments.width)
        matrix("mm.2.weight", arguments.width, arguments.width)
        vector("mm.2.bias", arguments.width)
    else:
        matrix("mm.input_projection.weight", HIDDEN, arguments.width)
        vector("mm.soft_emb_norm.weight", HIDDEN, 1.0)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
