"""Draws scenes (scenes.py) as pictures, many at once, anti-aliased, in three styles: flat colour, line drawing,
shaded. numpy only.

usage: renderer.py OUT.png [--count 48] [--seed 1]     a sheet of scenes to look at
"""

import argparse
import random
import struct
import zlib

import numpy as np

import scenes
from shapes import DARK, LIGHT, MAIN, PARTS

COLOUR_NAMES, OBJECT_NAMES = tuple(scenes.COLOURS), tuple(scenes.OBJECTS)
# Side of the maps of what is where.
MAP = 16
_NOTHING = 0
_PAPER = np.array([0.985, 0.98, 0.965], np.float32)


def _grid(size):
    return (np.arange(size, dtype=np.float32) + 0.5) * (64 / size)


def _backgrounds(size):
    """[name][style] -> a picture (3, size, size)."""
    at = _grid(size)
    y = np.broadcast_to(at[:, None], (size, size))
    x = np.broadcast_to(at[None, :], (size, size))
    made = {}
    for name, colours in scenes.BACKGROUNDS.items():
        first = np.array(colours[0], np.float32)[:, None, None] / 255
        flat = np.broadcast_to(first, (3, size, size)).copy()
        below = None
        if len(colours) > 1:
            horizon = {"meadow": 42 + 2.5 * np.sin(x / 9), "beach": 45 + 0 * x, "snow": 43 + 2 * np.sin(x / 12 + 2),
                       "sea": 38 + 0 * x}[name]
            below = np.clip((y - horizon) * (size / 64) + 0.5, 0, 1)[None]
            second = np.array(colours[1], np.float32)[:, None, None] / 255
            flat = flat * (1 - below) + second * below
        if name == "night":
            for i in range(14):
                star = np.clip(1.4 - np.hypot(x - (i * 23 + 5) % 61 - 1, y - (i * 37 + 9) % 59 - 2), 0, 1)
                flat = np.maximum(flat, star[None] * np.array([1, 0.97, 0.8], np.float32)[:, None, None])
        paper = _PAPER[:, None, None]
        sketch = paper * 0.6 + flat * 0.4 if name in scenes.WHERE or name != "white" else paper + 0 * flat
        if name in ("night", "black"):
            sketch = flat
        if below is not None:
            line = np.clip(1.2 - np.abs(y - horizon) * (size / 64), 0, 1)[None]
            sketch = sketch * (1 - 0.5 * line)
        shade = (1.03 - 0.16 * (y / 64)) if below is None else (1.0 - 0.12 * np.abs(y - 40) / 40)
        made[name] = {"illustration": flat, "sketch": sketch, "animation": np.clip(flat * shade[None], 0, 1)}
        made[name] = {style: np.ascontiguousarray(picture, dtype=np.float32) for style, picture in made[name].items()}
    return made


def _coloured(role, colour):
    """(n, 3) of a role."""
    if role == MAIN:
        return colour
    if role == DARK:
        return colour * 0.66
    if role == LIGHT:
        return 1 - (1 - colour) * 0.45
    return np.broadcast_to(np.array(role, np.float32), colour.shape)


