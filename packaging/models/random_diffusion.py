#!/usr/bin/env python3
"""Writes a folder with a model that makes pictures, of random weights, in the layout of diffusers' ONNX exports.

  random_diffusion.py FOLDER pixel      a few hundred kilobytes, 16x16 pixels, no VAE, for tests
  random_diffusion.py FOLDER latent     the same with a VAE: 32x32 pixels
  random_diffusion.py FOLDER external   as pixel, with the denoiser's weights in a file of their own
  random_diffusion.py FOLDER sd15       Stable Diffusion 1.5: its components, blocks, heads and ports, --width of its channels

Its networks are built as the published ones are (residual blocks, self- and cross-attention, a CLIP text encoder,
a VAE); what they paint means nothing. Same arguments, same files.
"""

import argparse
import json
import math
import pathlib
import string
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
from support import onnx_file as onnx  # noqa: E402

FLOAT, INT64 = 1, 7
OUTSIDE = "model.onnx_data"


class Graph:
    """Nodes and weights of one network; methods give the name of what they make."""

    def __init__(self, seed):
        # Weights that lie in a file of their own; None: all are in the network's.
        self.outside = None
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0
        self.known = {}

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def add(self, operator, inputs, out=None, **attributes):
        out = out or self.name()
        self.nodes.append(onnx.node(operator, inputs, [out]) +
                          b"".join(self.attribute(key, value) for key, value in attributes.items()))
        return out

    @staticmethod
    def attribute(key, value):
        if isinstance(value, str):
            content = onnx.data(4, value) + onnx.number(20, 3)
        elif isinstance(value, float):
            content = onnx.varint(2 << 3 | 5) + struct.pack("<f", value) + onnx.number(20, 1)
        elif isinstance(value, int):
            content = onnx.number(3, value) + onnx.number(20, 2)
        else:
            content = b"".join(onnx.number(8, one) for one in value) + onnx.number(20, 7)
        return onnx.data(5, onnx.data(1, key) + content)

    def constant(self, array):
        array = np.asarray(array)
        kind, stored = (INT64, "<i8") if array.dtype.kind == "i" else (FLOAT, "<f4")
        key = (kind, array.shape, array.tobytes()) if array.size < 100 else None
        if key in self.known:
            return self.known[key]
        name, content = self.name(), array.astype(stored).tobytes()
        weight = b"".join(onnx.number(1, extent) for extent in array.shape) + onnx.number(2, kind) + onnx.data(8, name)
        if self.outside is None or key:
            weight += onnx.data(9, content)
        else:
            for entry, value in (("location", OUTSIDE), ("offset", str(len(self.outside))), ("length", str(len(content)))):
                weight += onnx.data(13, onnx.data(1, entry) + onnx.data(2, value))
            weight += onnx.number(14, 1)
            self.outside += content
        self.weights.append(weight)
        if key:
            self.known[key] = name
        return name

    def normal(self, *shape, scale=1.0):
        return self.constant(self.random.standard_normal(shape, dtype=np.float32) * np.float32(scale))

    def silu(self, x):
        return self.add("Mul", [x, self.add("Sigmoid", [x])])

    def linear(self, x, rows, columns, bias=True):
        y = self.add("MatMul", [x, self.normal(rows, columns, scale=rows**-0.5)])
        return self.add("Add", [y, self.normal(columns, scale=0.02)]) if bias else y

    def conv(self, x, rows, columns, size=3, stride=1, pads=None, out=None):
        pads = pads or [size // 2] * 4
        weights = self.normal(columns, rows, size, size, scale=(rows * size * size)**-0.5)
        return self.add("Conv", [x, weights, self.normal(columns, scale=0.02)], out, kernel_shape=[size, size],
                        strides=[stride, stride], pads=pads)

    def reshape(self, x, shape):
        return self.add("Reshape", [x, self.constant(np.array(shape, dtype=np.int64))])

    def like(self, x, other):
        return self.add("Reshape", [x, self.add("Shape", [other])])

    def group_norm(self, x, channels, groups):
        ones, zeros = self.constant(np.ones(groups, np.float32)), self.constant(np.zeros(groups, np.float32))
        y = self.add("InstanceNormalization", [self.reshape(x, [0, groups, -1]), ones, zeros], epsilon=1e-5)
        y = self.add("Mul", [self.like(y, x), self.constant(np.ones((channels, 1, 1), np.float32))])
        return self.add("Add", [y, self.normal(channels, 1, 1, scale=0.02)])

    def layer_norm(self, x, width):
        away = self.add("Sub", [x, self.add("ReduceMean", [x], axes=[-1])])
        square = self.add("ReduceMean", [self.add("Mul", [away, away])], axes=[-1])
        root = self.add("Sqrt", [self.add("Add", [square, self.constant(np.float32(1e-5))])])
        y = self.add("Mul", [self.add("Div", [away, root]), self.constant(np.ones(width, np.float32))])
        return self.add("Add", [y, self.normal(width, scale=0.02)])

    def attention(self, x, context, width, context_width, heads, mask=None, bias=False):
        each = width // heads

        def part(source, rows):
            y = self.reshape(self.linear(source, rows, width, bias), [0, 0, heads, each])
            return self.add("Transpose", [y], perm=[0, 2, 1, 3])

        q, k, v = part(x, width), part(context, context_width), part(context, context_width)
        scores = self.add("MatMul", [q, self.add("Transpose", [k], perm=[0, 1, 3, 2])])
        scores = self.add("Mul", [scores, self.constant(np.float32(each**-0.5))])
        if mask:
            scores = self.add("Add", [scores, mask])
        y = self.add("MatMul", [self.add("Softmax", [scores], axis=-1), v])
        y = self.reshape(self.add("Transpose", [y], perm=[0, 2, 1, 3]), [0, 0, width])
        return self.linear(y, width, width)

    def model(self, inputs, outputs):
        return onnx.model(self.nodes, inputs, outputs, self.weights)


class Blocks(Graph):
    """The blocks that a denoiser and a VAE are made of."""

    def __init__(self, seed, groups):
        super().__init__(seed)
        self.groups = groups

    def norm(self, x, channels):
        return self.group_norm(x, channels, math.gcd(self.groups, channels))

    def residual(self, x, rows, columns, time=None, time_width=0):
        y = self.conv(self.silu(self.norm(x, rows)), rows, columns)
        if time:
            row = self.linear(self.silu(time), time_width, columns)
            y = self.add("Add", [y, self.add("Unsqueeze", [row, self.constant(np.array([2, 3], dtype=np.int64))])])
        y = self.conv(self.silu(self.norm(y, columns)), columns, columns)
        return self.add("Add", [y, x if rows == columns else self.conv(x, rows, columns, size=1)])

    def spatial(self, x, channels, body):
        """Places as tokens, through `body`, and back."""
        y = self.add("Transpose", [self.reshape(x, [0, channels, -1])], perm=[0, 2, 1])
        return self.like(self.add("Transpose", [body(y)], perm=[0, 2, 1]), x)

    def transformer(self, x, channels, context, context_width, heads):
        def body(y):
            n = self.layer_norm(y, channels)
            y = self.add("Add", [y, self.attention(n, n, channels, channels, heads)])
            n = self.layer_norm(y, channels)
            y = self.add("Add", [y, self.attention(n, context, channels, context_width, heads)])
            n = self.layer_norm(y, channels)
            gate = self.linear(n, channels, 4 * channels)
            half = self.add("Mul", [gate, self.constant(np.float32(0.5))])
            wave = self.add("Erf", [self.add("Mul", [gate, self.constant(np.float32(0.5**0.5))])])
            gate = self.add("Mul", [half, self.add("Add", [wave, self.constant(np.float32(1))])])
            wide = self.add("Mul", [self.linear(n, channels, 4 * channels), gate])
            return self.add("Add", [y, self.linear(wide, 4 * channels, channels)])

        y = self.conv(self.norm(x, channels), channels, channels, size=1)
        y = self.spatial(y, channels, body)
        return self.add("Add", [self.conv(y, channels, channels, size=1), x])

    def self_attention(self, x, channels):
        y = self.spatial(self.norm(x, channels), channels,
                         lambda tokens: self.attention(tokens, tokens, channels, channels, 1, bias=True))
        return self.add("Add", [y, x])

    def larger(self, x, channels):
        y = self.add("Resize", [x, "", self.constant(np.array([1, 1, 2, 2], dtype=np.float32))], mode="nearest",
                     coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return self.conv(y, channels, channels)


def text_encoder(shape, seed):
    graph = Graph(seed)
    width, window = shape["text_width"], shape["window"]
    x = graph.add("Gather", [graph.normal(shape["vocabulary"], width), "input_ids"])
    x = graph.add("Add", [x, graph.normal(window, width, scale=0.5)])
    mask = graph.constant(np.triu(np.full((window, window), -1e9, np.float32), 1))
    for _ in range(shape["text_layers"]):
        n = graph.layer_norm(x, width)
        x = graph.add("Add", [x, graph.attention(n, n, width, width, shape["text_heads"], mask, bias=True)])
        y = graph.linear(graph.layer_norm(x, width), width, 4 * width)
        y = graph.add("Mul", [y, graph.add("Sigmoid", [graph.add("Mul", [y, graph.constant(np.float32(1.702))])])])
        x = graph.add("Add", [x, graph.linear(y, 4 * width, width)])
    graph.add("Identity", [graph.layer_norm(x, width)], "last_hidden_state")
    return graph.model([onnx.port("input_ids", ["batch", window], INT64)],
                       [onnx.port("last_hidden_state", ["batch", window, width])])


def unet(shape, seed, outside=None):
    graph = Blocks(seed, shape["groups"])
    graph.outside = outside
    channels, layers, samples = shape["channels"], shape["layers"], shape["samples"]
    first, width = channels[0], 4 * channels[0]

    half = first // 2
    waves = np.exp(-math.log(10000) * np.arange(half) / half).astype(np.float32).reshape(1, half)
    column = graph.add("Unsqueeze", [graph.add("Cast", ["timestep"], to=FLOAT), graph.constant(np.array([1]))])
    angles = graph.add("Mul", [column, graph.constant(waves)])
    time = graph.add("Concat", [graph.add("Cos", [angles]), graph.add("Sin", [angles])], axis=1)
    time = graph.linear(graph.silu(graph.linear(time, first, width)), width, width)

    def block(x, rows, columns, cross):
        x = graph.residual(x, rows, columns, time, width)
        if cross:
            x = graph.transformer(x, columns, "encoder_hidden_states", shape["text_width"], shape["heads"])
        return x

    x = graph.conv("sample", samples, first)
    skips, last = [(x, first)], first
    for i, own in enumerate(channels):
        for _ in range(layers):
            x = block(x, last, own, i < len(channels) - 1)
            last = own
            skips.append((x, own))
        if i < len(channels) - 1:
            x = graph.conv(x, own, own, stride=2)
            skips.append((x, own))
    x = block(x, last, last, True)
    x = graph.residual(x, last, last, time, width)
    for i, own in reversed(list(enumerate(channels))):
        for _ in range(layers + 1):
            skip, more = skips.pop()
            x = block(graph.add("Concat", [x, skip], axis=1), last + more, own, i < len(channels) - 1)
            last = own
        if i > 0:
            x = graph.larger(x, own)
    graph.conv(graph.silu(graph.norm(x, last)), last, samples, out="out_sample")
    open_shape = ["batch", samples, "height", "width"]
    return graph.model([onnx.port("sample", open_shape), onnx.port("timestep", ["steps"], INT64),
                        onnx.port("encoder_hidden_states", ["batch", "sequence", shape["text_width"]])],
                       [onnx.port("out_sample", open_shape)])


def vae_decoder(shape, seed):
    graph = Blocks(seed, shape["groups"])
    channels, samples = shape["vae_channels"], shape["samples"]
    last = channels[-1]
    x = graph.conv(graph.conv("latent_sample", samples, samples, size=1), samples, last)
    x = graph.residual(graph.self_attention(graph.residual(x, last, last), last), last, last)
    for i, own in reversed(list(enumerate(channels))):
        for _ in range(shape["layers"] + 1):
            x = graph.residual(x, last, own)
            last = own
        if i > 0:
            x = graph.larger(x, own)
    graph.conv(graph.silu(graph.norm(x, last)), last, 3, out="sample")
    return graph.model([onnx.port("latent_sample", ["batch", samples, "height", "width"])],
                       [onnx.port("sample", ["batch", 3, "tall", "wide"])])


def vae_encoder(shape, seed):
    graph = Blocks(seed, shape["groups"])
    channels, samples = shape["vae_channels"], shape["samples"]
    last = channels[0]
    x = graph.conv("sample", 3, last)
    for i, own in enumerate(channels):
        for _ in range(shape["layers"]):
            x = graph.residual(x, last, own)
            last = own
        if i < len(channels) - 1:
            x = graph.conv(x, own, own, stride=2, pads=[0, 0, 1, 1])
    x = graph.residual(graph.self_attention(graph.residual(x, last, last), last), last, last)
    x = graph.conv(graph.silu(graph.norm(x, last)), last, 2 * samples)
    graph.conv(x, 2 * samples, 2 * samples, size=1, out="latent_parameters")
    return graph.model([onnx.port("sample", ["batch", 3, "height", "width"])],
                       [onnx.port("latent_parameters", ["batch", 2 * samples, "low", "narrow"])])


def tokenizer(size):
    """Letters, marks and digits, and pairs of letters; the two marks last, as CLIP has them."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    merges = [(a, b) for a in string.ascii_lowercase for b in "aeiou"]
    tokens = list(letters) + [letter + "</w>" for letter in letters] + [a + b for a, b in merges]
    tokens += [f"<unused{i}>" for i in range(size - 2 - len(tokens))]
    tokens = tokens[:size - 2] + ["<|startoftext|>", "<|endoftext|>"]
    return ({token: i for i, token in enumerate(tokens)},
            "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))


TINY = {"text_width": 8, "text_layers": 1, "text_heads": 2, "window": 16, "vocabulary": 300, "groups": 4,
        "channels": [8, 16], "layers": 1, "heads": 2, "vae_channels": [8, 8, 16]}
SHAPES = {
    "pixel": TINY | {"samples": 3, "sample_size": 16, "scaling_factor": None},
    "external": TINY | {"samples": 3, "sample_size": 16, "scaling_factor": None},
    "latent": TINY | {"samples": 4, "sample_size": 8, "scaling_factor": 0.18215},
    "sd15": {"text_width": 768, "text_layers": 12, "text_heads": 12, "window": 77, "vocabulary": 49408, "groups": 32,
             "channels": [320, 640, 1280, 1280], "layers": 2, "heads": 8, "vae_channels": [128, 256, 512, 512],
             "samples": 4, "sample_size": 64, "scaling_factor": 0.18215},
}


def scaled(shape, width):
    shape = dict(shape)
    if width != 1:
        for key in ("channels", "vae_channels"):
            shape[key] = [max(32, round(own * width / 32) * 32) for own in shape[key]]
        shape["text_width"] = max(96, round(shape["text_width"] * width / 96) * 96)
    return shape


def write(folder, kind, width=1.0, seed=1):
    folder = pathlib.Path(folder)
    shape = scaled(SHAPES[kind], width)

    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def put_json(name, value):
        put(name, json.dumps(value, indent=1))

    latent = shape["scaling_factor"] is not None
    index = {"_class_name": "StableDiffusionPipeline", "text_encoder": ["diffusers", "OnnxRuntimeModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "OnnxRuntimeModel"],
             "scheduler": ["diffusers", "DDIMScheduler"]}
    if latent:
        index["vae_decoder"] = index["vae_encoder"] = index["unet"]
    if kind != "sd15":
        index["intelligenced"] = {"styles": {"plain": "{prompt}", "Sketch": ", a sketch", "bold": "bold {prompt}!"},
                                  "default_steps": 4, "default_guidance_scale": 2.5}
    vocabulary, merges = tokenizer(shape["vocabulary"])
    put("tokenizer/vocab.json", json.dumps(vocabulary))
    put("tokenizer/merges.txt", merges)
    put_json("tokenizer/tokenizer_config.json", {"model_max_length": shape["window"], "tokenizer_class": "CLIPTokenizer"})
    put("text_encoder/model.onnx", text_encoder(shape, seed))
    outside = bytearray() if kind == "external" else None
    put("unet/model.onnx", unet(shape, seed + 1, outside))
    if outside:
        put(f"unet/{OUTSIDE}", bytes(outside))
    put_json("unet/config.json", {"sample_size": shape["sample_size"], "in_channels": shape["samples"],
                                  "block_out_channels": shape["channels"]})
    put_json("scheduler/scheduler_config.json",
             {"_class_name": "PNDMScheduler" if kind == "sd15" else "DDIMScheduler", "num_train_timesteps": 1000,
              "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1,
              "clip_sample": not latent, "set_alpha_to_one": False})
    if latent:
        put("vae_decoder/model.onnx", vae_decoder(shape, seed + 2))
        put("vae_encoder/model.onnx", vae_encoder(shape, seed + 3))
        put_json("vae_decoder/config.json", {"scaling_factor": shape["scaling_factor"],
                                             "block_out_channels": shape["vae_channels"]})
    # Last: a build that ends before is begun anew.
    put_json("model_index.json", index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("kind", choices=SHAPES)
    parser.add_argument("--width", type=float, default=0.25, help="of sd15: its share of the channels (default 0.25)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.kind, arguments.width if arguments.kind == "sd15" else 1.0, arguments.seed)


if __name__ == "__main__":
    main()
