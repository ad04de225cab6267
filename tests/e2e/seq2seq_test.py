"""Translating models in ONNX through mlctl: folders that are imported, what they can do, and bad ones."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
TOYS = pathlib.Path(__file__).resolve().parents[2] / "packaging/models/toy-translator"


class Seq2SeqTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD)
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.daemon.mlctl("models", "import", TOYS / "opus-mt-en-toy", "--name", "opus")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def copy(self, model, name):
        return pathlib.Path(shutil.copytree(TOYS / model, self.path / name))

    def refused(self, folder, *words):
        answer = self.daemon.mlctl("models", "import", folder, "--name", "bad", check=False)
        self.assertNotEqual(answer.returncode, 0)
        for word in words:
            self.assertIn(word, answer.stderr)

    def test_a_folder_becomes_a_model(self):
        model = json.loads(self.daemon.mlctl("models", "show", "opus", "--json").stdout)
        self.assertEqual(model["engine"], "onnx")
        self.assertIn("translate:en>qaa", model["capabilities"])
        # Loaded in its sandbox, where the networks are tried.
        self.daemon.mlctl("models", "load", "opus")

    def test_networks_in_a_folder_of_their_own_and_quantized(self):
        top = self.copy("tiny-nllb", "published")
        (top / "onnx").mkdir()
        for file in top.glob("*.onnx"):
            file.rename(top / "onnx" / (file.stem + "_quantized.onnx"))
        self.daemon.mlctl("models", "import", top, "--name", "nllb", "--variant", "quantized")
        model = json.loads(self.daemon.mlctl("models", "show", "nllb", "--json").stdout)
        self.assertIn("translate:fr>*", model["capabilities"])
        self.daemon.mlctl("models", "load", "nllb")
        self.daemon.mlctl("models", "remove", "nllb")
        answer = self.daemon.mlctl("models", "import", top, "--name", "none", "--variant", "fp16", check=False)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("fp16", answer.stderr)

    def test_what_is_missing_is_named(self):
        empty = self.path / "empty"
        empty.mkdir()
        self.refused(empty, "config.json")
        without = self.copy("opus-mt-en-toy", "without")
        (without / "target.spm").unlink()
        self.refused(without, "target.spm")
        for file in without.glob("*.onnx"):
            file.unlink()
        self.refused(without, "encoder_model.onnx")
        other = self.copy("opus-mt-en-toy", "other")
        (other / "config.json").write_text('{"model_type": "whisper"}')
        self.refused(other, "whisper")

    def test_a_broken_network_is_refused_or_fails_to_load_with_words(self):
        broken = self.copy("opus-mt-en-toy", "broken")
        (broken / "encoder_model.onnx").write_bytes((broken / "encoder_model.onnx").read_bytes()[:5000])
        self.refused(broken, "ONNX")
        mixed = self.copy("opus-mt-en-toy", "mixed")
        shutil.copy(TOYS / "tiny-nllb" / "encoder_model.onnx", mixed)
        self.daemon.mlctl("models", "import", mixed, "--name", "mixed")
        answer = self.daemon.mlctl("models", "load", "mixed", check=False)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("do not do their work", answer.stderr)


if __name__ == "__main__":
    unittest.main()
