"""mlctl vision on the frames of a video, with the built-in model."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

import numpy
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
WIDTH, HEIGHT, SIDE = 320, 240, 64
FRAMES = 10


def spots(width, height, seed):
    """The same blurred noise for the same seed."""
    noise = numpy.random.default_rng(seed).integers(0, 255, (height // 4, width // 4), dtype=numpy.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def place(t):
    return 40 + 12 * t, 80 + 3 * t


class FramesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD)
        cls.folder = tempfile.TemporaryDirectory()
        cls.frames = pathlib.Path(cls.folder.name) / "frames"
        cls.frames.mkdir()
        background, thing = spots(WIDTH, HEIGHT, 1), spots(SIDE, SIDE, 2)
        for t in range(FRAMES):
            frame = background.copy()
            frame.paste(thing, place(t))
            frame.save(cls.frames / f"{t:03}.png")
        cls.box = f"{place(0)[0] / WIDTH},{place(0)[1] / HEIGHT},{SIDE / WIDTH},{SIDE / HEIGHT}"

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def test_follows_through_a_folder(self):
        drawn = pathlib.Path(self.folder.name) / "drawn"
        answer = self.daemon.mlctl("vision", "--track", self.box, self.frames, "--flow", "--json", "--annotate", drawn)
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        self.assertEqual([line["frame"] for line in lines], list(range(FRAMES)))
        for t, line in enumerate(lines):
            self.assertTrue(line["file"].endswith(f"{t:03}.png"))
            found = line["results"][0]
            self.assertFalse(found["lost"])
            self.assertAlmostEqual(found["box"]["x"] * WIDTH, place(t)[0], delta=5)
            self.assertAlmostEqual(found["box"]["y"] * HEIGHT, place(t)[1], delta=5)
            self.assertEqual(len(line["results"]), 1 if t == 0 else 2)
        self.assertEqual(lines[-1]["dropped_frames"], 0)
        files = sorted(drawn.iterdir())
        self.assertEqual([file.name for file in files], [f"{t:06}-{t:03}.png" for t in range(FRAMES)])
        with Image.open(files[3]) as image:
            self.assertEqual(image.size, (WIDTH, HEIGHT))

    def test_registers_pictures(self):
        scene = spots(600, 500, 5)
        files = []
        for t in range(3):
            files.append(pathlib.Path(self.folder.name) / f"part{t}.png")
            scene.crop((50 + 6 * t, 60 - 4 * t, 50 + 6 * t + WIDTH, 60 - 4 * t + HEIGHT)).save(files[-1])
        for kind in ("translation", "homography"):
            answer = self.daemon.mlctl("vision", *files, "--register", kind, "--json")
            lines = [json.loads(line) for line in answer.stdout.splitlines()]
            self.assertEqual(lines[0]["results"], [])
            for line in lines[1:]:
                transform = line["results"][0]["transform"]
                self.assertAlmostEqual(transform[2] * WIDTH, 6, delta=0.6)
                self.assertAlmostEqual(transform[5] * HEIGHT, -4, delta=0.6)
            text = self.daemon.mlctl("vision", *files, "--register", kind).stdout
            self.assertIn("moved by -6.", text)

    def test_what_cannot_be_read_is_left_out(self):
        bad = pathlib.Path(self.folder.name) / "bad.png"
        bad.write_bytes(b"no picture")
        files = sorted(self.frames.iterdir())
        answer = self.daemon.mlctl("vision", "--track", self.box, files[0], bad, "/nowhere.png", files[1], "--json",
                                   check=False)
        self.assertEqual(answer.returncode, 7, answer.stderr)
        self.assertIn("bad.png", answer.stderr)
        self.assertIn("/nowhere.png", answer.stderr)
        self.assertEqual(len(answer.stdout.splitlines()), 2)

    def test_a_tracker_without_frames_is_a_mistake(self):
        self.assertEqual(self.daemon.mlctl("vision", "--flow", check=False).returncode, 2)
        self.assertEqual(self.daemon.mlctl("vision", "--track", "1,2", self.frames, check=False).returncode, 2)
        answer = self.daemon.mlctl("vision", "--track", "0.5,0.5,0.9,0.9", self.frames, check=False)
        self.assertEqual(answer.returncode, 4, answer.stderr)


if __name__ == "__main__":
    unittest.main()
