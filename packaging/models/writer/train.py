#!/usr/bin/env python3
"""Trains the writer, in pieces: each call goes on where the last one stopped.

usage: train.py --work FOLDER --config small|full [--piece-minutes 9] [--deliver FOLDER] [--start-from FOLDER]

WORK/data is prepare.py's. WORK/state.pt holds everything that is needed to go on, WORK/log.jsonl what was measured.
The learning rate follows the minutes spent of the configuration's whole budget; the held-out loss ends the training
before that when it no longer falls. --deliver writes what must survive the machine (the weights in parts of at most
15 MiB, the log, the curve); --start-from goes on from such parts on a machine that has no state.
"""

import argparse
import json
import math
import os
import pathlib
import time

import numpy as np
import torch

import chart
import parts
from configs import CONFIGS
from feed import Feed, Feeds
from model import Writer, losses
from vocabulary import Vocabulary

# Checks of the held-out loss without a better one after which training ends.
PATIENCE = 6
HELD_ROWS = 96


def held_rows(data, config, vocabulary):
    """The same errors every time, in held-out sentences."""
    sentences = (data / "held.txt").read_text().splitlines()
    feed = Feed(sentences, [1.0] * len(sentences), vocabulary, config._replace(words=40), seed=99)
    return feed.rows(min(HELD_ROWS, max(8, 49152 // config.row)))


@torch.no_grad()
def check(model, rows, device, config):
    """Nats a token: of what is copied, of what is corrected."""
    ids, weights = rows
    sums = torch.zeros(4, dtype=torch.float64)
    each = 16
    for at in range(0, len(ids), each):
        i = torch.from_numpy(ids[at:at + each].astype(np.int64)).to(device)
        w = torch.from_numpy(weights[at:at + each].astype(np.int64)).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=model.compute == torch.bfloat16):
            loss, weight = losses(model, i, w)
        fix = weight > 1
        sums += torch.tensor([loss[~fix].sum(), (~fix).sum(), loss[fix].sum(), fix.sum()], dtype=torch.float64)
    return (sums[0] / sums[1]).item(), (sums[2] / sums[3].clamp(min=1)).item()


def rate(config, share, step):
    """Warm-up over 200 steps, then a cosine to a fiftieth."""
    return config.rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1))))


