#!/usr/bin/env python3
"""Writes a trained model in the layout of diffusers' ONNX exports.

usage: export.py --work FOLDER [--out model]

The painter says what the picture is, by rectified flow; the file says v, by DDPM's noise: the same thing in other
units, so that every scheduler can step it. Weights are kept in 16 bits. Needs Debian's python3-torch, python3-onnx
and python3-onnxruntime; what ONNX Runtime makes of the files is compared with the network.
"""

import argparse
import io
import json
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper

import train
from tokenizer import LENGTH, Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
OPSET = 17
STEPS, BETA_START, BETA_END = 1000, 1e-4, 0.02
# Weights of fewer numbers stay as they are.
LEAST_HALVED = 256
STYLES = {"illustration": "{prompt}, illustration", "sketch": "{prompt}, sketch",
          "animation": "{prompt}, 3d animation"}


def signal_shares():
    """The share of the picture's variance left at each time."""
    return np.cumprod(1 - np.linspace(BETA_START, BETA_END, STEPS))


class TextEncoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.text = model.text

    def forward(self, input_ids):
        return self.text(input_ids.long())


class Unet(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.painter = model.painter
        shares = signal_shares()
        self.register_buffer("levels", torch.tensor(np.log(shares) - np.log1p(-shares), dtype=torch.float32))

    def forward(self, sample, timestep, encoder_hidden_states):
        time = (timestep.float() + torch.zeros_like(sample[:, 0, 0, 0])).clamp(0, STEPS - 1)
        low = time.floor().clamp(max=STEPS - 2)
        part, index = time - low, low.long()
        level = self.levels[index] * (1 - part) + self.levels[index + 1] * part
        signal, noise = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
        a, b = signal[:, None, None, None], noise[:, None, None, None]
        picture = self.painter(sample / (a + b), noise / (signal + noise), encoder_hidden_states)
        return (a * sample - picture) / b


def halved(graph_bytes):
    """The same graph with its larger weights in 16 bits, each followed by a Cast."""
    model = onnx.load_from_string(graph_bytes)
    nodes = []
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype == np.float32 and array.size >= LEAST_HALVED:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), name + "/half"))
            nodes.append(helper.make_node("Cast", [name + "/half"], [name], to=onnx.TensorProto.FLOAT))
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.producer_name, model.producer_version = "intelligenced", ""
    for node in model.graph.node:
        node.ClearField("doc_string")
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_graph(module, example, names, out, axes, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), example, buffer, dynamo=False, opset_version=OPSET, input_names=names,
                          output_names=[out], dynamic_axes=axes)
    path.write_bytes(halved(buffer.getvalue()))
    # Others than those it was made with.
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    others = [torch.cat([e, e.flip(0)]) if e.dim() > 1 else e + 7 for e in example]
    with torch.no_grad():
        meant = module(*others).numpy()
    made = session.run([out], {n: e.numpy() for n, e in zip(names, others)})[0]
    error = np.abs(made - meant).max() / np.abs(meant).max()
    print(f"{path.parent.name}: {path.stat().st_size:,} bytes, differs by {error:.1e} of the largest number")
    if not error < 0.02:
        raise SystemExit(f"{path} is not the network")


def write_json(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def write_sizes(out):
    """Into the manifest."""
    path = HERE / "imagine.json"
    place = "@MODEL_DIRECTORY@/imagine/"
    text = path.read_text(encoding="utf-8")
    for file in json.loads(text)["files"]:
        line = f'"{file["path"]}", "size_bytes": '
        size = (out / file["path"].removeprefix(place)).stat().st_size
        text = text.replace(f'{line}{file["size_bytes"]} ', f"{line}{size} ")
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "model")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    state = torch.load(arguments.work / "state.pt", map_location="cpu")
    tokenizer = Tokenizer()
    model = train.Model(state["counts"]["config"], tokenizer)
    model.load_state_dict(state["smooth"])
    model.requires_grad_(False)
    out = arguments.out

    ids = torch.tensor([tokenizer.encode("a red car under a yellow sun"), tokenizer.encode("")], dtype=torch.int32)
    text = TextEncoder(model)
    write_graph(text, (ids,), ["input_ids"], "last_hidden_state",
                {"input_ids": {0: "batch", 1: "tokens"}, "last_hidden_state": {0: "batch", 1: "tokens"}},
                out / "text_encoder" / "model.onnx")
    sample = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    write_graph(Unet(model), (sample, torch.tensor([401.5]), text(ids)),
                ["sample", "timestep", "encoder_hidden_states"], "out_sample",
                {"sample": {0: "batch"}, "timestep": {0: "times"}, "encoder_hidden_states": {0: "batch", 1: "tokens"},
                 "out_sample": {0: "batch"}}, out / "unet" / "model.onnx")
    tokenizer.write(out / "tokenizer")
    width = model.text.words.shape[1]
    write_json(out / "unet" / "config.json", {"_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": 3,
                                              "out_channels": 3, "cross_attention_dim": width})
    write_json(out / "text_encoder" / "config.json", {"model_type": "clip_text_model", "hidden_size": width,
                                                      "vocab_size": tokenizer.size, "max_position_embeddings": LENGTH})
    write_json(out / "scheduler" / "scheduler_config.json", {
        "_class_name": "DDIMScheduler", "num_train_timesteps": STEPS, "beta_start": BETA_START, "beta_end": BETA_END,
        "beta_schedule": "linear", "prediction_type": "v_prediction", "timestep_spacing": "trailing",
        "clip_sample": True, "set_alpha_to_one": True})
    write_json(out / "model_index.json", {
        "_class_name": "OnnxStableDiffusionPipeline", "_diffusers_version": "0.30.0",
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["diffusers", "OnnxRuntimeModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "OnnxRuntimeModel"],
        "intelligenced": {"styles": STYLES, "default_steps": arguments.steps,
                          "default_guidance_scale": arguments.guidance, "width": 64, "height": 64}})
    if out == HERE / "model":
        write_sizes(out)
    counts = state["counts"]
    print(f"{counts['config']}: {counts['step']} steps of {train.RECIPES[counts['config']]['batch']} pictures, "
          f"{counts['cpu'] / 60:.0f} minutes of computing; "
          f"{sum(p.numel() for p in model.text.parameters()):,} + {sum(p.numel() for p in model.painter.parameters()):,} "
          f"parameters, {sum(f.stat().st_size for f in out.rglob('*') if f.is_file()):,} bytes")


if __name__ == "__main__":
    main()
