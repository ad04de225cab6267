#!/usr/bin/env python3
"""Trains the picture model on scenes that are drawn while it learns.

usage: train.py --work FOLDER [--config small|full] [--minutes 60] [--threads 1] [--device cpu] [--workers 0]

Resumable: state.pt in --work holds everything and is written every few minutes; run it again and it goes on. `small`
is for a CPU core and hours, `full` for a large GPU and half an hour, in pieces. Also written there: log.tsv,
loss.png, and samples.png now and then. Needs Debian's python3-torch and python3-numpy.
"""

import argparse
import copy
import math
import os
import pathlib
import time

# Threads of OpenBLAS wait for one another by spinning: on a busy machine for minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F

import data
import network
import sampling
from renderer import COLOUR_NAMES, OBJECT_NAMES, sheet, write_png
from tokenizer import LENGTH, Tokenizer

# Rows a step; scenes drawn at once and how often each is used, with other words; the rates of learning, their start and
# the steps after which they fall; the weight of the maps.
RECIPES = {
    "small": {"batch": 64, "chunk": 256, "uses": 2, "matrices": 4e-3, "rest": 2e-3, "warmup": 100, "slower": 4000,
              "maps": 0.2},
    "full": {"batch": 1024, "chunk": 1024, "uses": 4, "matrices": 4e-3, "rest": 1.5e-3, "warmup": 400, "slower": 20000,
             "maps": 0.1},
}
SHOWN = ("a red car under a yellow sun", "a blue house, sketch", "three green apples, animation", "a cat",
         "a purple star inside a yellow circle", "a tree on a meadow, 3d", "a pink fish left of an orange boat",
         "five red hearts on a black background")


