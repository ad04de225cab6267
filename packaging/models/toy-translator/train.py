#!/usr/bin/env python3
"""Makes the toy translators: opus-mt-en-toy, trained, in exactly the layout of an OPUS-MT export, and tiny-m2m100
and tiny-nllb, whose weights are chance, in those of M2M100 and NLLB. Writes what the plain reference makes of
some sentences to golden.json.

usage: train.py --work FOLDER [--minutes 6] [--out FOLDER]

Needs Debian's python3-torch, python3-onnx, python3-onnxruntime and python3-sentencepiece. Resumable: the state of
the training is kept in --work. Sentences whose CRC-32 is 0 of 20 are held out; what the model makes of them is
printed.
"""

import argparse
import json
import math
import pathlib
import time
import zlib

import numpy as np
import torch
import torch.nn.functional as F

import graphs
import layouts
from language import Maker, TARGETS
from network import Translator
from reference import Reference

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = {"width": 48, "heads": 4, "hidden": 128, "layers": 2, "pre_norm": False, "offset": 0}
CHANCE = {"width": 16, "heads": 2, "hidden": 32, "layers": 2, "pre_norm": True, "offset": 2, "spread": 0.2}
LONGEST, LONGEST_OF_CHANCE = 256, 24
ROWS = 64
LONGEST_GOLDEN = 60


def held_out(text):
    return zlib.crc32(text.encode()) % 20 == 0


def sentences(maker, held):
    while True:
        english, made = maker.sentence()
        if held_out(english) == held:
            yield english, made


def padded(rows, pad):
    made = np.full((len(rows), max(map(len, rows))), pad, np.int64)
    for row, ids in zip(made, rows):
        row[:len(ids)] = ids
    return torch.from_numpy(made)


def batch(source, layout, random):
    pairs = []
    for _ in range(ROWS):
        english, made = next(source)
        target = TARGETS[int(random.integers(len(TARGETS)))]
        pairs.append((layout.encode(english, "en", target), [*layout.ids(made[target], "target"), layout.eos]))
    return padded([a for a, _ in pairs], layout.pad), padded([b for _, b in pairs], layout.pad)


def train(model, layout, work, minutes):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    spent, step, recent = 0.0, 0, None
    if (work / "state.pt").exists():
        state = torch.load(work / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    random = np.random.default_rng(step + 1)
    source = sentences(Maker(random), held=False)
    total = minutes * 60
    while spent < total:
        rate = 3e-3 * min(1, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * spent / total)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Computing time, not the clock's: other work on the machine does not shorten the training.
        begin = time.process_time()
        given, meant = batch(source, layout, random)
        mask = given != layout.pad
        shifted = F.pad(meant[:, :-1], (1, 0), value=layout.start)
        scores = model.decode(shifted, model.encode(given, mask), mask)
        loss = F.cross_entropy(scores.flatten(0, 1), meant.flatten(), ignore_index=layout.pad, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        spent += time.process_time() - begin
        recent = loss.item() if recent is None else 0.98 * recent + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"step {step}, {spent / 60:.1f} min, loss {recent:.4f}", flush=True)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent,
                        "step": step}, work / "state.new")
            (work / "state.new").rename(work / "state.pt")
    print(f"{step} steps of {ROWS} sentences", flush=True)


def measure(reference, layout, count=100):
    for target in TARGETS:
        source = sentences(Maker(np.random.default_rng(7)), held=True)
        exact = {"greedy": 0, "beam 4": 0}
        for _ in range(count):
            english, made = next(source)
            reference.begin(english, "en", target)
            exact["greedy"] += layout.decode(reference.greedy()) == made[target]
            exact["beam 4"] += layout.decode(reference.beam(4, 1.0, False)) == made[target]
        print(f"en>{target}: {exact} of {count} held-out sentences exactly as meant", flush=True)


def golden(name, reference, layout, search, cases):
    made = []
    early = search.get("early_stopping", False)
    for text, source, target in cases:
        reference.begin(text, source, target)
        runs = [("greedy", 1, 1.0, reference.greedy())]
        runs += [("beam", 4, p, reference.beam(4, p, early)) for p in (1.0, 0.2, 2.0)]
        if max(len(tokens) for _, _, _, tokens in runs) > LONGEST_GOLDEN:
            continue  # the engine cuts loops off, the reference does not
        made.append({"model": name, "source": source, "target": target, "text": text, "input": reference.input,
                     "runs": [{"search": kind, "beams": beams, "length_penalty": penalty, "tokens": tokens,
                               "text": layout.decode(tokens)} for kind, beams, penalty, tokens in runs]})
    return made


def by_chance(shape):
    """A network that says different things: what goes in counts less than what is made of it."""
    made = Translator(shape)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.dim() == 2 and name not in ("embed", "bias"):
                weight *= 3
        made.bias += torch.randn_like(made.bias) * 0.5
        made.bias[0, 2] += 0.7
    return made


# What the trained model was never shown: it is less sure there, and a beam finds what greed does not.
STRANGE = ("Dog the sees the cat.", "Books books and old.", "Every Anna behind 12 {name} quiet.",
           "The the the river.", "Song because!", "While happy Clara ship.", "No 4821 7 %s?", "ship Boat Ship boat",
           "In the under the house near without.", "A baker baker brings brings.", "Zebra and x-ray",
           "These flowers are growing", "hello")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=6, help="of computing")
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(1)

    source = sentences(Maker(np.random.default_rng(0)), held=False)
    sample = [next(source) for _ in range(6000)]
    english = [text for text, _ in sample]
    marian = layouts.Marian(english, [made[t] for _, made in sample for t in TARGETS], TARGETS)
    everything = english[:1500] + [made["qaa"] for _, made in sample[:1500]]
    chance = {"tiny-m2m100": (layouts.M2m100(everything, ["en", "es", "fr", "zh"]), ("en", "es")),
              "tiny-nllb": (layouts.Nllb(everything, ["eng_Latn", "fra_Latn", "spa_Latn", "zho_Hans"]),
                            ("eng_Latn", "spa_Latn"))}

    model = Translator({**SHAPE, "vocabulary": len(marian.words)})
    print(f"{len(marian.words)} words, {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    train(model, marian, arguments.work, arguments.minutes)

    held = sentences(Maker(np.random.default_rng(3)), held=True)
    texts = [next(held)[0] for _ in range(40)]
    cases = []
    todo = [("opus-mt-en-toy", model, marian, LONGEST, [(t, "en", TARGETS[i % 2])
                                                             for i, t in enumerate([*texts, *STRANGE])])]
    for name, (layout, pair) in chance.items():
        todo.append((name, by_chance({**CHANCE, "vocabulary": layout.size}), layout, LONGEST_OF_CHANCE,
                     [(t, *pair) for t in texts[:10]]))
    for name, network, layout, most, wanted in todo:
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        graphs.write_networks(network, folder)
        layout.write(folder, network.shape, most)
        search = json.loads((folder / "generation_config.json").read_text())
        reference = Reference(folder, layout, search)
        if name == "opus-mt-en-toy":
            measure(reference, layout)
        cases += golden(name, reference, layout, search, wanted)
    layouts.write_json(arguments.out / "golden.json", cases)


if __name__ == "__main__":
    main()