class Renderer:
    """Pictures of `size` by `size`. Not for several threads."""

    def __init__(self, size=64):
        self.size, self.scale = size, size / 64
        self.backgrounds = _backgrounds(size)

    def render(self, made, seed=0):
        """Pictures (n, 3, size, size), 0 to 1, and maps (n, 2, MAP, MAP): object and colour in front, from 1; 0 is
        background."""
        chance = np.random.default_rng(seed)
        pictures = np.stack([self.backgrounds[s["background"]][s["style"]] for s in made])
        maps = np.zeros((len(made), 2, MAP, MAP), np.uint8)
        groups = {}
        for i, scene in enumerate(made):
            for k, thing in enumerate(scene["things"]):
                groups.setdefault((thing["object"], scene["style"]), []).append((i, k, thing))
        drawn = {}
        for (name, style), members in groups.items():
            for member, piece in zip(members, self._draw(name, style, [m[2] for m in members], chance)):
                drawn[member[0], member[1]] = piece
        for i, scene in enumerate(made):
            for k, thing in enumerate(scene["things"]):
                self._place(pictures[i], maps[i], *drawn[i, k], thing)
        return np.clip(pictures, 0, 1, out=pictures), maps

    def _place(self, picture, map_, x, y, colour, cover, silhouette, thing):
        side = cover.shape[-1]
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + side, self.size), min(y + side, self.size)
        if x1 >= x2 or y1 >= y2:
            return
        inside = np.s_[y1 - y:y2 - y, x1 - x:x2 - x]
        target = picture[:, y1:y2, x1:x2]
        target *= 1 - cover[inside]
        target += colour[:, inside[0], inside[1]]
        step = self.size // MAP
        whole = np.zeros((self.size, self.size), bool)
        whole[y1:y2, x1:x2] = silhouette[inside]
        # Where a quarter of the cell is covered.
        cells = whole.reshape(MAP, step, MAP, step).mean((1, 3)) >= 0.3
        map_[0][cells] = OBJECT_NAMES.index(thing["object"]) + 1
        map_[1][cells] = COLOUR_NAMES.index(thing["colour"]) + 1

    def _draw(self, name, style, things, chance):
        radius = np.array([t["r"] for t in things], np.float32) * self.scale
        side = int(np.ceil(2 * 1.16 * radius.max())) + 3
        centre = np.array([[t["x"], t["y"]] for t in things], np.float32) * self.scale
        corner = np.round(centre - side / 2).astype(int)
        at = np.arange(side, dtype=np.float32)[None] + 0.5
        flip = np.array([-1 if t["flip"] else 1 for t in things], np.float32)
        u = ((at + corner[:, :1] - centre[:, :1]) / radius[:, None] * flip[:, None])[:, None, :]
        v = ((at + corner[:, 1:] - centre[:, 1:]) / radius[:, None])[:, :, None]
        pixels = radius[:, None, None]
        own = np.array([scenes.COLOURS[t["colour"]] for t in things], np.float32) / 255
        own = np.clip(own + chance.normal(0, 0.012, own.shape).astype(np.float32), 0, 1)
        colour = np.zeros((len(things), 3, side, side), np.float32)
        cover = np.zeros((len(things), side, side), np.float32)
        silhouette = np.zeros((len(things), side, side), bool)
        if style == "animation":
            shadow = np.clip(1 - ((u * flip[:, None, None] - 0.1) / 0.85) ** 2 - ((v - 0.98) / 0.16) ** 2, 0, 1) * 0.4
            cover += shadow
            light = 1.0 - 0.13 * u * flip[:, None, None] - 0.2 * v
            spot = 0.5 * np.exp(-((u * flip[:, None, None] + 0.3) ** 2 + (v + 0.36) ** 2) / 0.035)
        elif style == "sketch":
            lines = self._hatching(corner, side)
        for distance, role in PARTS[name](u, v):
            distance = distance.astype(np.float32, copy=False)
            paint = _coloured(role, own)[:, :, None, None]
            part = np.clip(0.5 - distance * pixels, 0, 1)
            silhouette |= part > 0.5
            if style == "animation":
                depth = np.clip(-distance / 0.4, 0, 1)
                bulge = np.sqrt(1 - (1 - depth) ** 2)
                paint = paint * (light * (0.62 + 0.38 * bulge))[:, None] + (spot * bulge)[:, None]
            elif style == "sketch":
                stroke = np.clip(1.25 - np.abs(distance + 0.6 / pixels) * pixels, 0, 1)
                bright = paint.mean(1, keepdims=True) > 0.8
                line = np.where(bright, paint * 0.55, paint * 0.62)
                fill = _PAPER[:, None, None] * 0.8 + paint * 0.2
                tone = lines[:, None] * 0.75
                fill = fill * (1 - tone) + paint * tone
                paint = fill * (1 - stroke[:, None]) + line * stroke[:, None]
            colour *= (1 - part)[:, None]
            colour += paint * part[:, None]
            cover = cover * (1 - part) + part
        return [(corner[i, 0], corner[i, 1], colour[i], cover[i], silhouette[i]) for i in range(len(things))]

    def _hatching(self, corner, side):
        at = np.arange(side, dtype=np.float32)
        sum_ = (at[None, :, None] + at[None, None, :] + corner.sum(1)[:, None, None]) / self.scale
        return np.clip(1.1 - np.abs(np.mod(sum_, 5) - 2.5), 0, 1).astype(np.float32)


def write_png(path, picture):
    """`picture`: (3, height, width), 0 to 1."""
    data = np.clip(np.asarray(picture) * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    height, width, _ = data.shape
    rows = data.reshape(height, -1)
    # Each row as what it differs by from the one above it: the second of the PNG filters.
    rows = rows - np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    rows = np.concatenate([np.full((height, 1), 2, np.uint8), rows], 1).tobytes()

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def sheet(pictures, columns, gap=4, enlarge=2):
    """One picture of many (n, 3, height, width)."""
    pictures = np.asarray(pictures).repeat(enlarge, 2).repeat(enlarge, 3)
    count, _, height, width = pictures.shape
    rows = -(-count // columns)
    made = np.ones((3, rows * (height + gap) + gap, columns * (width + gap) + gap), np.float32)
    for i, picture in enumerate(pictures):
        y, x = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        made[:, y:y + height, x:x + width] = picture
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    maker = scenes.Maker(random.Random(arguments.seed))
    made = [maker.scene() for _ in range(arguments.count)]
    write_png(arguments.out, sheet(Renderer().render(made, arguments.seed)[0], 8))
    for i, scene in enumerate(made):
        print(i + 1, maker.caption(scene))


if __name__ == "__main__":
    main()
