"""The things that scenes are made of, as signed distances: negative inside, in units of the object's half size.

`PARTS[kind](u, v)` gives the parts of an object from back to front as (distance, role); u goes to the right, v down,
both arrays that broadcast together. A role is a colour (red, green, blue; 0 to 1), or how the object's own colour is
taken: MAIN, DARK or LIGHT.
"""

import numpy as np

MAIN, DARK, LIGHT = "main", "dark", "light"


def _rgb(*values):
    return tuple(value / 255 for value in values)


BROWN, BLACK, GLASS, WHITE = _rgb(120, 80, 50), _rgb(40, 40, 45), _rgb(185, 225, 245), _rgb(252, 252, 252)
GREEN, CREAM, GREY, ORANGE, PINK = (_rgb(70, 150, 60), _rgb(240, 225, 200), _rgb(150, 150, 155), _rgb(245, 150, 40),
                                    _rgb(240, 150, 170))


def circle(u, v, x, y, r):
    return np.hypot(u - x, v - y) - r


def ellipse(u, v, x, y, a, b):
    k = np.sqrt(((u - x) / a) ** 2 + ((v - y) / b) ** 2)
    slope = np.sqrt(((u - x) / (a * a)) ** 2 + ((v - y) / (b * b)) ** 2)
    return k * (k - 1) / np.maximum(slope, 1e-4)


def box(u, v, x, y, a, b, round_=0.0):
    p, q = np.abs(u - x) - (a - round_), np.abs(v - y) - (b - round_)
    return np.hypot(np.maximum(p, 0), np.maximum(q, 0)) + np.minimum(np.maximum(p, q), 0) - round_


def capsule(u, v, x1, y1, x2, y2, r):
    dx, dy = x2 - x1, y2 - y1
    along = np.clip(((u - x1) * dx + (v - y1) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(u - x1 - along * dx, v - y1 - along * dy) - r


def polygon(u, v, *points):
    nearest, sign = None, None
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1]):
        dx, dy = x2 - x1, y2 - y1
        p, q = u - x1, v - y1
        along = np.clip((p * dx + q * dy) / (dx * dx + dy * dy), 0, 1)
        square = (p - along * dx) ** 2 + (q - along * dy) ** 2
        below, above = v >= y1, v < y2
        side = dx * q > dy * p
        turn = (below & above & side) | ~(below | above | side)
        nearest = square if nearest is None else np.minimum(nearest, square)
        sign = turn if sign is None else sign ^ turn
    return np.sqrt(nearest) * np.where(sign, -1.0, 1.0).astype(np.float32)


def union(*parts):
    made = parts[0]
    for part in parts[1:]:
        made = np.minimum(made, part)
    return made


def _star_points(count, outer, inner):
    angles = [np.pi * i / count - np.pi / 2 for i in range(2 * count)]
    return [(float(np.cos(a) * r), float(np.sin(a) * r + 0.05)) for a, r in zip(angles, [outer, inner] * count)]


def _eye(u, v, x, y, r):
    return [(circle(u, v, x, y, r), WHITE), (circle(u, v, x, y, r * 0.6), BLACK)]


def _heart(u, v):
    return [(union(circle(u, v, -0.43, -0.32, 0.48), circle(u, v, 0.43, -0.32, 0.48),
                   polygon(u, v, (-0.84, -0.08), (0, -0.45), (0.84, -0.08), (0, 0.92))), MAIN)]


def _car(u, v):
    return [(union(box(u, v, 0, 0.18, 0.96, 0.28, 0.12),
                   polygon(u, v, (-0.62, 0), (-0.38, -0.52), (0.34, -0.52), (0.62, 0))), MAIN),
            (union(box(u, v, -0.2, -0.22, 0.17, 0.15), box(u, v, 0.2, -0.22, 0.16, 0.15)), GLASS),
            (union(circle(u, v, -0.52, 0.46, 0.25), circle(u, v, 0.52, 0.46, 0.25)), BLACK),
            (union(circle(u, v, -0.52, 0.46, 0.1), circle(u, v, 0.52, 0.46, 0.1)), GREY)]


