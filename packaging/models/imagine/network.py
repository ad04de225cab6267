"""The network: a text encoder and a transformer over patches of the picture itself (no latent space), which says
what the picture without noise is. Both are trained together.

Noise by rectified flow: z = (1 - s) picture + s noise, s from 1 to 0.
"""

import math

import torch
import torch.nn.functional as F

SIZE, PATCH = 64, 8
SIDE = SIZE // PATCH
# Below this much noise the loss does not grow further, nor does what the exported network divides by get smaller.
LEAST_NOISE = 0.05

CONFIGS = {
    # A CPU core and hours.
    "small": {"width": 192, "depth": 6, "head": 64, "hidden": 384, "text": 128, "text_depth": 2, "stem": 16},
    # A large GPU and half an hour.
    "full": {"width": 320, "depth": 6, "head": 64, "hidden": 640, "text": 192, "text_depth": 3, "stem": 24},
}


def norm(x):
    return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6).to(x.dtype)


def heads(x, size):
    batch, length, width = x.shape
    return x.reshape(batch, length, width // size, size).transpose(1, 2)


def attend(q, k, v, bias):
    """`bias`: (batch, 1, 1, keys) or None."""
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5)
    if bias is not None:
        scores = scores + bias
    made = scores.float().softmax(-1).to(v.dtype) @ v
    return made.transpose(1, 2).flatten(2)


def linear(inputs, outputs, gain=1.0, bias=False):
    made = torch.nn.Linear(inputs, outputs, bias=bias)
    torch.nn.init.normal_(made.weight, std=gain * inputs ** -0.5)
    if bias:
        torch.nn.init.zeros_(made.bias)
    return made


