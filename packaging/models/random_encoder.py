#!/usr/bin/env python3
"""Writes a folder with an encoder of text as it is published for ONNX, of random weights, for tests.

  random_encoder.py FOLDER sentence-encoder      config.json, vocab.txt, model.onnx
  random_encoder.py FOLDER text-classifier       classes NEGATIVE, NEUTRAL, POSITIVE
  random_encoder.py FOLDER token-classifier      names: PER, LOC

What it answers means nothing; `answer()` computes the same with NumPy. Same arguments, same files.
"""

import argparse
import json
import pathlib
import string
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
from support import onnx_file as onnx  # noqa: E402

WIDTH = 16
FLOAT, INT64 = 1, 7
KINDS = {
    "sentence-encoder": ("BertModel", []),
    "text-classifier": ("BertForSequenceClassification", ["NEGATIVE", "NEUTRAL", "POSITIVE"]),
    "token-classifier": ("BertForTokenClassification", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
}
WORDS = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(string.ascii_lowercase + string.punctuation)
         + ["##" + letter for letter in string.ascii_lowercase] + ["the", "cat", "dog", "sat", "ran", "ada", "paris"])


class Weights:
    def __init__(self, kind, seed=1):
        random = np.random.default_rng(seed)
        self.table = random.standard_normal((len(WORDS), WIDTH), dtype=np.float32)
        self.mix = random.standard_normal((WIDTH, WIDTH), dtype=np.float32) / np.float32(4)
        self.bias = random.standard_normal(WIDTH, dtype=np.float32)
        self.head = random.standard_normal((WIDTH, max(1, len(KINDS[kind][1]))), dtype=np.float32)


def pieces(text):
    """Word pieces of lower-case ASCII words with spaces between them."""
    ids = [WORDS.index("[CLS]")]
    for word in text.split():
        if word in WORDS:
            ids.append(WORDS.index(word))
        else:
            ids += [WORDS.index(letter if i == 0 else "##" + letter) for i, letter in enumerate(word)]
    return ids + [WORDS.index("[SEP]")]


def answer(kind, text, seed=1):
    """The vector of length 1, the scores of the classes, or those of each token."""
    weights = Weights(kind, seed)
    hidden = np.tanh(weights.table[pieces(text)] @ weights.mix + weights.bias)
    if kind == "token-classifier":
        return hidden @ weights.head
    mean = hidden.mean(axis=0)
    if kind == "text-classifier":
        return mean @ weights.head
    return mean / np.linalg.norm(mean)


def floats(name, array):
    return (b"".join(onnx.number(1, extent) for extent in array.shape) + onnx.number(2, FLOAT) + onnx.data(8, name)
            + onnx.data(9, array.astype("<f4").tobytes()))


def whole(name, values):
    return onnx.number(1, len(values)) + onnx.number(2, INT64) + onnx.data(8, name) + onnx.data(
        9, np.array(values, dtype="<i8").tobytes())


def attribute(name, value):
    return onnx.data(5, onnx.data(1, name) + onnx.number(3, value) + onnx.number(20, 2))


def network(kind, seed):
    weights = Weights(kind, seed)
    constants = [floats("table", weights.table), floats("mix", weights.mix), floats("bias", weights.bias)]
    last = "last_hidden_state" if kind == "sentence-encoder" else "hidden"
    nodes = [onnx.node("Gather", ["table", "input_ids"], ["rows"]), onnx.node("MatMul", ["rows", "mix"], ["mixed"]),
             onnx.node("Add", ["mixed", "bias"], ["moved"]), onnx.node("Tanh", ["moved"], [last])]
    outputs = [onnx.port(last, ["batch", "sequence", WIDTH])]
    classes = len(KINDS[kind][1])
    if classes:
        constants.append(floats("head", weights.head))
    if kind == "token-classifier":
        nodes.append(onnx.node("MatMul", [last, "head"], ["logits"]))
        outputs = [onnx.port("logits", ["batch", "sequence", classes])]
    if kind == "text-classifier":
        constants += [whole("last_axis", [2]), whole("token_axis", [1])]
        nodes += [onnx.node("Cast", ["attention_mask"], ["mask"]) + attribute("to", FLOAT),
                  onnx.node("Unsqueeze", ["mask", "last_axis"], ["column"]),
                  onnx.node("Mul", [last, "column"], ["kept"]),
                  onnx.node("ReduceSum", ["kept", "token_axis"], ["sum"]) + attribute("keepdims", 0),
                  onnx.node("ReduceSum", ["column", "token_axis"], ["count"]) + attribute("keepdims", 0),
                  onnx.node("Div", ["sum", "count"], ["mean"]), onnx.node("MatMul", ["mean", "head"], ["logits"])]
        outputs = [onnx.port("logits", ["batch", classes])]
    inputs = [onnx.port(name, ["batch", "sequence"], INT64)
              for name in ("input_ids", "attention_mask", "token_type_ids")]
    return onnx.model(nodes, inputs, outputs, constants)


def write(folder, kind, seed=1):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    architecture, labels = KINDS[kind]
    config = {"architectures": [architecture], "_name_or_path": "random-encoder", "max_position_embeddings": 64,
              "model_type": "bert"}
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "model.onnx").write_bytes(network(kind, seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.kind, arguments.seed)


if __name__ == "__main__":
    main()
