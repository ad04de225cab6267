"""mlctl imagine and upscale as people use them: with the built-in model that draws, else with one of random weights,
which is there as built-in models are."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402
from support.painter import random_painter  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.daemon = Daemon(BUILD, random_painter(BUILD, cls.folder.name))
        cls.model = json.loads(cls.daemon.mlctl("imagine", "--styles", "--json").stdout)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def path(self, name):
        return pathlib.Path(self.folder.name) / name

    def draw(self, *flags, prompt="a red car under a yellow sun", steps=4):
        answer = self.daemon.mlctl("imagine", prompt, "--steps", steps, "--json", *flags)
        return json.loads(answer.stdout)

    def test_same_seed_same_bytes(self):
        first = self.draw("--seed", 11, "-o", self.path("first.png"))
        self.draw("--seed", 11, "-o", self.path("again.png"))
        self.draw("--seed", 12, "-o", self.path("other.png"))
        self.assertEqual(self.path("first.png").read_bytes(), self.path("again.png").read_bytes())
        self.assertNotEqual(self.path("first.png").read_bytes(), self.path("other.png").read_bytes())
        image = Image.open(self.path("first.png"))
        self.assertEqual(image.size, (self.model["width"], self.model["height"]))
        self.assertEqual(first["seed"], 11)
        self.assertEqual(image.text["Source"], "generated")
        self.assertEqual(image.text["Seed"], "11")
        self.assertEqual(image.text["Model"], self.model["model"].removeprefix("models/"))
        self.draw("--seed", 11, "-o", self.path("first.webp"))
        self.assertEqual(numpy.asarray(Image.open(self.path("first.webp")).convert("RGB")).tolist(),
                         numpy.asarray(image.convert("RGB")).tolist())
        self.assertIn(b"trainedAlgorithmicMedia", self.path("first.webp").read_bytes())

    def test_several_and_their_sheet(self):
        answer = self.draw("--count", 4, "--seed", 5, "-o", self.path("four.png"))
        self.assertEqual([one["seed"] for one in answer["images"]], [5, 6, 7, 8])
        alone = self.draw("--seed", 7, "-o", self.path("third.png"))
        self.assertEqual(alone["seed"], 7)
        self.assertEqual(self.path("third.png").read_bytes(), self.path("four-3.png").read_bytes())
        self.assertEqual(Image.open(answer["grid"]).size, (2 * self.model["width"] + 4, 2 * self.model["height"] + 4))

    def test_every_style_differs(self):
        files = set()
        for style in self.model["styles"]:
            self.draw("--seed", 3, "--style", style.upper(), "-o", self.path(f"{style}.png"))
            files.add(self.path(f"{style}.png").read_bytes())
        self.assertEqual(len(files), len(self.model["styles"]))
        refused = self.daemon.mlctl("imagine", "x", "--style", "baroque", check=False)
        self.assertEqual(refused.returncode, 4)
        self.assertIn(self.model["styles"][0], refused.stderr)

    def test_a_picture_to_begin_with(self):
        self.assertTrue(self.model["takes_source_image"])
        width, height = self.model["width"], self.model["height"]
        Image.new("RGB", (width, height), (20, 90, 160)).save(self.path("blue.png"))
        self.draw("--seed", 1, "--from", self.path("blue.png"), "--strength", 0, "-o", self.path("kept.png"))
        kept = numpy.asarray(Image.open(self.path("kept.png")).convert("RGB"), dtype=float)
        self.assertLess(abs(kept.mean(axis=(0, 1)) - (20, 90, 160)).max(), 12)
        if self.model["takes_mask"]:
            mask = Image.new("L", (width, height), 0)
            mask.paste(255, (0, 0, width // 2, height))
            mask.save(self.path("left.png"))
            self.draw("--seed", 1, "--from", self.path("blue.png"), "--mask", self.path("left.png"), "--strength", 1,
                      "-o", self.path("half.png"))
            half = numpy.asarray(Image.open(self.path("half.png")).convert("RGB"), dtype=float)
            # Away from the border, where the two halves may be blended.
            self.assertLess(abs(half[:, width * 3 // 4:] - (20, 90, 160)).max(), 12)
            Image.new("L", (width // 2, height), 0).save(self.path("small.png"))
            wrong = self.daemon.mlctl("imagine", "x", "--from", self.path("blue.png"), "--mask", self.path("small.png"),
                                      check=False)
            self.assertEqual(wrong.returncode, 4)
            self.assertIn("mask", wrong.stderr)

    def test_what_cannot_be_drawn_is_said(self):
        model = self.model
        text = self.daemon.mlctl("imagine", "-", text="word " * 10_000, check=False)
        self.assertEqual(text.returncode, 4)
        self.assertIn("limit is 16384", text.stderr)
        if model["size_multiple"] > 1:
            odd = self.daemon.mlctl("imagine", "x", "--size", model["width"] + 1, check=False)
            self.assertEqual(odd.returncode, 4)
            self.assertIn(f"{model['width']} only" if model["fixed_size"] else f"multiples of {model['size_multiple']}",
                          odd.stderr)
        huge = self.daemon.mlctl("imagine", "x", "--size", 8192, check=False)
        self.assertIn("needs about", huge.stderr)
        for flags in (["--scheduler", "warp"], ["--from", __file__]):
            self.assertEqual(self.daemon.mlctl("imagine", "x", *flags, check=False).returncode, 4)

    def test_a_published_folder_is_imported_and_draws(self):
        folder = self.path("published")
        subprocess.run([sys.executable, TOP / "packaging/models/random_diffusion.py", folder, "external"], check=True)
        self.daemon.mlctl("models", "import", folder, "--name", "published")
        try:
            shown = json.loads(self.daemon.mlctl("models", "show", "published", "--json").stdout)
            self.assertIn("image.generate", shown["capabilities"])
            answer = json.loads(self.daemon.mlctl("imagine", "-m", "published", "a boat", "--seed", 4, "--json", "-o",
                                                  self.path("published.png")).stdout)
            self.assertEqual(answer["usage"]["model"], "models/published")
            image = Image.open(self.path("published.png"))
            self.assertEqual(image.size, (16, 16))
            self.assertEqual(image.text["Model"], "published")
            self.daemon.mlctl("imagine", "-m", "published", "a boat", "--count", 2, "--seed", 4, "-o", self.path("boats.png"))
            self.assertEqual(Image.open(self.path("boats-grid.png")).text["Seed"], "4")
        finally:
            self.daemon.mlctl("models", "remove", "published")
        # What is missing or wrong is said, and nothing stays behind.
        scheduler = folder / "scheduler/scheduler_config.json"
        scheduler.write_text(scheduler.read_text().replace("DDIMScheduler", "WarpScheduler"))
        refused = self.daemon.mlctl("models", "import", folder, "--name", "published", check=False)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("WarpScheduler", refused.stderr)
        (folder / "unet/model.onnx_data").unlink()
        refused = self.daemon.mlctl("models", "import", folder, "--name", "published", check=False)
        self.assertIn("model.onnx_data", refused.stderr)
        self.assertNotEqual(self.daemon.mlctl("models", "show", "published", check=False).returncode, 0)

    def test_cancelling_frees_the_model(self):
        name = self.model["model"].removeprefix("models/")
        process = self.daemon.spawn("imagine", "x", "--steps", 1000, "-o", self.path("never.png"),
                                    stderr=subprocess.DEVNULL)
        self.daemon.wait_for(lambda: (self.daemon.model(name) or {}).get("leases"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 130)
        self.daemon.wait_for(lambda: not self.daemon.model(name)["leases"])
        self.assertFalse(self.path("never.png").exists())

    def test_pictures_in_the_background_beside_a_person(self):
        alone = {}
        for seed in range(4):
            self.draw("--seed", seed, "-o", self.path(f"alone-{seed}.png"))
            alone[seed] = self.path(f"alone-{seed}.png").read_bytes()
        letter = "Their is a eror in this sentance."
        expected = self.daemon.mlctl("proofread", text=letter).stdout
        threads = [threading.Thread(target=self.draw, args=(
            "--seed", seed, "--class", "background", "-o", self.path(f"beside-{seed}.png"))) for seed in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.assertEqual(self.daemon.mlctl("proofread", text=letter).stdout, expected)
        for seed in range(4):
            self.assertEqual(self.path(f"beside-{seed}.png").read_bytes(), alone[seed])

    def test_a_prompt_reaches_no_log(self):
        self.draw("--seed", 1, "-o", self.path("secret.png"), prompt="an unmistakable xylophone")
        self.daemon.mlctl("imagine", "an unmistakable xylophone", "--style", "none", check=False)
        self.assertNotIn("xylophone", (self.daemon.root / "log").read_text())
        self.assertNotIn("xylophone", self.daemon.mlctl("activity", "--json").stdout)

    def test_upscaling(self):
        Image.new("RGB", (20, 10), (200, 30, 30)).save(self.path("small.png"))
        self.daemon.mlctl("upscale", self.path("small.png"), "--scale", 3, "-o", self.path("large.png"))
        large = Image.open(self.path("large.png")).convert("RGB")
        self.assertEqual(large.size, (60, 30))
        self.assertLess(abs(numpy.asarray(large, dtype=float) - (200, 30, 30)).max(), 3)
        self.daemon.mlctl("upscale", self.path("small.png"), "--size", "x40", "-o", self.path("shape.webp"))
        self.assertEqual(Image.open(self.path("shape.webp")).size, (80, 40))
        piped = subprocess.run(self.daemon.command("upscale", "-", "--size", "40x20", "-o", "-"), check=True,
                               input=self.path("small.png").read_bytes(), capture_output=True)
        self.assertTrue(piped.stdout.startswith(b"\x89PNG"))
        self.assertEqual(self.daemon.mlctl("upscale", __file__, "--size", "10", check=False).returncode, 4)


if __name__ == "__main__":
    unittest.main()