def _house(u, v):
    return [(box(u, v, 0, 0.36, 0.7, 0.52), MAIN), (polygon(u, v, (-0.95, -0.1), (0, -0.9), (0.95, -0.1)), DARK),
            (box(u, v, 0, 0.58, 0.15, 0.3), BROWN),
            (union(box(u, v, -0.42, 0.28, 0.13, 0.13), box(u, v, 0.42, 0.28, 0.13, 0.13)), GLASS)]


def _tree(u, v):
    return [(box(u, v, 0, 0.6, 0.14, 0.36), BROWN),
            (union(circle(u, v, 0, -0.4, 0.5), circle(u, v, -0.4, -0.02, 0.4), circle(u, v, 0.4, -0.02, 0.4)), MAIN)]


def _flower(u, v):
    petals = [circle(u, v, 0.4 * float(np.cos(a)), -0.32 + 0.4 * float(np.sin(a)), 0.25)
              for a in np.arange(6) * np.pi / 3 + np.pi / 6]
    return [(union(capsule(u, v, 0, 0.1, 0, 0.92, 0.07), ellipse(u, v, 0.28, 0.6, 0.25, 0.11)), GREEN),
            (union(*petals), MAIN), (circle(u, v, 0, -0.32, 0.22), ORANGE)]


def _sun(u, v):
    angle = np.mod(np.arctan2(v, u) + np.pi / 8, np.pi / 4) - np.pi / 8
    far = np.hypot(u, v)
    rays = capsule(far * np.cos(angle), far * np.sin(angle), 0.7, 0, 0.9, 0, 0.08)
    return [(union(circle(u, v, 0, 0, 0.54), rays), MAIN)]


def _cloud(u, v):
    return [(union(circle(u, v, -0.52, 0.14, 0.37), circle(u, v, -0.02, -0.12, 0.5), circle(u, v, 0.54, 0.16, 0.34),
                   box(u, v, 0, 0.32, 0.62, 0.19)), MAIN)]


def _boat(u, v):
    return [(box(u, v, 0, -0.2, 0.045, 0.6), BROWN), (polygon(u, v, (0.1, -0.85), (0.8, 0.22), (0.1, 0.22)), LIGHT),
            (polygon(u, v, (-0.1, -0.6), (-0.1, 0.22), (-0.6, 0.22)), LIGHT),
            (polygon(u, v, (-0.95, 0.36), (0.95, 0.36), (0.6, 0.86), (-0.6, 0.86)), MAIN)]


def _fish(u, v):
    return [(polygon(u, v, (0.4, 0), (0.95, -0.45), (0.95, 0.45)), DARK), (ellipse(u, v, -0.18, 0, 0.74, 0.46), MAIN),
            (polygon(u, v, (-0.1, 0.02), (0.2, -0.15), (0.2, 0.2)), DARK), *_eye(u, v, -0.55, -0.1, 0.12)]


def _cat(u, v):
    ears = [polygon(u, v, (s * 0.66, -0.1), (s * 0.6, -0.92), (s * 0.08, -0.5)) for s in (-1, 1)]
    return [(union(ellipse(u, v, 0, 0.15, 0.76, 0.65), *ears), MAIN), *_eye(u, v, -0.28, 0.05, 0.15),
            *_eye(u, v, 0.28, 0.05, 0.15), (ellipse(u, v, 0, 0.36, 0.12, 0.08), PINK)]


def _bird(u, v):
    return [(union(capsule(u, v, -0.1, 0.5, -0.1, 0.88, 0.05), capsule(u, v, 0.2, 0.5, 0.2, 0.88, 0.05)), ORANGE),
            (polygon(u, v, (-0.68, -0.48), (-0.98, -0.26), (-0.62, -0.2)), ORANGE),
            (union(ellipse(u, v, 0.08, 0.18, 0.58, 0.42), circle(u, v, -0.42, -0.34, 0.34),
                   polygon(u, v, (0.4, 0.05), (0.96, -0.25), (0.86, 0.22), (0.5, 0.4))), MAIN),
            (ellipse(u, v, 0.16, 0.14, 0.32, 0.2), DARK), *_eye(u, v, -0.48, -0.4, 0.11)]


def _apple(u, v):
    return [(capsule(u, v, 0, -0.3, 0.08, -0.82, 0.06), BROWN), (ellipse(u, v, 0.36, -0.64, 0.28, 0.13), GREEN),
            (union(circle(u, v, -0.28, 0.18, 0.6), circle(u, v, 0.28, 0.18, 0.6)), MAIN)]


