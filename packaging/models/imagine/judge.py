#!/usr/bin/env python3
"""A classifier of renderer pictures that judges what a picture shows: where which object is, in which colour, and
the middles of objects, for counting. Knows nothing of the model that it judges.

usage: judge.py --work FOLDER [--minutes 5]     trains it, resumable; judge.pt in --work
"""

import argparse
import os
import pathlib
import random
import time

# Threads of OpenBLAS wait for one another by spinning: on a busy machine for minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F

from renderer import COLOUR_NAMES, MAP, OBJECT_NAMES, Renderer
from scenes import Maker

CELL = 64 // MAP
BATCH = 64
# An object has at least so many cells.
LEAST_CELLS = 3


class Judge(torch.nn.Module):
    def __init__(self, width=80):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.second = torch.nn.Conv2d(24, width, 5, stride=2, padding=2)
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 1, 3, 1))
        self.norms = torch.nn.ModuleList(torch.nn.GroupNorm(8, width) for _ in self.layers)
        self.last = torch.nn.Conv2d(width, len(OBJECT_NAMES) + 1 + len(COLOUR_NAMES) + 1 + 1, 1)

    def forward(self, pictures):
        """Of pictures from -1 to 1: objects, colours, middles, on a grid of MAP by MAP."""
        x = F.silu(self.second(F.silu(self.first(pictures))))
        for norm, layer in zip(self.norms, self.layers):
            x = x + F.silu(layer(norm(x)))
        return self.last(x).float().split((len(OBJECT_NAMES) + 1, len(COLOUR_NAMES) + 1, 1), 1)


def middles(made):
    """(n, MAP, MAP): 1 at the middle of an object, falling off within a cell."""
    at = np.arange(MAP, dtype=np.float32) * CELL + CELL / 2
    heat = np.zeros((len(made), MAP, MAP), np.float32)
    for one, scene in zip(heat, made):
        for thing in scene["things"]:
            far = (at[:, None] - thing["y"]) ** 2 + (at[None] - thing["x"]) ** 2
            np.maximum(one, np.exp(-far / (2 * (0.6 * CELL) ** 2)), out=one)
    return heat


def softened(pictures, chance):
    """As a model might paint them: some are blurred, some have noise."""
    blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(len(pictures), 1, 1, 1, generator=chance).square()
    made = pictures + (blurred - pictures) * share
    return made + torch.randn(pictures.shape, generator=chance) * 0.12 * torch.rand(len(pictures), 1, 1, 1, generator=chance)


@torch.no_grad()
def read(judge, pictures):
    """What pictures (n, 3, 64, 64; 0 to 1) show: for each a dictionary of object to {"colour", "x", "y", "box", "count"}."""
    found = []
    for some in torch.from_numpy(np.asarray(pictures, np.float32)).mul(2).sub(1).split(64):
        objects, colours, heat = judge(some)
        objects, colours = objects.argmax(1), colours[:, 1:].argmax(1)
        heat = torch.sigmoid(heat)
        peaks = ((heat == F.max_pool2d(heat, 3, 1, 1)) & (heat > 0.4))[:, 0]
        for object_, colour, peak in zip(objects.numpy(), colours.numpy(), peaks.numpy()):
            things = {}
            for number in np.unique(object_[object_ > 0]):
                y, x = np.nonzero(object_ == number)
                if len(y) >= LEAST_CELLS:
                    best = np.bincount(colour[y, x], minlength=len(COLOUR_NAMES)).argmax()
                    things[OBJECT_NAMES[number - 1]] = {
                        "colour": COLOUR_NAMES[best], "x": x.mean(), "y": y.mean(), "cells": len(y),
                        "box": (x.min(), y.min(), x.max(), y.max()), "count": int((peak & (object_ == number)).sum())}
            found.append(things)
    return found


def verdict(scene, things):
    """What is right of what `scene` asks for: lists of true and false for objects and colours, and one for the count and
    the relation, None where nothing is asked."""
    asked = list({t["object"]: t["colour"] for t in scene["things"]}.items())
    made = {"objects": [name in things for name, _ in asked],
            "colours": [name in things and things[name]["colour"] == colour for name, colour in asked],
            "count": None, "relation": None}
    if scene["kind"] == "count":
        made["count"] = asked[0][0] in things and things[asked[0][0]]["count"] == len(scene["things"])
    if scene["kind"] in ("left", "above", "inside"):
        a, b = (things.get(name) for name, _ in asked)
        made["relation"] = bool(a and b) and related(scene["kind"], a, b)
    return made


def related(kind, a, b):
    if kind == "left":
        return b["x"] - a["x"] > max(1.5, abs(b["y"] - a["y"]))
    if kind == "above":
        return b["y"] - a["y"] > max(1.5, abs(b["x"] - a["x"]))
    outer, inner = a["box"], b["box"]
    return (outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
            and a["cells"] > b["cells"] * 0.8)


def chunk(seed, count):
    maker = Maker(random.Random(f"judge {seed}"))
    made = [maker.scene() for _ in range(count)]
    pictures, maps = Renderer().render(made, seed)
    return torch.from_numpy(pictures).mul(2).sub(1), torch.from_numpy(maps).long(), torch.from_numpy(middles(made))


def train(work, minutes):
    judge = Judge().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent, total = 0, 0.0, minutes * 60
    if (work / "judge.pt").exists():
        state = torch.load(work / "judge.pt")
        judge.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    chance = torch.Generator().manual_seed(step + 1)
    while spent < total:
        begin = time.process_time()
        pictures, maps, heat = chunk(step, 4 * BATCH)
        losses = []
        for p, m, h in zip(pictures.split(BATCH), maps.split(BATCH), heat.split(BATCH)):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * min(1, (step + 1) / 50) * max(0.02, 1 - spent / total)
            soft = softened(p, chance).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                objects, colours, middle = judge(soft)
            weight = torch.ones(len(OBJECT_NAMES) + 1)
            weight[0] = 0.5
            loss = (F.cross_entropy(objects, m[:, 0], weight) + F.cross_entropy(colours, m[:, 1])
                    + 4 * F.binary_cross_entropy_with_logits(middle[:, 0], h))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            step += 1
        spent += time.process_time() - begin
        if step % 40 == 0:
            print(f"step {step}, {spent / 60:.1f} min, loss {np.mean(losses):.4f}", flush=True)
            torch.save({"model": judge.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent},
                       work / "judge.new")
            os.replace(work / "judge.new", work / "judge.pt")
    torch.save({"model": judge.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent},
               work / "judge.pt")
    print(f"{step} steps of {BATCH} pictures")


def load(work):
    judge = Judge()
    judge.load_state_dict(torch.load(work / "judge.pt")["model"])
    return judge.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=5, help="of computing")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    train(arguments.work, arguments.minutes)


if __name__ == "__main__":
    main()
