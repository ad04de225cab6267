#!/usr/bin/env python3
"""BLEU and chrF of weights on the held-out slice of each register and on the everyday sentences, decoded greedily by
the network itself: quick to have while it trains. What is shipped is measured through the daemon beside Apertium, by
`./dev bench translator`.

usage: evaluate.py --data FOLDER --weights best.pt|FOLDER-OF-PARTS [--most 100] [--show 3]
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch

import corpus
import export
from network import Translator
from prepare import Vocabulary

sys.path.insert(0, str(corpus.TOP / "tests/bench"))
from text_scores import bleu, chrf  # noqa: E402

ROWS, LONGEST = 64, 128


def translate(model, vocabulary, texts, to):
    """Greedy, many at once, from the start for every token."""
    size = model.shape["vocabulary"]
    pad, banned = size - 1, [1, size - 3, size - 2, size - 1]
    encoded = [[vocabulary.numbers[f">>{to}<<"], *vocabulary.encode(text)[:LONGEST], 0] for text in texts]
    made = [""] * len(texts)
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    for begin in range(0, len(order), ROWS):
        rows = order[begin:begin + ROWS]
        longest = max(len(encoded[i]) for i in rows)
        ids = torch.tensor([encoded[i] + [pad] * (longest - len(encoded[i])) for i in rows])
        mask = ids != pad
        source = model.encode(ids, mask)
        tokens = torch.full((len(rows), 1), pad)
        ended = torch.zeros(len(rows), dtype=torch.bool)
        while not ended.all() and tokens.shape[1] < 2 * longest + 8:
            scores = model.logits(model.states(tokens, source, mask)[:, -1])
            scores[:, banned] = -1e9
            following = scores.argmax(1)
            ended |= following == 0
            tokens = torch.cat([tokens, torch.where(ended, 0, following)[:, None]], 1)
        for i, row in zip(rows, tokens[:, 1:].tolist()):
            pieces = [vocabulary.words[t] for t in (row[:row.index(0)] if 0 in row else row)]
            made[i] = vocabulary.pieces.decode_pieces(pieces)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--weights", required=True, type=pathlib.Path)
    parser.add_argument("--most", type=int, default=100, help="pairs of each register")
    parser.add_argument("--show", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights, shape, saved = export.load(arguments.weights)
    model = Translator(shape)
    model.load_state_dict(weights)
    model.eval()
    vocabulary = Vocabulary((arguments.data / "joint.spm").read_bytes())
    sets = {"everyday": corpus.everyday()}
    held = json.loads((arguments.data / "development.json").read_text(encoding="utf-8"))
    for register in corpus.REGISTERS:
        pairs = [(p["english"], p["spanish"]) for p in held if p["register"] == register]
        sets[register] = [pairs[i] for i in np.linspace(0, len(pairs) - 1, min(arguments.most, len(pairs))).astype(int)]
    print(f"step {saved['step']:,}, {saved['spent'] / 60:.1f} minutes")
    with torch.no_grad():
        for name, pairs in sets.items():
            for source, to in ((0, "es"), (1, "en")):
                made = translate(model, vocabulary, [pair[source] for pair in pairs], to)
                references = [pair[1 - source] for pair in pairs]
                print(f"{name:14} {'en>es' if to == 'es' else 'es>en'}  BLEU {bleu(made, references):5.1f}  "
                      f"chrF {chrf(made, references):5.1f}", flush=True)
                for i in range(arguments.show):
                    print(f"    {pairs[i][source]}\n    {made[i]}")


if __name__ == "__main__":
    main()
