"""Sizes of the writer and how each is trained."""

from typing import NamedTuple


class Config(NamedTuple):
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    # Tokens of one row; texts with their answers are packed into rows.
    row: int
    # Rows of one step.
    rows: int
    # The most words of one text.
    words: int
    rate: float
    # Of computing, over all pieces: the learning rate falls over it.
    minutes: float
    context: int = 1024
    head: int = 64

    def parameters(self):
        attention = self.width * self.head * (2 * self.heads + 2 * self.kv_heads)
        layer = attention + 3 * self.width * self.hidden + 2 * self.width
        return self.vocabulary * self.width + self.layers * layer + self.width


CONFIGS = {
    # For the smoke test of the recipe: seconds.
    "tiny": Config(512, 192, 2, 4, 2, 256, row=128, rows=4, words=12, rate=3e-3, minutes=0.2),
    # Within an hour on two cores.
    "small": Config(8192, 256, 6, 4, 2, 704, row=256, rows=8, words=28, rate=2e-3, minutes=55),
    # Three pieces of nine minutes on a large GPU.
    "full": Config(16384, 512, 10, 8, 4, 1408, row=512, rows=512, words=90, rate=1.5e-3, minutes=27),
}
