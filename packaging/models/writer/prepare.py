#!/usr/bin/env python3
"""Prepares what the writer is trained on: clean paragraphs, a vocabulary, held-out sentences.

usage: prepare.py --corpus FOLDER --work FOLDER [--config small|full]

Documents whose title hashes to 0 of 50 are held out. Standard library only; before Python 3.14 also the program zstd. The result, in
WORK/data, is all that training needs and is under 24 MiB: errors are made while training, never the same twice.
"""

import argparse
import collections
import hashlib
import json
import lzma
import pathlib
import random as randomness
import re
import subprocess

try:
    from compression import zstd  # Python 3.14
except ImportError:
    zstd = None  # the program

from configs import CONFIGS
from vocabulary import WORDS, learn_merges

# How often a paragraph of a register is taken, by what the source's name contains: modern registers more than their
# size. What is under 1 is thinned out already here.
REGISTERS = (
    (("classic-books", "standardebooks", "gutenberg"), "fiction", 0.4),
    (("presidential", "speech"), "speech", 0.7),
    (("openstax",), "textbook", 1.5),
    (("elife", "MedQuAD"), "health", 1.2),
    (("",), "modern", 2.0),
)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\u201d\u2019]*\s+(?=[\"'(\u201c\u2018A-Z])")
HELD_OUT_SENTENCES = 4000


def register(source):
    return next((name, weight) for keys, name, weight in REGISTERS if any(key in source for key in keys))


def share(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / (1 << 32)


def is_held_out(title):
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 50 == 0


def is_prose(paragraph):
    """Words, mostly: no table, code, list of names or heading."""
    words = paragraph.split()
    if not 4 <= len(words) <= 400 or len(paragraph) > 3000:
        return False
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    small = sum(c.islower() for c in paragraph)
    if letters < 0.88 * len(paragraph) or small < 0.6 * len(paragraph):
        return False
    return not any(mark in paragraph for mark in ("|", "```", "{", "}", "http", "](", "=", "_", "\\", "<", "\ufffd"))


def sentences(paragraph):
    return [s for s in SENTENCE_END.split(paragraph) if s]


def documents(path):
    """The objects of a JSON Lines file that zstd has compressed."""
    if zstd is not None:
        with zstd.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
        return
    process = subprocess.Popen(["zstd", "-dc", str(path)], stdout=subprocess.PIPE)
    for line in process.stdout:
        yield json.loads(line)
    if process.wait() != 0:
        raise SystemExit(f"{path} could not be read")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--config", choices=CONFIGS, default="small")
    arguments = parser.parse_args()
    data = arguments.work / "data"
    data.mkdir(parents=True, exist_ok=True)
    train, held, counts, sizes = [], [], collections.Counter(), collections.Counter()
    for path in sorted(arguments.corpus.glob("english*.jsonl.zst")):
        for document in documents(path):
            name, weight = register(document["source"])
            away = is_held_out(document["title"])
            for paragraph in re.split(r"\n\s*\n", document["text"]):
                paragraph = " ".join(paragraph.split())
                if not is_prose(paragraph):
                    continue
                if away:
                    held += [(s, name) for s in sentences(paragraph) if 5 <= len(s.split()) <= 40 and s[-1] in ".!?"]
                elif share(paragraph) < weight:
                    # Fiction is thinned out; what weighs more than 1 is taken more often while training.
                    train.append((max(1.0, weight), paragraph))
                    sizes[name] += len(paragraph)
                    if len(train) % 3 == 0:
                        counts.update(WORDS.findall(paragraph))
    random = randomness.Random(1)
    random.shuffle(train)
    random.shuffle(held)
    with lzma.open(data / "text.xz", "wt", encoding="utf-8", preset=6) as file:
        for weight, paragraph in train:
            file.write(f"{weight:g}\t{paragraph}\n")
    # As many held-out sentences of every register, so that none decides alone.
    by_register = collections.defaultdict(list)
    for sentence, name in held:
        by_register[name].append(sentence)
    each = HELD_OUT_SENTENCES // len(by_register)
    chosen = [s for name in sorted(by_register) for s in by_register[name][:each]]
    random.shuffle(chosen)
    (data / "held.txt").write_text("\n".join(chosen) + "\n")
    merges = learn_merges(counts, CONFIGS[arguments.config].vocabulary)
    (data / "merges.json").write_text(json.dumps(merges))
    for name, size in sizes.most_common():
        print(f"{name}: {size / 1e6:.1f} MB")
    total = sum(path.stat().st_size for path in data.iterdir())
    print(f"{len(train):,} paragraphs, {len(chosen):,} held-out sentences, {total / (1 << 20):.1f} MiB in {data}")


if __name__ == "__main__":
    main()
