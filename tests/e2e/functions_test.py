"""Several functions (LoRA adapters) on one resident language model, through mlctl."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
MODEL = pathlib.Path(BUILD) / "share/intelligenced/models/tiny-prose.gguf"


def adapter(base, file, *options):
    subprocess.run([sys.executable, TOP / "packaging/models/random_adapter.py", base, file, *options], check=True)
    return file


class FunctionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.daemon = Daemon(BUILD)
        for seed in ("1", "2", "3"):
            adapter(MODEL, cls.root / f"f{seed}.gguf", "--seed", seed)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def generate(self, model, prompt="The sea was"):
        return self.daemon.mlctl("generate", "--model", model, "--temperature", "0", "--max-output-tokens", "60",
                                 prompt).stdout

    def test_functions_run_side_by_side_on_one_copy(self):
        # Alone: each function on a base of its own.
        alone = {}
        for number in (1, 2):
            self.daemon.mlctl("models", "import", MODEL, "--name", f"only{number}", "--function",
                              f"f={self.root}/f{number}.gguf")
            alone[f"base/f{number}"] = self.generate(f"only{number}/f")
            self.daemon.mlctl("models", "unload", f"only{number}")
        alone["base"] = self.generate("tiny-prose")
        self.daemon.mlctl("models", "unload", "tiny-prose")
        self.assertEqual(len(set(alone.values())), 3)

        self.daemon.mlctl("models", "import", MODEL, "--name", "base", "--function", f"f1={self.root}/f1.gguf",
                          "--function", f"f2={self.root}/f2.gguf")
        self.daemon.mlctl("models", "load", "base")
        worker = self.daemon.model("base")["worker_pid"]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            texts = list(pool.map(lambda name: (name, self.generate(name)), list(alone) * 4))
        for name, text in texts:
            self.assertEqual(text, alone[name], name)
        self.assertEqual(self.daemon.model("base")["worker_pid"], worker)
        self.assertEqual([m["name"] for m in self.daemon.models() if m["worker_pid"]], ["models/base"])

        # One more, to the resident model.
        self.daemon.mlctl("models", "import", "--name", "base", "--function", f"f3={self.root}/f3.gguf:0.5",
                          "--capability", "language.poems")
        self.assertNotIn(self.generate("base/f3"), alone.values())
        self.assertEqual(self.generate("base/f1"), alone["base/f1"])
        shown = self.daemon.mlctl("models", "show", "base").stdout
        self.assertRegex(shown, r"base/f3: language\.poems \(.*scale 0\.5")
        self.assertIn("base", self.daemon.mlctl("models", "list", "--capability", "language.poems", "--quiet").stdout)
        answer = json.loads(self.daemon.mlctl("generate", "--json", "--model", "base/f1", "--max-output-tokens", "2",
                                              "x").stdout.splitlines()[-1])
        self.assertEqual(answer["usage"]["model"], "models/base/functions/f1")

        self.daemon.mlctl("models", "remove", "base/f3")
        result = self.daemon.mlctl("generate", "--model", "base/f3", "x", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("has no function f3", result.stderr)
        self.assertEqual(self.generate("base/f2"), alone["base/f2"])

    def test_an_adapter_for_another_base_is_refused(self):
        other = self.root / "other.gguf"
        subprocess.run([sys.executable, TOP / "packaging/models/random_llama.py", other, "--tiny", "--type", "f32"],
                       check=True)
        wrong = adapter(other, self.root / "wrong.gguf")
        self.daemon.mlctl("models", "import", MODEL, "--name", "mine")
        for arguments in (("--name", "mine"), (MODEL, "--name", "new")):
            result = self.daemon.mlctl("models", "import", *arguments, "--function", f"bad={wrong}", check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("does not fit this model", result.stderr)
        self.assertNotIn("new", self.daemon.mlctl("models", "list", "--quiet").stdout.split())
        self.assertTrue(self.generate("mine"))
        self.daemon.mlctl("models", "unload", "mine")
        for wrong in ("bad", "=x", "bad=", "b=/nowhere.gguf"):
            result = self.daemon.mlctl("models", "import", "--name", "mine", "--function", wrong, check=False)
            self.assertNotEqual(result.returncode, 0, wrong)


if __name__ == "__main__":
    unittest.main()