def _balloon(u, v):
    return [(capsule(u, v, 0, 0.5, 0, 0.96, 0.035), GREY), (polygon(u, v, (0, 0.34), (0.13, 0.56), (-0.13, 0.56)), DARK),
            (ellipse(u, v, 0, -0.25, 0.58, 0.68), MAIN)]


def _cup(u, v):
    return [(np.abs(circle(u, v, 0.5, 0.0, 0.3)) - 0.09, DARK),
            (polygon(u, v, (-0.72, -0.55), (0.48, -0.55), (0.34, 0.78), (-0.58, 0.78)), MAIN),
            (ellipse(u, v, -0.12, -0.55, 0.6, 0.15), LIGHT)]


def _mushroom(u, v):
    spots = [circle(u, v, x, y, r) for x, y, r in ((0, -0.5, 0.16), (-0.5, -0.2, 0.13), (0.48, -0.22, 0.14))]
    return [(box(u, v, 0, 0.42, 0.26, 0.48, 0.12), CREAM), (np.maximum(circle(u, v, 0, 0.05, 0.9), v - 0.08), MAIN),
            (union(*spots), WHITE)]


def _umbrella(u, v):
    scallops = union(*[circle(u, v, x, 0.1, 0.3) for x in (-0.62, 0, 0.62)])
    return [(union(capsule(u, v, 0, -0.1, 0, 0.82, 0.06), capsule(u, v, 0, 0.86, 0.22, 0.86, 0.06)), BROWN),
            (np.maximum(np.maximum(circle(u, v, 0, 0.05, 0.93), v - 0.1), -scallops), MAIN)]


def _rocket(u, v):
    return [(polygon(u, v, (-0.2, 0.62), (0.2, 0.62), (0, 0.98)), ORANGE),
            (union(polygon(u, v, (-0.25, 0.2), (-0.66, 0.78), (-0.12, 0.62)),
                   polygon(u, v, (0.25, 0.2), (0.66, 0.78), (0.12, 0.62))), DARK),
            (ellipse(u, v, 0, -0.1, 0.36, 0.82), MAIN), (circle(u, v, 0, -0.3, 0.16), GLASS)]


def _hat(u, v):
    return [(ellipse(u, v, 0, 0.56, 0.95, 0.22), MAIN), (box(u, v, 0, -0.08, 0.52, 0.64, 0.1), MAIN),
            (box(u, v, 0, 0.3, 0.52, 0.1), DARK)]


def _butterfly(u, v):
    wings = [ellipse(u, v, s * 0.48, y, a, b) for s in (-1, 1) for y, a, b in ((-0.3, 0.44, 0.46), (0.4, 0.36, 0.36))]
    return [(union(*wings), MAIN), (union(circle(u, v, -0.5, -0.3, 0.17), circle(u, v, 0.5, -0.3, 0.17)), LIGHT),
            (ellipse(u, v, 0, 0, 0.1, 0.72), BLACK)]


PARTS = {
    "circle": lambda u, v: [(circle(u, v, 0, 0, 0.92), MAIN)],
    "square": lambda u, v: [(box(u, v, 0, 0, 0.82, 0.82), MAIN)],
    "triangle": lambda u, v: [(polygon(u, v, (0, -0.88), (0.96, 0.8), (-0.96, 0.8)), MAIN)],
    "diamond": lambda u, v: [(polygon(u, v, (0, -0.96), (0.68, 0), (0, 0.96), (-0.68, 0)), MAIN)],
    "star": lambda u, v: [(polygon(u, v, *_star_points(5, 0.98, 0.42)), MAIN)],
    "moon": lambda u, v: [(np.maximum(circle(u, v, 0, 0, 0.9), -circle(u, v, 0.42, -0.16, 0.74)), MAIN)],
    "heart": _heart, "car": _car, "house": _house, "tree": _tree, "flower": _flower, "sun": _sun, "cloud": _cloud,
    "boat": _boat, "fish": _fish, "cat": _cat, "bird": _bird, "apple": _apple, "balloon": _balloon, "cup": _cup,
    "mushroom": _mushroom, "umbrella": _umbrella, "rocket": _rocket, "hat": _hat, "butterfly": _butterfly,
}
