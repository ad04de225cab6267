"""Pictures for a language model, end to end: a model of random weights with a projector, in its
sandboxed worker, through mlctl. What it says is noise, but of each picture its own."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from chat_test import Terminal  # noqa: E402
from support.daemon import TOP, Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
TOOLS = TOP / "packaging/models"


def bitmap(path, width, height, colour):
    """A BMP file of 24 bits; colour(x, y) gives red, green and blue."""
    row = (3 * width + 3) // 4 * 4
    data = b"".join(
        b"".join(bytes(reversed(colour(x, y))) for x in range(width)).ljust(row, b"\0")
        for y in reversed(range(height)))
    head = (b"BM" + (54 + len(data)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
            + (40).to_bytes(4, "little") + width.to_bytes(4, "little") + height.to_bytes(4, "little")
            + b"\1\0\x18\0" + bytes(24))
    path.write_bytes(head + data)
    return path


class PicturesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = root = pathlib.Path(cls.folder.name)
        for name, *options in (("base", "--tiny"), ("plain", "--tiny", "--no-chat")):
            subprocess.run([sys.executable, TOOLS / "random_llama.py", root / f"{name}.gguf", *options], check=True)
        for name, *options in (("eye",), ("wide", "--width", "128")):
            subprocess.run([sys.executable, TOOLS / "random_projector.py", root / f"{name}.gguf", *options],
                           check=True)
        cls.red = bitmap(root / "red.bmp", 64, 48, lambda x, y: (255, 4 * x % 256, 0))
        cls.blue = bitmap(root / "blue.bmp", 64, 48, lambda x, y: (0, 5 * y % 256, 255))
        (root / "none.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        cls.daemon = Daemon(BUILD)
        cls.advice = cls.daemon.mlctl("vision", cls.red, "--describe", check=False)
        cls.daemon.mlctl("models", "import", root / "base.gguf", "--name", "sees", "--projector", root / "eye.gguf")
        cls.daemon.mlctl("models", "import", root / "base.gguf", "--name", "blind")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def ask(self, *arguments, **options):
        return self.daemon.mlctl("generate", "--temperature", "0", "--max-output-tokens", "24", *arguments, **options)

    def test_without_a_model_it_says_what_to_install(self):
        self.assertNotEqual(self.advice.returncode, 0)
        self.assertIn("language.describe-image", self.advice.stderr)
        self.assertIn("--projector", self.advice.stderr)

    def test_answers_depend_on_the_picture(self):
        red = self.ask("--image", self.red, "What is it?").stdout
        self.assertEqual(self.ask("--image", self.red, "What is it?").stdout, red)
        self.assertNotEqual(self.ask("--image", self.blue, "What is it?").stdout, red)
        self.assertNotEqual(self.ask("--image", self.red, "--image", self.blue, "What is it?").stdout, red)
        self.assertNotEqual(self.ask("--model", "sees", "--chat", "What is it?").stdout, red)
        # The same bytes, as a picture of the daemon's other clients: the worker lives on.
        self.assertTrue(self.daemon.model("sees")["worker_pid"])
        usage = json.loads(self.ask("--json", "--image", self.red, "What is it?").stdout.splitlines()[-1])["usage"]
        self.assertEqual(usage["model"], "models/sees")
        self.assertEqual(usage["cached_tokens"], usage["input_tokens"] - 1)

    def test_tokens_of_pictures_count(self):
        text = int(self.daemon.mlctl("count-tokens", "--model", "sees", "--chat", "What is it?").stdout)
        both = int(self.daemon.mlctl("count-tokens", "--image", self.red, "What is it?").stdout)
        self.assertGreaterEqual(both, text + 16)
        result = self.ask("--image", self.red, *["--image", self.blue] * 15, "x " * 400, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("the model takes 512", result.stderr)

    def test_descriptions(self):
        shown = {}
        for detail in ("brief", "detailed", "accessible"):
            result = self.daemon.mlctl("vision", "--json", self.red, f"--describe={detail}")
            answer = json.loads(result.stdout)
            self.assertEqual((answer["image"]["width"], answer["image"]["height"]), (64, 48))
            self.assertEqual(answer["results"][0]["model"], "models/sees")
            self.assertEqual(answer["results"][0]["request"], "describe_image")
            shown[detail] = answer["results"][0]["text"]
        self.assertEqual(len(set(shown.values())), 3)
        self.assertNotEqual(json.loads(self.daemon.mlctl("vision", "--json", self.blue, "--describe").stdout)
                            ["results"][0]["text"], shown["brief"])
        # Beside what another model answers, in one call.
        answer = json.loads(self.daemon.mlctl("vision", "--json", self.red, "--scores", "--describe").stdout)
        self.assertEqual([r["request"] for r in answer["results"]],
                         ["calculate_image_aesthetics_scores", "describe_image"])
        self.assertEqual(answer["results"][1]["text"], shown["brief"])
        result = self.daemon.mlctl("vision", self.red, "--describe", "--region", "0,0,0.5,1", check=False)
        self.assertIn("whole picture", result.stderr)

    def test_a_session_keeps_its_pictures(self):
        chat = Terminal(self.daemon.command("chat", "--model", "sees", "--keep", "--temperature", "0",
                                            "--max-output-tokens", "8"))
        chat.read_until("> ")
        chat.type(f"/image {self.root}/nowhere.png\n")
        chat.read_until("not read")
        chat.type(f"/image {self.red}\n")
        chat.read_until("next question")
        chat.type("What is it?\n/tokens\n")
        chat.read_until("tokens used")
        chat.type("\4")
        chat.read_until("Go on with: mlctl chat --session ")
        self.assertEqual(chat.wait(), 0)
        name = self.daemon.mlctl("sessions", "list", "--quiet").stdout.split()[0]
        shown = json.loads(self.daemon.mlctl("sessions", "show", name, "--json").stdout)
        self.assertEqual(shown["messages"][0]["images"], [{"size_bytes": self.red.stat().st_size}])
        self.assertIn("(1 picture)", self.daemon.mlctl("sessions", "show", name).stdout)
        # The next turn begins behind the picture.
        turn = json.loads(self.daemon.mlctl("chat", "--session", name, "--json", "--max-output-tokens", "4",
                                            text="And now?\n").stdout.splitlines()[-1])
        self.assertGreater(turn["usage"]["cached_tokens"], 20)
        self.daemon.mlctl("sessions", "delete", name)

    def test_bad_input(self):
        for file in (self.root / "none.png", self.root / "base.gguf"):
            result = self.ask("--image", file, "What is it?", check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr, "picture|image|PNG")
        result = self.ask("--model", "blind", "--image", self.red, "What?", check=False)
        self.assertIn("takes no pictures", result.stderr)
        result = self.ask(*["--image", self.red] * 17, "What?", check=False)
        self.assertIn("16", result.stderr)
        result = self.ask("--image", self.root / "nowhere.png", "What?", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(self.ask("--image", self.red, "Still there?").returncode, 0)

    def test_imports_that_do_not_fit_leave_nothing(self):
        for model, projector, why in (("base", "wide", "64"), ("base", "base", "no projector"),
                                      ("plain", "eye", "chat template"), ("eye", "eye", "no model by itself")):
            result = self.daemon.mlctl("models", "import", self.root / f"{model}.gguf", "--name", "odd", "--projector",
                                       self.root / f"{projector}.gguf", check=False)
            self.assertNotEqual(result.returncode, 0, (model, projector))
            self.assertIn(why, result.stderr)
        self.assertNotIn("odd", self.daemon.mlctl("models", "list", "--quiet").stdout)
        listed = self.daemon.mlctl("models", "list", "--capability", "language.describe-image", "--quiet").stdout
        self.assertEqual(listed.split(), ["sees"])


if __name__ == "__main__":
    unittest.main()
