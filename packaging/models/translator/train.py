#!/usr/bin/env python3
"""Trains the translator. Resumable at any time: run it again with the same --work.

usage: train.py --data tokens.npz --work FOLDER [--config small|full] [--minutes 120] [--piece 9] [--device cuda]
                [--parts FOLDER] [--resume-parts FOLDER]

--minutes is the whole training, over all pieces: the rate falls to nothing at its end. On a CPU these are minutes of
one core's computing, so that other work on the machine does not shorten the training. --piece ends this run after so
many minutes of the clock. --parts writes what the weights are now in files of at most 15 MiB (parts.py), and
--resume-parts begins from such files on a machine that has no state.

Writes state.pt (everything), best.pt (the averaged weights with the lowest held-out loss) and log.jsonl to --work.
Needs Debian's python3-torch; on a GPU any PyTorch from 2.4 on.
"""

import argparse
import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import pathlib
import time

import torch
import torch.nn.functional as F

import parts
from batches import Corpus
from network import CONFIGS, Translator

REPORT = 50
SAVE_SECONDS = 180
DEVELOPMENT_SECONDS = {"cpu": 420, "cuda": 45}
DEVELOPMENT_BATCHES = {"cpu": 24, "cuda": 400}


def load_corpus(path, sampling):
    global CORPUS
    CORPUS = Corpus(path, sampling)


def make_epoch(number, shape):
    return CORPUS.batches("training", number, shape, shape["vocabulary"])


class Epochs:
    """The batches of each epoch; beside a GPU those of the next two are made by other processes meanwhile."""

    def __init__(self, corpus, data, shape, ahead):
        self.corpus, self.shape, self.ahead, self.coming = corpus, shape, ahead, {}
        self.pool = None
        if ahead:
            self.pool = concurrent.futures.ProcessPoolExecutor(
                ahead, multiprocessing.get_context("spawn"), load_corpus, (data, shape["sampling"]))

    def __call__(self, number):
        if self.pool is None:
            return self.corpus.batches("training", number, self.shape, self.shape["vocabulary"])
        for wanted in range(number, number + self.ahead + 1):
            if wanted not in self.coming:
                self.coming[wanted] = self.pool.submit(make_epoch, wanted, self.shape)
        return self.coming.pop(number).result()

    def close(self):
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)


