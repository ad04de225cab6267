"""What a picture shows, and how it is said: scenes by chance, and captions of varied wording.

A scene is a dictionary: `kind` (single, count, and, left, above, inside), `style`, `background`, and `things`: objects
from back to front with `object`, `colour`, `size`, `x`, `y`, `r` (the square of 64 by 64), `flip`. In `left` and
`above` the first thing is left of or above the second; in `inside` the second lies inside the first.
"""

import zlib

COLOURS = {"red": (222, 42, 42), "orange": (246, 138, 28), "yellow": (250, 216, 45), "green": (48, 165, 68),
           "blue": (45, 95, 222), "purple": (136, 62, 182), "pink": (250, 140, 188), "brown": (134, 82, 45),
           "black": (36, 36, 42), "white": (250, 250, 250), "grey": (140, 140, 146)}
# With the colours of those that are usual, when a caption names none.
OBJECTS = {"circle": "red blue green", "square": "blue red yellow", "triangle": "green orange purple",
           "diamond": "purple blue", "star": "yellow", "heart": "red pink", "car": "red blue", "house": "brown orange",
           "tree": "green", "flower": "pink red", "sun": "yellow", "moon": "yellow grey", "cloud": "grey white",
           "boat": "brown red", "fish": "orange blue", "cat": "black grey orange", "bird": "blue brown",
           "apple": "red green", "balloon": "red blue", "cup": "blue white", "mushroom": "red brown",
           "umbrella": "purple blue", "rocket": "grey red", "hat": "black brown", "butterfly": "orange purple"}
OBJECTS = {name: usual.split() for name, usual in OBJECTS.items()}
CONTAINERS = ("circle", "square", "heart", "diamond", "star")
# The colours that something before it must stand out from; the first is the one of most of it.
BACKGROUNDS = {"white": [(250, 250, 250)], "grey": [(200, 202, 206)], "blue": [(178, 214, 248)],
               "pink": [(252, 212, 226)], "green": [(194, 232, 190)], "yellow": [(252, 240, 176)],
               "black": [(28, 28, 34)], "meadow": [(170, 216, 248), (126, 196, 92)],
               "night": [(24, 30, 72)], "beach": [(160, 214, 246), (236, 212, 150)],
               "snow": [(200, 222, 240), (244, 248, 252)], "sea": [(186, 224, 248), (60, 136, 200)]}
PLAIN = ("white", "grey", "blue", "pink", "green", "yellow", "black")
STYLES = ("illustration", "sketch", "animation")
KINDS = {"single": 0.32, "count": 0.16, "and": 0.16, "left": 0.11, "above": 0.11, "inside": 0.14}

NUMBERS = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5")}
PLURALS = {"fish": "fish", "butterfly": "butterflies"}
SIZES = {"small": ("small", "tiny", "little"), "large": ("large", "big", "huge")}
OTHER_WORDS = {"purple": "violet", "grey": "gray"}
WHERE = {"meadow": ("on a meadow", "on grass", "on a green meadow", "in the grass"),
         "night": ("at night", "in the night", "under a night sky", "in the dark"),
         "beach": ("on a beach", "on the beach", "on sand"), "snow": ("in the snow", "in winter", "on snow"),
         "sea": ("at sea", "on the sea", "on the water", "in the ocean")}
ON_COLOUR = ("on a {} background", "on {}", "in front of a {} wall", "with a {} background")
STYLE_BEFORE = {"illustration": ("an illustration of", "a flat illustration of", "illustration:", "clip art of",
                                 "a flat drawing of"),
                "sketch": ("a sketch of", "a line drawing of", "a pencil drawing of", "sketch:", "a pencil sketch of"),
                "animation": ("a 3d render of", "a 3d picture of", "animation:", "an animation of",
                              "a shaded 3d model of")}
STYLE_AFTER = {"illustration": ("illustration", "flat colours", "flat colors", "clip art", "flat illustration"),
               "sketch": ("sketch", "line drawing", "pencil drawing", "pencil sketch", "line art"),
               "animation": ("animation", "3d", "3d render", "shaded", "3d animation", "cartoon 3d")}
BEFORE = ("a picture of", "an image of", "a photo of", "draw", "please draw", "show me", "there is", "paint",
          "a painting of", "a drawing of", "i want")
