"""The network: an encoder and a decoder as Marian has them (post-norm, swish) or as M2M100 has them (pre-norm,
relu), in PyTorch. Positions are sine waves, all embeddings are one matrix."""

import math

import torch
import torch.nn.functional as F


def positions(begin, count, width, offset):
    """Sines in the first half, cosines in the second."""
    frequency = torch.exp(torch.arange(width // 2) * (-2 * math.log(10000) / width))
    angle = torch.outer(torch.arange(begin + offset, begin + offset + count).float(), frequency)
    return torch.cat([angle.sin(), angle.cos()], 1)


class Attention(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x, source, mask):
        def split(t):
            return t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)

        made = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(source)), split(self.v(source)),
                                              attn_mask=mask)
        return self.o(made.transpose(1, 2).reshape(x.shape))


class Block(torch.nn.Module):
    def __init__(self, shape, crosses):
        super().__init__()
        width = shape["width"]
        self.pre_norm, self.act = shape["pre_norm"], F.relu if shape["pre_norm"] else F.silu
        self.self_attention, self.norm1 = Attention(width, shape["heads"]), torch.nn.LayerNorm(width)
        if crosses:
            self.cross_attention, self.norm2 = Attention(width, shape["heads"]), torch.nn.LayerNorm(width)
        self.up, self.down = torch.nn.Linear(width, shape["hidden"]), torch.nn.Linear(shape["hidden"], width)
        self.norm3 = torch.nn.LayerNorm(width)

    def part(self, x, norm, work):
        return x + work(norm(x)) if self.pre_norm else norm(x + work(x))

    def forward(self, x, mask, source=None, source_mask=None):
        x = self.part(x, self.norm1, lambda h: self.self_attention(h, h, mask))
        if source is not None:
            x = self.part(x, self.norm2, lambda h: self.cross_attention(h, source, source_mask))
        return self.part(x, self.norm3, lambda h: self.down(self.act(self.up(h))))


class Translator(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape, width = shape, shape["width"]
        self.embed = torch.nn.Parameter(torch.randn(shape["vocabulary"], width) * shape.get("spread", width ** -0.5))
        self.bias = torch.nn.Parameter(torch.zeros(1, shape["vocabulary"]))
        self.encoder = torch.nn.ModuleList(Block(shape, False) for _ in range(shape["layers"]))
        self.decoder = torch.nn.ModuleList(Block(shape, True) for _ in range(shape["layers"]))
        if shape["pre_norm"]:
            self.encoder_norm, self.decoder_norm = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)

    def embedded(self, ids):
        width = self.shape["width"]
        return self.embed[ids] * math.sqrt(width) + positions(0, ids.shape[1], width, self.shape["offset"])

    def encode(self, ids, mask):
        x = self.embedded(ids)
        for block in self.encoder:
            x = block(x, mask[:, None, None, :])
        return self.encoder_norm(x) if self.shape["pre_norm"] else x

    def decode(self, ids, source, source_mask):
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
        x = self.embedded(ids)
        for block in self.decoder:
            x = block(x, causal, source, source_mask[:, None, None, :])
        x = self.decoder_norm(x) if self.shape["pre_norm"] else x
        return x @ self.embed.T + self.bias