class Trainer:
    def __init__(self, arguments):
        self.arguments = arguments
        self.device = torch.device(arguments.device)
        self.shape = dict(CONFIGS[arguments.config])
        self.corpus = Corpus(arguments.data, self.shape["sampling"])
        self.shape["vocabulary"] = len(self.corpus.arrays["embedding"])
        torch.manual_seed(1)
        self.model = Translator(self.shape)
        self.model.begin(self.corpus.arrays["embedding"])
        self.model.to(self.device)
        self.step, self.spent, self.epoch, self.place, self.best, self.recent = 0, 0.0, 0, 0, float("inf"), None
        self.fresh = 0  # steps since the optimizer knew nothing
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01,
                                           fused=True)
        self.average = [p.detach().clone() for p in self.model.parameters()]
        self.load()
        development = self.corpus.batches("development", 0, {**self.shape, "batch": self.shape["batch"] // 2},
                                          self.shape["vocabulary"])
        most = DEVELOPMENT_BATCHES[self.device.type]
        self.development = development[::max(1, len(development) // most)][:most]
        if self.shape["compile"] and self.device.type == "cuda":
            for block in [*self.model.encoder, *self.model.decoder]:
                block.compile(dynamic=False)
            torch._dynamo.config.cache_size_limit = 64
        self.epochs = Epochs(self.corpus, arguments.data, self.shape, 2 if self.device.type == "cuda" else 0)

    def load(self):
        state = self.arguments.work / "state.pt"
        if state.exists():
            saved = torch.load(state, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.average = [t.to(self.device) for t in saved["average"]]
            self.fresh = self.step = saved["step"]
        elif self.arguments.resume_parts:
            saved = parts.read(self.arguments.resume_parts)
            self.model.load_state_dict(saved["model"])
            self.average = [p.detach().clone() for p in self.model.parameters()]
            self.step = saved["step"]
        else:
            return
        self.spent, self.epoch, self.place, self.best = (saved[n] for n in ("spent", "epoch", "place", "best"))
        print(f"goes on at step {self.step:,}, {self.spent / 60:.1f} minutes, epoch {self.epoch}", flush=True)

    def save(self):
        self.keep("state.pt", {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                               "average": self.average, **self.progress()})

    def progress(self):
        return {"step": self.step, "spent": self.spent, "epoch": self.epoch, "place": self.place, "best": self.best,
                "shape": {k: v for k, v in self.shape.items() if k != "buckets"}}

    def keep(self, name, value):
        new = self.arguments.work / f"{name}.new"
        torch.save(value, new)
        os.replace(new, self.arguments.work / name)

    def averaged(self):
        names = [name for name, _ in self.model.named_parameters()]
        return {name: value.detach().cpu().clone() for name, value in zip(names, self.average)}

    def rate(self):
        progress = min(1.0, self.spent / (self.arguments.minutes * 60))
        falls = 1.0 if progress < 0.5 else max(0.02, 2 * (1 - progress))
        return self.shape["rate"] * falls * min(1.0, (self.step + 1) / self.shape["warmup"],
                                                (self.fresh + 1) / (self.shape["warmup"] / 3))

    def loss(self, pair, smoothing):
        pad = self.shape["vocabulary"] - 1
        source, target = (torch.from_numpy(array).to(self.device).long() for array in pair)
        mask = source != pad
        shifted = F.pad(target[:, :-1], (1, 0), value=pad)
        states = self.model.states(shifted, self.model.encode(source, mask), mask)
        real = target != pad
        scores = self.model.logits(states[real])
        return F.cross_entropy(scores.float(), target[real], label_smoothing=smoothing), int(real.sum())

    def measure(self):
        """Nats a token of the held-out texts, by the averaged weights."""
        own = [p.detach().clone() for p in self.model.parameters()]
        self.put(self.average)
        self.model.eval()
        total = count = 0
        # Its batches have other shapes than those that the blocks are compiled for.
        eager = torch.compiler.set_stance("force_eager") if self.shape["compile"] else contextlib.nullcontext()
        with torch.no_grad(), self.precision(), eager:
            for pair in self.development:
                loss, tokens = self.loss(pair, 0.0)
                total, count = total + loss.item() * tokens, count + tokens
        self.model.train()
        self.put(own)
        return total / count

    def put(self, values):
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), values):
                parameter.copy_(value)

    def precision(self):
        return torch.autocast(self.device.type, torch.bfloat16,
                              enabled=self.device.type == "cuda" or self.arguments.bf16)

    def clock(self):
        return time.process_time() if self.device.type == "cpu" else time.monotonic()

    def run(self):
        begin = last_save = last_measure = time.monotonic()
        tokens = 0
        self.model.train()
        while True:
            batches = self.epochs(self.epoch)
            for pair in batches[self.place:]:
                start = self.clock()
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate()
                with self.precision():
                    loss, count = self.loss(pair, 0.1)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                decay = min(self.shape["average"], (1 + self.step) / (20 + self.step))
                with torch.no_grad():
                    torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - decay)
                self.step, self.fresh, self.place, tokens = self.step + 1, self.fresh + 1, self.place + 1, tokens + count
                if self.step % REPORT == 0:
                    value = loss.item()
                    self.recent = value if self.recent is None else 0.7 * self.recent + 0.3 * value
                self.spent += self.clock() - start
                now = time.monotonic()
                over = self.spent >= self.arguments.minutes * 60 or \
                    (self.arguments.piece and now - begin >= self.arguments.piece * 60)
                if self.step % (10 * REPORT) == 0:
                    print(f"step {self.step:,}, {self.spent / 60:.1f} min, epoch {self.epoch} ({self.place} of "
                          f"{len(batches)}), loss {self.recent:.3f}, {tokens / (now - begin):,.0f} tokens/s", flush=True)
                if over or now - last_measure > DEVELOPMENT_SECONDS[self.device.type]:
                    last_measure = now
                    self.report(self.measure())
                if over or now - last_save > SAVE_SECONDS:
                    last_save = now
                    self.save()
                if over:
                    if self.arguments.parts:
                        parts.write(self.arguments.parts, {"model": self.averaged(), **self.progress()})
                    self.epochs.close()
                    return
            self.epoch, self.place = self.epoch + 1, 0

    def report(self, held):
        line = {"step": self.step, "minutes": round(self.spent / 60, 2), "epoch": self.epoch,
                "loss": self.recent, "held_out": round(held, 4), "rate": self.rate()}
        with open(self.arguments.work / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        if held < self.best:
            self.best = held
            self.keep("best.pt", {"model": self.averaged(), **self.progress()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--config", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--piece", type=float, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="on a CPU too")
    parser.add_argument("--parts", type=pathlib.Path)
    parser.add_argument("--resume-parts", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    Trainer(arguments).run()


if __name__ == "__main__":
    main()