class Training:
    def __init__(self, arguments):
        self.config = CONFIGS[arguments.config]
        self.work, self.arguments = arguments.work, arguments
        self.cuda = torch.cuda.is_available() and not arguments.cpu
        self.device = torch.device("cuda" if self.cuda else "cpu")
        if not self.cuda:
            torch.set_num_threads(arguments.threads)
        torch.set_float32_matmul_precision("high")
        torch.manual_seed(1)
        self.model = Writer(self.config)
        if arguments.start_from:
            state = parts.load(arguments.start_from)
            self.model.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in state.items()})
        self.model.to(self.device)
        self.model.compute = torch.bfloat16 if self.cuda else torch.float32
        decay = [p for p in self.model.parameters() if p.dim() == 2]
        other = [p for p in self.model.parameters() if p.dim() < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}], lr=self.config.rate,
            betas=(0.9, 0.95), fused=self.cuda)
        self.spent, self.step, self.tokens = arguments.spent_minutes * 60, 0, 0
        self.best, self.worse = math.inf, 0
        if (self.work / "state.pt").exists():
            state = torch.load(self.work / "state.pt", map_location=self.device, weights_only=False)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.spent, self.step, self.tokens = state["spent"], state["step"], state["tokens"]
            self.best, self.worse = state["best"], state["worse"]
        # Compiled once per machine: the cache beside the state is used by the next piece.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(self.work.resolve() / "compiled"))
        if self.cuda:
            self.model.compile(mode="max-autotune-no-cudagraphs" if arguments.autotune else None)

    def save(self):
        new = self.work / "state.new"
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "spent": self.spent,
                    "step": self.step, "tokens": self.tokens, "best": self.best, "worse": self.worse,
                    "config": self.arguments.config}, new)
        new.rename(self.work / "state.pt")

    def weights(self):
        return {name: tensor.float().cpu().numpy() for name, tensor in self.model.state_dict().items()}

    def log(self, **record):
        record = {"minutes": round(self.spent / 60, 3), "step": self.step, "tokens": self.tokens, **record}
        with open(self.work / "log.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)

    def measure(self, rows):
        self.model.eval()
        copied, fixed = check(self.model, rows, self.device, self.config)
        self.model.train()
        self.log(held_copy=round(copied, 4), held_fix=round(fixed, 4))
        # Of twenty tokens about one is corrected, and that is what the model is for.
        loss = copied + 0.2 * fixed
        if loss < self.best:
            self.best, self.worse = loss, 0
            if self.spent > 0.5 * self.config.minutes * 60:
                (self.work / "best").mkdir(exist_ok=True)
                parts.save(self.weights(), self.work / "best")
        else:
            self.worse += 1

    def run(self):
        a, c = self.arguments, self.config
        total, piece_end = c.minutes * 60 * a.budget, self.spent + a.piece_minutes * 60
        now = time.monotonic if self.cuda else lambda: time.process_time() / a.threads
        held = held_rows(self.work / "data", c, Vocabulary.load(self.work / "data" / "merges.json"))
        feeds = Feeds(self.work / "data", c, 1 + self.step, a.workers)
        last, saved, checked, shown, recent = now(), time.monotonic(), self.spent, self.spent, None
        started = time.monotonic()
        while self.spent < min(total, piece_end) and self.worse < PATIENCE:
            if a.wall_minutes and time.monotonic() - started > a.wall_minutes * 60:
                break
            share = self.spent / total
            # Language first, corrections more and more; short texts first.
            plain = max(0.05, a.plain * (1 - share / 0.5))
            feeds.set(plain, max(12, c.words * min(1, 0.35 + share / 0.4)))
            ids, weights = feeds.rows(c.rows)
            ids = torch.from_numpy(ids.astype(np.int64)).to(self.device, non_blocking=True)
            weights = torch.from_numpy(weights.astype(np.int64)).to(self.device, non_blocking=True)
            for group in self.optimizer.param_groups:
                group["lr"] = rate(c, share, self.step)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
                loss, weight = losses(self.model, ids, weights)
                loss = (loss * weight).sum() / weight.sum()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            self.tokens += ids.numel()
            if self.step % 20 == 0 or not self.cuda:
                value = loss.item()
                recent = value if recent is None else 0.9 * recent + 0.1 * value
            moment = now()
            self.spent, last = self.spent + moment - last, moment
            if self.spent - shown > 15 and recent is not None:
                shown = self.spent
                self.log(loss=round(recent, 4), rate=round(rate(c, share, self.step), 6), plain=round(plain, 3),
                         repeated=feeds.repeated)
            if self.spent - checked > 60 * a.check_minutes:
                checked = self.spent
                self.measure(held)
                last = now()
            if time.monotonic() - saved > 60 * a.save_minutes:
                saved = time.monotonic()
                self.save()
        self.measure(held)
        self.save()
        if a.deliver:
            a.deliver.mkdir(parents=True, exist_ok=True)
            parts.save(self.weights(), a.deliver)
            (a.deliver / "log.jsonl").write_text((self.work / "log.jsonl").read_text())
            records = [json.loads(line) for line in (self.work / "log.jsonl").read_text().splitlines()]
            (a.deliver / "loss.png").write_bytes(chart.draw(records))
        print(f"{self.step} steps, {self.tokens / 1e6:.1f} M tokens, {self.spent / 60:.1f} of {total / 60:.0f} minutes"
              + ("; the held-out loss no longer falls" if self.worse >= PATIENCE else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--config", choices=CONFIGS, default="small")
    parser.add_argument("--piece-minutes", type=float, default=1e9, help="of computing, in this call")
    parser.add_argument("--wall-minutes", type=float, default=0, help="end the piece after this time in any case")
    parser.add_argument("--budget", type=float, default=1, help="times the configuration's minutes in all")
    parser.add_argument("--deliver", type=pathlib.Path)
    parser.add_argument("--start-from", type=pathlib.Path)
    parser.add_argument("--spent-minutes", type=float, default=0, help="with --start-from: computed so far")
    parser.add_argument("--plain", type=float, default=0.5, help="share of plain text at the beginning")
    parser.add_argument("--check-minutes", type=float, default=1.5)
    parser.add_argument("--save-minutes", type=float, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that make errors; 0: none of their own")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--autotune", action="store_true")
    Training(parser.parse_args()).run()


if __name__ == "__main__":
    main()
