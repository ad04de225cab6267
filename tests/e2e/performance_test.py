"""mlctl models report and optimize, and mlctl bench, on a real daemon and a real model."""

import json
import os
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
MODEL = pathlib.Path(BUILD) / "share/intelligenced/models/tiny-prose.gguf"


class PerformanceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD)
        cls.daemon.mlctl("models", "import", MODEL, "--name", "base")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def blobs(self):
        return sorted(os.listdir(self.daemon.root / "store/blobs"))

    def names(self):
        return self.daemon.mlctl("models", "list", "--quiet").stdout.split()

    def test_report(self):
        report = json.loads(self.daemon.mlctl("models", "report", "base", "--json").stdout)
        self.assertEqual(report["layout"], "Q8_0")
        for key in ("prompt_tokens_per_second", "output_tokens_per_second", "resident_bytes", "perplexity",
                    "memory_bytes_per_second", "operations_per_second", "memory_share", "arithmetic_share"):
            self.assertGreater(report[key], 0, key)
        self.assertTrue(any(o["operation"].startswith("MUL_MAT") for o in report["operations"]))
        shown = self.daemon.mlctl("models", "report", "base").stdout
        self.assertIn("Arithmetic limit", shown)
        self.assertIsNone(self.daemon.model("base"), "measuring does not make a model resident")

    def test_report_of_what_is_no_language_model(self):
        for name in ("writing-rules", "none", "base/f"):
            result = self.daemon.mlctl("models", "report", name, check=False)
            self.assertNotEqual(result.returncode, 0, name)
            self.assertTrue(result.stderr.strip(), name)

    def test_layouts_that_win_nothing_are_refused(self):
        for layout, words in (("Q8_0", "already"), ("F16", "larger")):
            result = self.daemon.mlctl("models", "optimize", "base", "--layout", layout, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(words, result.stderr)

    def test_optimize(self):
        before = self.blobs()
        dry = json.loads(self.daemon.mlctl("models", "optimize", "base", "--dry-run", "--json").stdout)
        self.assertTrue(dry["results"][0]["is_source"])
        self.assertEqual({r["layout"] for r in dry["results"]}, {"Q8_0", "Q4_K_M", "Q4_0"})
        self.assertNotIn("model", dry)
        self.assertEqual(self.blobs(), before)
        # Speeds of a model this small are mostly noise: what is installed is whichever was faster.
        done = json.loads(self.daemon.mlctl("models", "optimize", "base", "--max-loss", "1000", "--name", "fast",
                                            "--json").stdout)
        if "model" in done:
            self.assertIn("made here from models/base: Q8_0 to " + done["best_layout"], done["model"]["origin"])
            self.assertTrue(self.daemon.mlctl("generate", "--model", "fast", "--max-output-tokens", "5", "x").stdout)
            result = self.daemon.mlctl("models", "optimize", "base", "--name", "fast", check=False)
            self.assertNotEqual(result.returncode, 0)
            self.daemon.mlctl("models", "unload", "fast")
            self.daemon.mlctl("models", "remove", "fast")
        self.assertEqual(self.blobs(), before)

    def test_control_c_leaves_nothing_behind(self):
        blobs, names = self.blobs(), self.names()
        process = self.daemon.spawn("models", "optimize", "base")
        self.daemon.wait_for(lambda: "MEASURE" in self.workers() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 130)
        process.stderr.close()
        self.daemon.wait_for(lambda: not self.workers())
        self.daemon.wait_for(lambda: self.blobs() == blobs)
        self.assertEqual(os.listdir(self.daemon.root / "store/partial"), [])
        self.assertEqual(self.names(), names)

    def workers(self):
        """MEASURE for each process of the workbench."""
        found = ""
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)
            except OSError:
                continue
            if "worker-llama-wo" in fields[0] and fields[1].split()[1] == str(self.daemon.process.pid):
                found += "MEASURE"
        return found

    def test_bench(self):
        result = json.loads(self.daemon.mlctl("bench", "tiny-prose", "--repeat", "1", "--concurrency", "1,3",
                                              "--prompt-tokens", "64", "--output-tokens", "16", "--json").stdout)
        self.assertGreater(result["prompt"]["tokens_per_second"], 0)
        self.assertGreater(result["generation"]["tokens_per_second"], 0)
        self.assertEqual([r["clients"] for r in result["concurrency"]], [1, 3])
        self.assertGreater(result["beside_background"]["loaded"]["first_text_seconds"], 0)


if __name__ == "__main__":
    unittest.main()
