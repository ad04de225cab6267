#!/usr/bin/env python3
"""Draws the loss curve of a training log as a PNG. Standard library only.

usage: chart.py log.jsonl loss.png
"""

import json
import pathlib
import struct
import sys
import zlib

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 480, 60, 20, 40
# What is drawn: key in the log, colour, name.
LINES = (("loss", (170, 190, 215), "TRAINING"), ("held_copy", (40, 110, 190), "HELD OUT, COPIED"),
         ("held_fix", (200, 70, 50), "HELD OUT, CORRECTED"))
# Three by five dots; a row is three bits.
FONT = {c: rows for c, rows in zip("0123456789.ABCDEFGHIKLMNOPRSTUVWX, ", (
    "75557 26227 71747 71717 55711 74717 74757 71122 75757 75717 00002 25755 65656 34443 65556 74647 74644 34553 "
    "55755 72227 55655 44447 57755 65555 25552 65644 65655 34216 72222 55557 55552 55775 55255 00024 00000").split())}


class Picture:
    def __init__(self):
        self.rows = [bytearray(b"\xff" * WIDTH * 3) for _ in range(HEIGHT)]

    def dot(self, x, y, colour):
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            self.rows[y][3 * x:3 * x + 3] = bytes(colour)

    def line(self, x0, y0, x1, y1, colour):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps)
            self.dot(x, y, colour)
            self.dot(x, y + 1, colour)

    def text(self, x, y, words, colour=(60, 60, 60)):
        for c in words:
            for dy, row in enumerate(FONT.get(c, "77777")):
                for dx in range(3):
                    if int(row) >> (2 - dx) & 1:
                        for k in range(4):
                            self.dot(x + 2 * dx + k % 2, y + 2 * dy + k // 2, colour)
            x += 8

    def png(self):
        chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
        rows = zlib.compress(b"".join(b"\0" + bytes(row) for row in self.rows), 9)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def draw(records):
    """The PNG's bytes. `records`: dictionaries with "minutes" and any of the lines' keys."""
    picture = Picture()
    points = {key: [(r["minutes"], r[key]) for r in records if key in r] for key, _, _ in LINES}
    every = [point for line in points.values() for point in line]
    last = max((minutes for minutes, _ in every), default=1) or 1
    # The first steps would flatten the rest.
    most = min(max((loss for _, loss in every), default=1), 6.0)
    right, floor = WIDTH - 20, HEIGHT - BOTTOM
    place = lambda minutes, loss: (LEFT + round((right - LEFT) * minutes / last),
                                   floor - round((floor - TOP) * min(loss, most) / most))
    for i in range(6):
        y = place(0, most * i / 5)[1]
        picture.line(LEFT, y, right, y, (225, 225, 225))
        picture.text(8, y - 4, f"{most * i / 5:.2f}")
        picture.text(place(last * i / 5, 0)[0] - 12, floor + 12, f"{last * i / 5:.1f}")
    for row, (key, colour, name) in enumerate(LINES):
        line = [place(*point) for point in points[key]]
        for (x0, y0), (x1, y1) in zip(line, line[1:]):
            picture.line(x0, y0, x1, y1, colour)
        picture.text(right - 170, TOP + 6 + 16 * row, name, colour)
    picture.text(right - 60, floor + 26, "MINUTES")
    return picture.png()


def main():
    log, out = map(pathlib.Path, sys.argv[1:3])
    out.write_bytes(draw([json.loads(line) for line in log.read_text().splitlines()]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
