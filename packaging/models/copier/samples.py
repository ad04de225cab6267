#!/usr/bin/env python3
"""Writes samples.tsv: texts that the copier has not learnt from, with slips of the keys and as they were meant.

usage: samples.py --corpus FILE.jsonl.zst --out samples.tsv [--count 40]

From held-out documents: digital.gov (CC0) and stories by O. Henry (public domain, Standard Ebooks, CC0). One
word in 30 has a slip. Needs what train.py needs.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess

import numpy as np

from pairs import misspell, sentences

SOURCES = ("GSA/digitalgov.gov", "standardebooks/o-henry_short-fiction")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=40)
    arguments = parser.parse_args()
    random = np.random.default_rng(11)
    lines = []
    text = subprocess.run(["zstd", "-dc", arguments.corpus], capture_output=True, check=True).stdout.decode()
    for line in text.splitlines():
        document = json.loads(line)
        held_out = int(hashlib.sha256(document["title"].encode()).hexdigest(), 16) % 50 == 0
        found = sentences(document["text"])
        if not held_out or document["source"] not in SOURCES or len(found) < 8 or len(lines) == arguments.count:
            continue
        # Five sentences from the middle, as they follow each other.
        at = len(found) // 2
        meant = " ".join(found[at:at + 5])
        if meant.isascii() and 300 < len(meant) < 900:
            lines.append(f"{misspell(meant, 1 / 30, random)[0]}\t{meant}\n")
    arguments.out.write_text("".join(lines))
    print(f"{len(lines)} texts, {sum(map(len, lines)) // 2:,} characters each way")


if __name__ == "__main__":
    main()
