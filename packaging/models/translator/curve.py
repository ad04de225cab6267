#!/usr/bin/env python3
"""Draws log.jsonl as a picture: the loss of training (grey) and of the held-out text (blue) over the minutes.

usage: curve.py --log log.jsonl --out curve.png

Needs NumPy alone. Lines of the grid are a nat apart, and a sixth of the time; their numbers are printed.
"""

import argparse
import json
import math
import pathlib
import struct
import zlib

import numpy as np

WIDTH, HEIGHT, MARGIN = 900, 500, 40


def png(pixels):
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.log.read_text(encoding="utf-8").splitlines()]
    minutes = [line["minutes"] for line in lines]
    series = {(150, 150, 150): [line["loss"] for line in lines], (30, 80, 200): [line["held_out"] for line in lines]}
    values = [v for of in series.values() for v in of if v is not None]
    low, high, last = math.floor(min(values)), math.ceil(max(values)), max(minutes) or 1
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)

    def place(minute, value):
        x = MARGIN + (WIDTH - 2 * MARGIN) * minute / last
        return x, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / max(1, high - low)

    for value in range(low, high + 1):
        pixels[round(place(0, value)[1]), MARGIN:WIDTH - MARGIN] = 225
    for part in range(7):
        pixels[MARGIN:HEIGHT - MARGIN, round(place(last * part / 6, low)[0])] = 225
    for colour, of in series.items():
        points = [place(m, v) for m, v in zip(minutes, of) if v is not None]
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            for t in np.linspace(0, 1, int(abs(x1 - x0) + abs(y1 - y0)) + 2):
                x, y = round(x0 + t * (x1 - x0)), round(y0 + t * (y1 - y0))
                pixels[y - 1:y + 1, x - 1:x + 1] = colour
    arguments.out.write_bytes(png(pixels))
    print(f"{low} to {high} nats a token, 0 to {last:.1f} minutes; held out at last "
          f"{series[30, 80, 200][-1]}, at best {min(v for v in series[30, 80, 200])}")


if __name__ == "__main__":
    main()