ADJECTIVES = ("nice", "beautiful", "cute", "pretty", "simple", "lovely", "bright", "happy", "old", "new")
AFTER = ("please", "high quality", "detailed", "very nice", "simple", "centered", "beautiful")
LEFT = ("{a} to the left of {b}", "{a} left of {b}", "{a} on the left of {b}", "{b} to the right of {a}",
        "{b} right of {a}", "{b} on the right of {a}", "{a} on the left and {b} on the right",
        "left {a}, right {b}", "on the left {a}, on the right {b}")
ABOVE = ("{a} above {b}", "{a} over {b}", "{b} below {a}", "{b} under {a}", "{b} beneath {a}", "{a} on top of {b}",
         "{b} underneath {a}", "{a} at the top and {b} at the bottom")
INSIDE = ("{b} inside {a}", "{b} in {a}", "{b} within {a}", "{a} with {b} inside", "{a} containing {b}",
          "{b} inside of {a}", "{a} around {b}")
AND = ("{a} and {b}", "{a} next to {b}", "{a} beside {b}", "{a} with {b}", "{a} and also {b}", "{a}, {b}")
HELD_OUT_OF = 20


def _far(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b)) > 82 ** 2


def stands_out(colour, background):
    return all(_far(COLOURS[colour], other) for other in BACKGROUNDS[background])


def contents(scene):
    """What is shown, without style and background: what is held out goes by it. Of "and" in both orders, since the words
    may have either.
    """
    things = [f"{t['colour']} {t['object']}" for t in scene["things"]]
    orders = (things, things[::-1]) if scene["kind"] == "and" else (things,)
    return tuple(f"{scene['kind']}|{'|'.join(order)}" for order in orders)


def held_out(scene):
    return any(zlib.crc32(content.encode()) % HELD_OUT_OF == 0 for content in contents(scene))


