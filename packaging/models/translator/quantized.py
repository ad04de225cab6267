"""The network as ONNX files with weights of 8 bits: the layout of the toy translator's export, every product of
matrices as DynamicQuantizeLinear and MatMulInteger.

Each column of a matrix has a scale of its own and goes from -63 to 63: with the full range, processors that have no
instructions for products of 8 bits (AVX2 without VNNI) would overflow their sums of two.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto

# Behind this folder, which has a network.py of its own.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "toy-translator"))
import graphs  # noqa: E402

MOST = 63


class Plain(graphs.Exporter):
    """32-bit floats, to compare with."""

    producer = "intelligenced-translator"


class Quantized(graphs.Exporter):
    producer = "intelligenced-translator"

    def columns(self, g, name, matrix, key):
        """The matrix in 8 bits and the scales of its columns, as names of weights."""
        stored, scale = f"{key}.int8", f"{key}.scale"
        if stored not in self.weights:
            step = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / MOST
            self.weights[stored] = np.rint(matrix / step).astype(np.int8)
            self.weights[scale] = step.astype(np.float32)
        return g.weight(stored), g.weight(scale)

    def product(self, g, x, name, matrix, key):
        # q, k and v look at the same values.
        known = g.__dict__.setdefault("quantized", {})
        if x not in known:
            known[x] = g.add("DynamicQuantizeLinear", x, outputs=3)
        values, step, zero = known[x]
        weights, scale = self.columns(g, name, matrix, key)
        sums = g.add("Cast", g.add("MatMulInteger", values, weights, zero), to=TensorProto.FLOAT)
        return g.add("Mul", sums, g.add("Mul", step, scale))

    def linear(self, g, x, name):
        made = self.product(g, x, name, self.weights[f"{name}.weight"], name)
        return g.add("Add", made, g.weight(f"{name}.bias"))

    # The decoder has its embeddings turned as its last product needs them, once; the encoder as they are.
    def looked_up(self, g, ids):
        turned = "decoder" in g.prefix
        stored, scale = self.columns(g, "embed", self.weights["embed"].T, "embed")
        if not turned:
            self.weights["embed.rows"] = np.ascontiguousarray(self.weights[stored].T)
            g.used.pop(stored)
            words = g.add("Gather", g.weight("embed.rows"), ids)
        else:
            words = g.add("Transpose", g.add("Gather", stored, ids, axis=1), perm=[1, 2, 0])
        steps = g.add("Unsqueeze", g.add("Gather", scale, ids), g.constant([-1]))
        return g.add("Mul", g.add("Cast", words, to=TensorProto.FLOAT), steps)

    def logits_of(self, g, x):
        return g.add("Add", self.product(g, x, "embed", self.weights["embed"].T, "embed"), g.weight("bias"))
