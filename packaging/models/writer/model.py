"""The writer: a decoder-only Llama with shared key heads and tied embeddings, as llama.cpp computes it."""

import math

import torch
import torch.nn.functional as F

EPSILON, ROPE_BASE = 1e-5, 1e6
# Where the start keeps what in the residual stream: the token, a constant, the tokens one and two before.
TOKEN, CONSTANT, BEFORE, BEFORE2 = slice(0, 60), 60, slice(64, 124), slice(128, 188)


def rotate(x, cos, sin):
    """Rotary positions on neighbouring pairs, as llama.cpp's "normal" RoPE."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def norm(module, x):
    return F.rms_norm(x.float(), module.weight.shape, module.weight, EPSILON).to(x.dtype)


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.c = c
        self.norm1, self.norm2 = torch.nn.RMSNorm(c.width, EPSILON), torch.nn.RMSNorm(c.width, EPSILON)
        self.q, self.k = linear(c.width, c.heads * c.head), linear(c.width, c.kv_heads * c.head)
        self.v, self.o = linear(c.width, c.kv_heads * c.head), linear(c.heads * c.head, c.width)
        self.gate, self.up, self.down = linear(c.width, c.hidden), linear(c.width, c.hidden), linear(c.hidden, c.width)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        h = norm(self.norm1, x)
        q, k, v = (m(h).view(batch, length, -1, self.c.head).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(self.c.heads // self.c.kv_heads, 1) for t in (k, v))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(batch, length, -1))
        h = norm(self.norm2, x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Writer(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        # What is computed in; weights are float32.
        self.compute = torch.float32
        self.embed = torch.nn.Parameter(torch.empty(config.vocabulary, config.width))
        self.blocks = torch.nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = torch.nn.RMSNorm(config.width, EPSILON)
        half = config.head // 2
        frequencies = ROPE_BASE ** (-torch.arange(half) / half)
        self.start(frequencies)
        angle = torch.outer(torch.arange(config.context), frequencies)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    @torch.no_grad()
    def start(self, frequencies):
        """Begins with heads that look for what followed the last two tokens before (an induction circuit, as the
        copier has it): copying is most of the task, and training alone finds it late."""
        c = self.config
        for p in self.parameters():
            if p.dim() == 2:
                torch.nn.init.normal_(p, std=0.02)
        self.embed[:, TOKEN] = torch.randn(c.vocabulary, 60)
        self.embed[:, CONSTANT] = 4
        self.norm.weight.fill_(0.2)
        group = c.heads // c.kv_heads

        # Two heads that look one and two tokens back: their scores are a sum of cosines of the distance.
        first = self.blocks[0]
        for head, back in ((0, 1), (1, 2)):
            for pair, frequency in enumerate(frequencies[:6].tolist()):
                row = head * c.head + 2 * pair
                first.q.weight[row, CONSTANT] = 1.6 * math.cos(frequency * back)
                first.q.weight[row + 1, CONSTANT] = -1.6 * math.sin(frequency * back)
                first.k.weight[2 * pair, CONSTANT] = 1.6
        first.v.weight[:60, TOKEN] += torch.eye(60)
        first.o.weight[BEFORE, 0:60] += torch.eye(60)
        first.o.weight[BEFORE2, c.head:c.head + 60] += torch.eye(60)

        # Heads that compare the last two tokens with what stands before each place, in the dimensions that
        # positions hardly turn, and bring the token that stands there.
        second = self.blocks[1]
        free = c.head - 22
        for shared in range(min(2, c.kv_heads)):
            head = shared * group
            for part, (now, then) in enumerate(((TOKEN, BEFORE), (BEFORE, BEFORE2))):
                project = torch.randn(free // 2, 60) * 0.45
                rows = slice(22 + part * free // 2, 22 + (part + 1) * free // 2)
                second.q.weight[head * c.head:(head + 1) * c.head][rows, now] += project
                second.k.weight[shared * c.head:(shared + 1) * c.head][rows, then] += project
            second.v.weight[shared * c.head:shared * c.head + 60, TOKEN] += torch.eye(60)
            second.o.weight[TOKEN, head * c.head:head * c.head + 60] += 2 * torch.eye(60)

    def forward(self, ids):
        """Hidden states of all positions."""
        x = F.embedding(ids, self.embed).to(self.compute)
        length = ids.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        return norm(self.norm, x)


def losses(model, ids, weights):
    """The loss of every next token that has a weight, and those weights. `model`: a Writer, compiled or not."""
    hidden = model(ids[:, :-1])
    wanted = weights[:, 1:] > 0
    scores = F.linear(hidden[wanted], model.embed.to(hidden.dtype))
    return F.cross_entropy(scores.float(), ids[:, 1:][wanted].long(), reduction="none"), weights[:, 1:][wanted].float()
