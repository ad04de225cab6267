"""The scenes, their pictures and their words are what they say they are."""

import importlib.util
import pathlib
import random
import struct
import tempfile
import unittest
import zlib

HAVE_NUMPY = importlib.util.find_spec("numpy") is not None
if HAVE_NUMPY:
    import numpy as np

    import scenes
    from renderer import COLOUR_NAMES, OBJECT_NAMES, Renderer, sheet, write_png
    from tokenizer import END, START, Tokenizer


def thing(name, colour, x=32, y=32, r=16):
    return {"object": name, "colour": colour, "size": None, "x": x, "y": y, "r": r, "flip": False}


def scene(*things, style="illustration", background="white", kind="single"):
    return {"kind": kind, "style": style, "background": background, "things": list(things)}


@unittest.skipUnless(HAVE_NUMPY, "numpy is not installed")
class Pictures(unittest.TestCase):
    def setUp(self):
        self.renderer = Renderer()

    def test_a_seed_gives_the_same_pictures(self):
        made = [scenes.Maker(random.Random(5)).scene() for _ in range(3)]
        first, maps = self.renderer.render(made, 9)
        second, _ = Renderer().render(made, 9)
        np.testing.assert_array_equal(first, second)
        self.assertEqual(first.shape, (3, 3, 64, 64))
        self.assertEqual(maps.shape, (3, 2, 16, 16))
        self.assertFalse(np.array_equal(first, self.renderer.render(made, 10)[0]))

    def test_every_thing_has_its_colour_in_every_style(self):
        for style in scenes.STYLES:
            for colour in scenes.COLOURS:
                pictures, maps = self.renderer.render([scene(thing(n, colour), style=style, background="black" if colour ==
                                                             "white" else "white") for n in OBJECT_NAMES])
                for name, picture, map_ in zip(OBJECT_NAMES, pictures, maps):
                    self.assertTrue(np.isfinite(picture).all())
                    self.assertGreater((map_[0] == OBJECT_NAMES.index(name) + 1).sum(), 8, (style, name))
                    self.assertEqual(set(map_[1].ravel()), {0, COLOUR_NAMES.index(colour) + 1})

    def test_flat_colour_is_flat(self):
        picture = self.renderer.render([scene(thing("square", "blue"))])[0][0]
        np.testing.assert_allclose(picture[:, 24:40, 24:40].std((1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(picture[:, 32, 32] * 255, scenes.COLOURS["blue"], atol=16)

    def test_edges_are_smooth(self):
        picture = self.renderer.render([scene(thing("circle", "black"))])[0][0]
        between = (picture[0] > 0.25) & (picture[0] < 0.9)
        self.assertGreater(between.sum(), 30)

    def test_the_front_covers_the_back(self):
        _, maps = self.renderer.render([scene(thing("square", "red", r=26), thing("circle", "blue", r=12), kind="inside")])
        self.assertEqual(maps[0, 0, 8, 8], OBJECT_NAMES.index("circle") + 1)
        self.assertEqual(maps[0, 0, 3, 3], OBJECT_NAMES.index("square") + 1)

    def test_what_reaches_over_the_border_is_cut(self):
        self.assertTrue(np.isfinite(self.renderer.render([scene(thing("car", "red", 0, 64, 30))])[0]).all())

    def test_a_png_holds_its_pixels(self):
        picture = np.random.default_rng(1).random((3, 5, 7)).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "made.png"
            write_png(path, picture)
            data = path.read_bytes()
        self.assertEqual(struct.unpack(">II", data[16:24]), (7, 5))
        begin = data.index(b"IDAT") + 4
        rows = zlib.decompress(data[begin:data.index(b"IEND") - 8])
        self.assertEqual(rows[1:4], bytes((picture[:, 0, 0] * 255 + 0.5).astype(np.uint8)))

    def test_a_sheet_has_its_pictures_in_rows(self):
        made = sheet(np.zeros((3, 3, 4, 4)), 2, gap=1, enlarge=1)
        self.assertEqual(made.shape, (3, 11, 11))
        self.assertEqual(made[:, 1:5, 1:5].sum(), 0)


@unittest.skipUnless(HAVE_NUMPY, "numpy is not installed")
class Scenes(unittest.TestCase):
    def setUp(self):
        self.maker = scenes.Maker(random.Random(3))

    def test_held_out_scenes_are_never_for_training(self):
        self.assertFalse(any(scenes.held_out(self.maker.scene()) for _ in range(500)))
        self.assertTrue(all(scenes.held_out(self.maker.scene(held=True)) for _ in range(20)))

    def test_relations_are_where_they_say(self):
        for _ in range(500):
            made = self.maker.scene()
            a, b = (made["things"] * 2)[:2]
            if made["kind"] == "left":
                self.assertLess(a["x"] + 10, b["x"])
            if made["kind"] == "above":
                self.assertLess(a["y"] + 10, b["y"])
            if made["kind"] == "inside":
                self.assertLess(np.hypot(a["x"] - b["x"], a["y"] - b["y"]) + b["r"], a["r"])
            if made["kind"] == "count":
                self.assertEqual(len({t["object"] for t in made["things"]}), 1)
                self.assertIn(len(made["things"]), (2, 3, 4, 5))

    def test_what_is_shown_stands_out(self):
        for _ in range(300):
            made = self.maker.scene()
            front = made["things"][:1] if made["kind"] == "inside" else made["things"]
            self.assertTrue(all(scenes.stands_out(t["colour"], made["background"]) for t in front))

    def test_captions_name_what_is_there(self):
        for _ in range(500):
            made = self.maker.scene()
            caption = self.maker.caption(made, all_colours=True)
            for one in made["things"]:
                self.assertIn(one["object"][:6], caption)
                self.assertTrue(one["colour"] in caption or scenes.OTHER_WORDS.get(one["colour"], "?") in caption)


@unittest.skipUnless(HAVE_NUMPY, "numpy is not installed")
class Tokens(unittest.TestCase):
    def setUp(self):
        self.tokenizer = Tokenizer()

    def test_every_word_of_captions_is_one_token(self):
        for word in scenes.words():
            # Numbers are read digit by digit: "3d" is two.
            if word.isalpha():
                self.assertEqual(self.tokenizer.encode(word).index(self.tokenizer.end), 2, word)

    def test_a_window_is_filled_with_its_end(self):
        ids = self.tokenizer.encode("A red  Car!")
        self.assertEqual(len(ids), 77)
        self.assertEqual((ids[0], ids[-1]), (self.tokenizer.start, self.tokenizer.end))
        self.assertEqual(ids, self.tokenizer.encode("a red car!"))
        long = self.tokenizer.encode("car " * 200)
        self.assertEqual((len(long), long[-1], long[-2]), (77, self.tokenizer.end, long[1]))

    def test_any_text_has_tokens(self):
        for text in ("", "xyzzy", "12", "ü", "\U0001f600", "it's"):
            self.assertTrue(all(0 <= i < self.tokenizer.size for i in self.tokenizer.encode(text)), text)

    def test_the_files_are_those_of_clip(self):
        with tempfile.TemporaryDirectory() as folder:
            self.tokenizer.write(pathlib.Path(folder))
            merges = (pathlib.Path(folder) / "merges.txt").read_text(encoding="utf-8").split("\n")
        self.assertEqual(merges[0], "#version: 0.2")
        self.assertEqual(len(merges) - 2, len(self.tokenizer.merges))
        self.assertEqual(self.tokenizer.size, 512 + len(self.tokenizer.merges) + 2)
        self.assertEqual((self.tokenizer.ids[START], self.tokenizer.ids[END]),
                         (self.tokenizer.size - 2, self.tokenizer.size - 1))


if __name__ == "__main__":
    unittest.main()