class Muon(torch.optim.Optimizer):
    """Momentum whose every step is made orthogonal (Jordan and others, 2024), for matrices."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.01):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @staticmethod
    def _orthogonal(x):
        x = x.bfloat16()
        turned = x.shape[-2] > x.shape[-1]
        x = x.mT if turned else x
        x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
        for a, b, c in ((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
                        (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012)):
            square = x @ x.mT
            x = a * x + (b * square + c * square @ square) @ x
        return x.mT if turned else x

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            same = {}
            for p in group["params"]:
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                same.setdefault(p.shape, []).append((p, p.grad.lerp(state["momentum"], group["momentum"])))
            for shape, members in same.items():
                steps = self._orthogonal(torch.stack([m[1] for m in members]))
                scale = 0.2 * math.sqrt(max(shape)) * group["lr"]
                for (p, _), step in zip(members, steps):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step.to(p.dtype) * scale)


class Model(torch.nn.Module):
    def __init__(self, config, tokenizer):
        super().__init__()
        shape = network.CONFIGS[config]
        self.labels = (len(OBJECT_NAMES) + 1, len(COLOUR_NAMES) + 1)
        self.text = network.TextEncoder(shape, tokenizer.size, LENGTH)
        self.painter = network.Painter(shape, self.labels)

    def forward(self, pictures, maps, ids, noise, noise_pictures):
        s = noise[:, None, None, None]
        z = (1 - s) * pictures + s * noise_pictures
        made, seen = self.painter(z, noise, self.text(ids), with_maps=True)
        # As far as the speeds are from each other, not the pictures.
        error = ((made - pictures) ** 2).mean((1, 2, 3))
        return (error / noise.clamp(min=network.LEAST_NOISE * 2) ** 2), network.maps_loss(seen, maps, self.labels)


def noise_levels(count, device):
    """Mostly where it is decided what is where."""
    made = torch.sigmoid(torch.randn(count, device=device) * 1.3 + 1.3)
    return torch.where(torch.rand(count, device=device) < 0.15, torch.rand(count, device=device), made)


def optimizers(model, recipe):
    matrices, rest = [], []
    for name, p in model.named_parameters():
        inner = ".blocks." in name and p.dim() == 2 and not name.endswith("turn")
        (matrices if inner else rest).append(p)
    return [Muon(matrices, recipe["matrices"]),
            torch.optim.AdamW(rest, lr=recipe["rest"], betas=(0.9, 0.98), weight_decay=0.0)]


def draw_curve(path, rows):
    """The loss over samples, both on logarithmic scales."""
    picture = np.ones((3, 240, 400), np.float32)
    if len(rows) > 2:
        rows = np.array(rows)
        x, y = np.log(rows[:, 1]), np.log(rows[:, 3])
        x = (x - x.min()) / max(float(np.ptp(x)), 1e-6) * 379 + 10
        y = 229 - (y - y.min()) / max(float(np.ptp(y)), 1e-6) * 219
        picture[:, 229, 10:390] = picture[:, 10:230, 10] = 0.6
        for a, b, c, d in zip(x, y, x[1:], y[1:]):
            for t in np.linspace(0, 1, 2 + int(max(abs(c - a), abs(d - b)))):
                picture[:, int(b + (d - b) * t), int(a + (c - a) * t)] = np.array([0.1, 0.3, 0.8])
    write_png(path, picture)


class Training:
    def __init__(self, arguments):
        self.work, self.device, self.recipe = arguments.work, arguments.device, RECIPES[arguments.config]
        self.tokenizer = Tokenizer()
        torch.manual_seed(1)
        self.model = Model(arguments.config, self.tokenizer).to(self.device)
        self.smooth = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizers = optimizers(self.model, self.recipe)
        self.counts = {"config": arguments.config, "step": 0, "chunk": 0, "cpu": 0.0, "clock": 0.0}
        self.rows = []
        if (self.work / "state.pt").exists():
            self._load(arguments.config)
        torch.manual_seed(self.counts["step"] + 1)
        self.forward = torch.compile(self.model) if arguments.compile else self.model
        self.chunks = data.chunks(self.counts["chunk"], self.recipe["chunk"], self.tokenizer, self.recipe["uses"],
                                  arguments.workers)

    def _load(self, config):
        state = torch.load(self.work / "state.pt", map_location=self.device)
        if state["counts"]["config"] != config:
            raise SystemExit(f"{self.work} holds a training of {state['counts']['config']}")
        self.model.load_state_dict(state["model"])
        self.smooth.load_state_dict(state["smooth"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        self.counts, self.rows = state["counts"], state["rows"]

    def save(self):
        torch.save({"model": self.model.state_dict(), "smooth": self.smooth.state_dict(), "counts": self.counts,
                    "rows": self.rows, "optimizers": [o.state_dict() for o in self.optimizers]}, self.work / "state.new")
        os.replace(self.work / "state.new", self.work / "state.pt")
        with open(self.work / "log.tsv", "w", encoding="utf-8") as file:
            file.write("step\tpictures\tcpu_minutes\tloss\tmaps\n")
            file.writelines("\t".join(f"{v:.6g}" for v in row) + "\n" for row in self.rows)
        draw_curve(self.work / "loss.png", self.rows)

    def _batches(self):
        """Of one chunk, each picture used several times."""
        batch, uses = self.recipe["batch"], self.recipe["uses"]
        pictures, maps, ids = next(self.chunks)
        self.counts["chunk"] += 1
        pictures, maps, ids = (torch.from_numpy(a).to(self.device) for a in (pictures, maps, ids))
        order = torch.cat([torch.randperm(len(pictures)) + use * len(pictures) for use in range(uses)])
        for some in order.split(batch):
            use, row = some // len(pictures), some % len(pictures)
            words = ids[row, use].long()
            # Without a caption now and then: that is what guidance leads away from.
            none = torch.rand(len(some), device=self.device) < 0.1
            empty = torch.full_like(words[0], self.tokenizer.end)
            empty[0] = self.tokenizer.start
            words = torch.where(none[:, None], empty, words)
            if self.device == "cpu":
                words = words[:, :int((words != self.tokenizer.end).sum(1).max()) + 1]
            yield pictures[row].float() / 127.5 - 1, maps[row], words

    def _step(self, pictures, maps, ids):
        counts, recipe = self.counts, self.recipe
        # Nobody knows how long it will be: slower and slower, without an end.
        warm = min((counts["step"] + 1) / recipe["warmup"], (1 + counts["step"] / recipe["slower"]) ** -0.5)
        for optimizer, rate in zip(self.optimizers, (recipe["matrices"], recipe["rest"])):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * self.rate
        noise = noise_levels(len(pictures), self.device)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            errors, seen = self.forward(pictures, maps, ids, noise, torch.randn_like(pictures))
        loss = errors.mean() + recipe["maps"] * seen
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        counts["step"] += 1
        # The mean over about the last tenth of all steps, however many they will be.
        with torch.no_grad():
            torch._foreach_lerp_(list(self.smooth.parameters()), list(self.model.parameters()),
                                 min(1.0, 12 / (counts["step"] + 11)))
        return errors.detach().mean(), seen.detach()

    def run(self, minutes, rate, samples_every=900):
        self.rate = rate
        begin = saved = shown = time.monotonic()
        while time.monotonic() - begin < minutes * 60:
            cpu, clock = time.process_time(), time.monotonic()
            sums = torch.stack([torch.stack(self._step(*batch)) for batch in self._batches()]).mean(0).tolist()
            self.counts["cpu"] += time.process_time() - cpu
            self.counts["clock"] += time.monotonic() - clock
            step = self.counts["step"]
            self.rows.append([step, step * self.recipe["batch"], self.counts["cpu"] / 60, *sums])
            if len(self.rows) > 2000:
                self.rows = [[(x + y) / 2 for x, y in zip(*pair)] for pair in zip(self.rows[::2], self.rows[1::2])]
            if time.monotonic() - saved > 120:
                self.save()
                saved = time.monotonic()
                mean = np.mean(self.rows[-8:], 0)
                print(f"step {step}, {self.counts['cpu'] / 60:.1f} min of CPU, {self.counts['clock'] / 60:.1f} min, "
                      f"loss {mean[3]:.4f}, maps {mean[4]:.4f}", flush=True)
            if time.monotonic() - shown > samples_every:
                self.show()
                shown = time.monotonic()
        self.save()
        self.show()

    def show(self):
        pictures = sampling.sample(self.smooth, self.tokenizer, SHOWN, seed=1, device=self.device)
        write_png(self.work / "samples.png", sheet(pictures, 4))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--config", choices=tuple(RECIPES), default="small")
    parser.add_argument("--minutes", type=float, default=60, help="of the clock, this time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw; 0: this one does")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--rate", type=float, default=1.0, help="times the rates of learning; less towards the end")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    training = Training(arguments)
    training.run(arguments.minutes, arguments.rate)


if __name__ == "__main__":
    main()
