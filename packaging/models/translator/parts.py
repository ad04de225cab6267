"""Weights in files of at most 15 MiB, for a machine that takes and gives only small files.

A matrix is written as two planes of 8 bits a weight: the high one alone is good to 1/127 of its row's largest weight,
both together to 1/32,000. So the weights of the full configuration are 32 MB in each plane, and a fresh machine can go
on from the files named high-… alone, whose error a few hundred steps undo. Vectors are written whole.
"""

import io
import json
import math
import pathlib

import numpy as np
import torch

PART = 15 << 20


def planes(matrix):
    """(steps of the rows, high plane, low plane)."""
    step = np.maximum(np.abs(matrix).max(axis=1, keepdims=True), 1e-12) / 127
    high = np.rint(matrix / step)
    low = np.rint((matrix / step - high) * 254)
    return step.astype(np.float32), high.astype(np.int8), low.astype(np.int8)


def write(folder, saved):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole, high, low = {}, io.BytesIO(), io.BytesIO()
    shapes = {}
    for name, value in saved["model"].items():
        array = value.float().numpy()
        if array.ndim < 2 or len(array) == 1:
            whole[name] = array
            continue
        steps, first, second = planes(array)
        whole[f"steps/{name}"] = steps
        shapes[name] = array.shape
        high.write(first.tobytes())
        low.write(second.tobytes())
    about = {key: value for key, value in saved.items() if key != "model"}
    if not math.isfinite(about["best"]):
        about["best"] = 1e9
    np.savez(folder / "whole.npz", about=json.dumps(about), shapes=json.dumps(shapes), **whole)
    for plane, stream in (("high", high), ("low", low)):
        data = stream.getvalue()
        for number, begin in enumerate(range(0, len(data), PART)):
            (folder / f"{plane}-{number}.bin").write_bytes(data[begin:begin + PART])


def read(folder):
    """What write() was given; the low plane may be missing."""
    folder = pathlib.Path(folder)
    whole = dict(np.load(folder / "whole.npz"))
    saved, shapes = json.loads(str(whole.pop("about"))), json.loads(str(whole.pop("shapes")))
    data = {}
    for plane in ("high", "low"):
        files = sorted(folder.glob(f"{plane}-*.bin"), key=lambda f: int(f.stem.split("-")[1]))
        data[plane] = np.frombuffer(b"".join(f.read_bytes() for f in files), np.int8)
    model = {name: torch.from_numpy(array) for name, array in whole.items() if not name.startswith("steps/")}
    place = 0
    for name, shape in shapes.items():
        count = math.prod(shape)
        matrix = data["high"][place:place + count].astype(np.float32)
        if len(data["low"]):
            matrix += data["low"][place:place + count].astype(np.float32) / 254
        place += count
        model[name] = torch.from_numpy(matrix.reshape(shape) * whole[f"steps/{name}"])
    saved["model"] = model
    return saved
