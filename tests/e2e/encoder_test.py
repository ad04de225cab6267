"""Encoders of text from folders as they are published, of random weights: answers against NumPy."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402

sys.path.insert(0, str(TOP / "packaging/models"))
import random_encoder  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
TEXTS = ["the cat sat", "ada ran", "the dog sat", "x", "paris " * 20]


def softmax(values):
    e = np.exp(values - values.max())
    return e / e.sum()


class EncoderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.daemon = Daemon(BUILD)
        for kind in random_encoder.KINDS:
            random_encoder.write(cls.root / kind, kind)
            cls.daemon.mlctl("models", "import", cls.root / kind, "--name", kind)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def lines(self, *arguments, texts=TEXTS):
        out = self.daemon.mlctl("language", *arguments, "--json", "--lines", text="\n".join(texts) + "\n").stdout
        return [json.loads(line) for line in out.splitlines()]

    def test_what_they_can_do_is_known_from_their_folders(self):
        def capabilities(name):
            return json.loads(self.daemon.mlctl("models", "show", name, "--json").stdout)["capabilities"]
        self.assertIn("language.embed", capabilities("sentence-encoder"))
        self.assertIn("language.classify-sentiment", capabilities("text-classifier"))
        self.assertIn("language.find-entities", capabilities("token-classifier"))

    def test_vectors(self):
        for text, line in zip(TEXTS, self.lines("embed", "--model", "sentence-encoder"), strict=True):
            np.testing.assert_allclose(line["values"], random_encoder.answer("sentence-encoder", text), atol=1e-5)

    def test_moods(self):
        labels = random_encoder.KINDS["text-classifier"][1]
        for text, line in zip(TEXTS, self.lines("sentiment"), strict=True):
            expected = softmax(random_encoder.answer("text-classifier", text))
            best = max(line["labels"], key=lambda c: c["confidence"])
            self.assertEqual(best["label"], labels[int(expected.argmax())])
            self.assertAlmostEqual(best["confidence"], float(expected.max()), places=4)

    def test_names_lie_in_their_text(self):
        for text, line in zip(TEXTS, self.lines("entities"), strict=True):
            for entity in line["entities"]:
                self.assertEqual(text.encode()[entity["start"]:entity["end"]].decode(), entity["text"])

    def test_a_folder_that_is_not_whole_is_refused(self):
        for missing in ("config.json", "vocab.txt", "model.onnx"):
            folder = self.root / f"without-{missing}"
            random_encoder.write(folder, "sentence-encoder")
            (folder / missing).unlink()
            answer = self.daemon.mlctl("models", "import", folder, "--name", "bad", check=False)
            self.assertNotEqual(answer.returncode, 0)
            self.assertIn(missing, answer.stderr)
        self.assertNotIn("bad", self.daemon.mlctl("models", "list").stdout)

    def test_sentence_transformers_word_on_pooling_is_kept(self):
        folder = self.root / "pooled"
        random_encoder.write(folder, "sentence-encoder")
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling/config.json").write_text('{"pooling_mode_cls_token": true}')
        self.daemon.mlctl("models", "import", folder, "--name", "pooled")
        weights = random_encoder.Weights("sentence-encoder")
        first = np.tanh(weights.table[random_encoder.pieces(TEXTS[0])] @ weights.mix + weights.bias)[0]
        got = self.lines("embed", "--model", "pooled", texts=TEXTS[:1])[0]["values"]
        np.testing.assert_allclose(got, first / np.linalg.norm(first), atol=1e-5)


if __name__ == "__main__":
    unittest.main()