class TextBlock(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = linear(width, 3 * width), linear(width, width, 0.3)
        self.up, self.down = linear(width, 4 * width), linear(4 * width, width, 0.3)

    def forward(self, x, bias):
        q, k, v = (heads(t, 32) for t in self.qkv(norm(x)).chunk(3, -1))
        x = x + self.out(attend(norm(q), norm(k), v, bias))
        return x + self.down(F.gelu(self.up(norm(x)), approximate="tanh"))


class TextEncoder(torch.nn.Module):
    """Ids (batch, length) to (batch, length, text). The first number of each token is 1, or 0 for filling: so the
    picture's network knows what to pass over, and prompts of several windows are simply longer."""

    def __init__(self, shape, vocabulary, length):
        super().__init__()
        width = shape["text"]
        self.words = torch.nn.Parameter(torch.randn(vocabulary, width) * 0.5)
        self.places = torch.nn.Parameter(torch.randn(length, width) * 0.1)
        self.blocks = torch.nn.ModuleList(TextBlock(width) for _ in range(shape["text_depth"]))
        self.end = vocabulary - 1

    def forward(self, ids):
        ends = (ids == self.end).to(torch.int32)
        used = (torch.cumsum(ends, -1) - ends == 0).to(torch.float32)
        bias = (used[:, None, None, :] - 1) * 1e4
        x = F.embedding(ids, self.words) + self.places[:ids.shape[1]]
        for block in self.blocks:
            x = block(x, bias)
        x = norm(x).float() * used[..., None]
        return torch.cat([used[..., None], x[..., 1:]], -1)


class Block(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, hidden = shape["width"], shape["hidden"]
        self.head = shape["head"]
        self.qkv, self.text = linear(width, 3 * width), linear(shape["text"], 2 * width)
        self.out = linear(width, width)
        self.up, self.down = linear(width, 2 * hidden), linear(hidden, width)
        # The gates begin closed.
        self.turn = torch.nn.Parameter(torch.zeros(6, width))
        self.sharp = torch.nn.Parameter(torch.ones(1, width // self.head, 1, 1) * 3)

    def forward(self, x, text, bias, steering):
        s1, b1, g1, s2, b2, g2 = (steering + self.turn).chunk(6, 1)
        q, k, v = self.qkv(norm(x) * (1 + s1) + b1).chunk(3, -1)
        tk, tv = self.text(text).chunk(2, -1)
        q, k = norm(heads(q, self.head)), norm(torch.cat([heads(tk, self.head), heads(k, self.head)], 2))
        v = torch.cat([heads(tv, self.head), heads(v, self.head)], 2)
        x = x + g1 * self.out(attend(q * self.sharp, k, v, bias))
        gate, value = self.up(norm(x) * (1 + s2) + b2).chunk(2, -1)
        return x + g2 * self.down(F.silu(gate) * value)


class Painter(torch.nn.Module):
    """z (batch, 3, 64, 64), the noise s (batch), text (batch, length, text): the picture without noise."""

    def __init__(self, shape, labels):
        super().__init__()
        width, stem = shape["width"], shape["stem"]
        self.shape, self.labels = shape, labels
        self.stem = torch.nn.Conv2d(12, stem, 3, padding=1)
        self.enter = linear(stem * 16, width, bias=True)
        self.places = torch.nn.Parameter(self._places(width))
        self.noise1, self.noise2 = linear(64, width, bias=True), linear(width, width, bias=True)
        self.whole = linear(shape["text"], width, bias=True)
        self.steer = linear(width, 6 * width, 0.2, bias=True)
        self.blocks = torch.nn.ModuleList(Block(shape) for _ in range(shape["depth"]))
        # What is where: taught by the renderer's maps, used by nothing else.
        self.maps = linear(width, 4 * sum(labels), 0.3, bias=True)
        self.maps_after = shape["depth"] * 2 // 3
        self.leave = linear(width, stem * 16, bias=True)
        self.last1 = torch.nn.Conv2d(2 * stem, 2 * stem, 3, padding=1)
        self.last2 = torch.nn.Conv2d(2 * stem, 12, 3, padding=1)
        torch.nn.init.normal_(self.last2.weight, std=0.01)

    @staticmethod
    def _places(width):
        quarter = width // 4
        rates = torch.exp(-math.log(20) * torch.arange(quarter) / quarter)
        angles = torch.arange(SIDE)[:, None] * rates * 1.5
        line = torch.cat([angles.sin(), angles.cos()], 1)
        grid = torch.cat([line[:, None].expand(SIDE, SIDE, -1), line[None].expand(SIDE, SIDE, -1)], -1)
        return grid.reshape(1, SIDE * SIDE, width) * 0.5

    def forward(self, z, noise, text, with_maps=False):
        used = (text[..., 0] > 0.2).to(torch.float32)
        batch, stem = z.shape[0], self.shape["stem"]
        bias = (torch.cat([used, torch.ones_like(used[:, :1]).expand(-1, SIDE * SIDE)], 1)[:, None, None] - 1) * 1e4

        rates = torch.exp(-math.log(200.0) * torch.arange(32, dtype=torch.float32, device=z.device) / 32)
        angles = noise[:, None] * 100 * rates
        known = self.noise2(F.silu(self.noise1(torch.cat([angles.sin(), angles.cos()], -1))))
        mean = (text * used[..., None]).sum(1) / used.sum(1, keepdim=True).clamp(min=1)
        steering = self.steer(F.silu(known + self.whole(mean))).reshape(batch, 6, -1)

        first = F.silu(self.stem(F.pixel_unshuffle(z, 2)))
        x = F.pixel_unshuffle(first, 4).flatten(2).transpose(1, 2)
        x = self.enter(x) + self.places
        seen = None
        for i, block in enumerate(self.blocks):
            x = block(x, text, bias, steering)
            if i + 1 == self.maps_after and with_maps:
                seen = self.maps(norm(x))
        x = self.leave(norm(x)).transpose(1, 2).reshape(batch, stem * 16, SIDE, SIDE)
        x = torch.cat([F.pixel_shuffle(x, 4).to(first.dtype), first], 1)
        made = F.pixel_shuffle(self.last2(F.silu(self.last1(x))), 2).float()
        return (made, seen) if with_maps else made


def maps_loss(seen, maps, labels):
    """Cross entropies of the maps (batch, 2, 16, 16), object and colour."""
    batch = maps.shape[0]
    # Each token has four cells of two maps.
    meant = maps.reshape(batch, 2, SIDE, 2, SIDE, 2).permute(0, 1, 2, 4, 3, 5).reshape(batch, 2, SIDE * SIDE, 4).long()
    parts = seen.float().reshape(batch, SIDE * SIDE, 4, sum(labels)).split(labels, -1)
    return sum(F.cross_entropy(part.flatten(0, 2), meant[:, i].flatten()) for i, part in enumerate(parts))