class Maker:
    """Scenes and captions of `random`, a random.Random. Not for several threads."""

    def __init__(self, random, styles=STYLES):
        self.random, self.styles = random, styles

    def scene(self, held=False):
        """One that is held out, or one that is not."""
        while True:
            made = self._scene()
            if held_out(made) == held:
                return made

    def _colour(self, background, *others):
        """One that stands out, and from `others`."""
        while True:
            made = self.random.choice(tuple(COLOURS))
            if stands_out(made, background) and all(_far(COLOURS[made], COLOURS[o]) for o in others):
                return made

    def _thing(self, colour, x, y, r, spread, name=None):
        random = self.random
        return {"object": name or random.choice(tuple(OBJECTS)), "colour": colour, "size": None,
                "x": x + random.uniform(-spread, spread), "y": y + random.uniform(-spread, spread), "r": r,
                "flip": random.random() < 0.5}

    def _scene(self):
        random = self.random
        kind = random.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        background = "white"
        if random.random() < 0.62:
            background = random.choice(tuple(BACKGROUNDS))
        first = self._colour(background)
        make = getattr(self, f"_{kind}", self._pair)
        return {"kind": kind, "style": random.choice(self.styles), "background": background,
                "things": make(background, first, kind)}

    def _single(self, background, colour, _):
        random = self.random
        size = random.choices((None, "small", "large"), (0.7, 0.15, 0.15))[0]
        r = {None: random.uniform(16, 22), "small": random.uniform(8, 11), "large": random.uniform(25, 28)}[size]
        made = self._thing(colour, 32, 32, r, 3 if size == "large" else 6)
        return [{**made, "size": size}]

    def _count(self, background, colour, _):
        random = self.random
        number = random.choices((2, 3, 4, 5), (0.32, 0.3, 0.22, 0.16))[0]
        name = random.choice(tuple(OBJECTS))
        if number == 2:
            places, r = [(17, 32), (47, 32)], random.uniform(11.5, 14)
        elif number == 3 and random.random() < 0.5:
            places, r = [(12, 32), (32, 32), (52, 32)], random.uniform(8.5, 9.5)
        elif number == 3:
            places, r = [(32, 18), (17, 46), (47, 46)], random.uniform(10.5, 13)
        elif number == 4:
            places, r = [(18, 18), (46, 18), (18, 46), (46, 46)], random.uniform(10, 12)
        else:
            places, r = [(14, 14), (50, 14), (32, 32), (14, 50), (50, 50)], random.uniform(8.5, 10)
        return [self._thing(colour, x, y, r, 1.3, name) for x, y in places]

    def _pair(self, background, first, kind):
        random = self.random
        second = self._colour(background) if random.random() < 0.85 else first
        names = random.sample(tuple(OBJECTS), 2)
        upright = kind == "above"
        places = [(32, 16), (32, 48)] if upright else [(16, 32), (48, 32)]
        made = [self._thing(c, x, y, random.uniform(11, 14), 2, n) for c, (x, y), n in zip((first, second), places, names)]
        for thing in made:
            thing["x" if upright else "y"] += random.uniform(-5, 5)
        return made

    def _inside(self, background, first, _):
        random = self.random
        outer = random.choice(CONTAINERS)
        inner = random.choice([n for n in OBJECTS if n != outer])
        made = self._thing(first, 32, 32, random.uniform(25, 28), 1.5, outer)
        down = {"heart": -2, "star": 2}.get(outer, 0)
        small = {"circle": 13, "square": 13, "diamond": 10, "heart": 11, "star": 8.5}[outer]
        second = self._thing(self._colour(background, first), made["x"], made["y"] + down, small * random.uniform(0.9, 1.1),
                             1, inner)
        return [made, second]

    def _one(self, thing, number=1, colour=True):
        """A phrase: "a small red car", "three red cars"."""
        random = self.random
        words = []
        if random.random() < 0.04:
            words.append(random.choice(ADJECTIVES))
        if thing["size"]:
            words.append(random.choice(SIZES[thing["size"]]))
        if colour:
            name = thing["colour"]
            words.append(OTHER_WORDS[name] if name in OTHER_WORDS and random.random() < 0.3 else name)
        noun = thing["object"]
        if number > 1:
            words.insert(0, random.choice(NUMBERS[number]))
            words.append(PLURALS.get(noun, noun + "s"))
            return " ".join(words)
        words.append(noun)
        how = random.random()
        if how < 0.8:
            words.insert(0, "an" if words[0][0] in "aeiou" else "a")
        elif how < 0.88:
            words.insert(0, "one")
        elif how < 0.92:
            words.insert(0, "the")
        return " ".join(words)

    def caption(self, scene, all_colours=False):
        """Words for it; now and then without a colour that is usual, unless `all_colours`."""
        random = self.random
        things = scene["things"]
        usual = [not all_colours and random.random() < 0.12 and t["colour"] in OBJECTS[t["object"]] for t in things]
        if scene["kind"] in ("single", "count"):
            what = self._one(things[0], len(things), not usual[0])
        else:
            a, b = (self._one(t, 1, not n) for t, n in zip(things, usual))
            patterns = {"left": LEFT, "above": ABOVE, "inside": INSIDE, "and": AND}[scene["kind"]]
            what = random.choice(patterns).format(a=a, b=b)
        background = scene["background"]
        if background in WHERE:
            what += " " + random.choice(WHERE[background])
        elif background != "white" or random.random() < 0.15:
            what += " " + random.choice(ON_COLOUR).format(background if random.random() < 0.8 or background in
                                                          ("white", "black") else f"light {background}")
        return self._framed(scene["style"], what)

    def _framed(self, style, what):
        random = self.random
        how = random.random()
        if how < 0.25:
            what = f"{random.choice(STYLE_BEFORE[style])} {what}"
        elif how < 0.7 or style != "illustration":
            what = f"{what}, {random.choice(STYLE_AFTER[style])}"
        if how >= 0.25 and random.random() < 0.12:
            what = f"{random.choice(BEFORE)} {what}"
        if random.random() < 0.06:
            what = f"{what}, {random.choice(AFTER)}"
        if random.random() < 0.05:
            # Words that nobody has taught it: to be passed over.
            strange = "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randint(3, 8)))
            words = what.split(" ")
            words.insert(random.randint(0, len(words)), strange)
            what = " ".join(words)
        if random.random() < 0.1:
            what += "."
        return what


def words():
    """All that captions are made of, for the vocabulary."""
    made = [*COLOURS, *OBJECTS, *BACKGROUNDS, *STYLES, *ADJECTIVES, *AFTER, *BEFORE, *LEFT, *ABOVE, *INSIDE, *AND,
            *ON_COLOUR, *OTHER_WORDS.values(), *PLURALS.values(), "a an the one light and of"]
    for table in (NUMBERS, SIZES, WHERE, STYLE_BEFORE, STYLE_AFTER):
        made += [text for texts in table.values() for text in texts]
    made += [PLURALS.get(name, name + "s") for name in OBJECTS]
    text = " ".join(made).lower()
    for mark in ("{a}", "{b}", "{}", ",", ":"):
        text = text.replace(mark, " ")
    return sorted(set(text.split()))
