"""Sentences, vectors and languages through mlctl, with the real engines."""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]


class LanguageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.daemon = Daemon(BUILD)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def language(self, *arguments, **options):
        return self.daemon.mlctl("language", *arguments, **options)

    def json_lines(self, *arguments, **options):
        return [json.loads(line) for line in self.language(*arguments, "--json", **options).stdout.splitlines()]

    def test_sentences_words_and_characters(self):
        text = "Mr. Smith left. „Wirklich?“ 猫が寝た。"
        self.assertEqual(self.language("segment", "--language", "en", text=text).stdout,
                         "Mr. Smith left.\n„Wirklich?“\n猫が寝た。\n")
        words = self.language("segment", "--unit", "word", "--text", "Don't panic, ok?").stdout.split("\n")
        self.assertEqual(words, ["Don't", "panic", "ok", ""])
        answer = self.json_lines("segment", "--unit", "character", "--text", "e\u0301👩‍👩‍👧")
        self.assertEqual([(s["start"], s["end"]) for s in answer[0]["segments"]], [(0, 3), (3, 21)])

    def test_each_line_is_a_text(self):
        answer = self.json_lines("segment", "--lines", text="One. Two.\n\nThree.\r\n")
        self.assertEqual([len(line["segments"]) for line in answer], [2, 1])
        self.assertEqual(answer[1]["input"], "standard input:3")

    def test_more_texts_than_a_request_takes(self):
        text = "".join(f"Line {i}.\n" for i in range(3000))
        self.assertEqual(len(self.json_lines("segment", "--lines", text=text)), 3000)

    def test_as_many_words_as_there_may_be(self):
        for unit, text, count in (("character", "x" * 1_000_000, 1_000_000), ("word", "a " * 500_000, 500_000),
                                  ("sentence", "A b. " * 200_000, 200_000)):
            result = self.language("segment", "--unit", unit, text=text)
            self.assertEqual(result.stdout.count("\n"), count)

    def test_languages(self):
        def detect(*arguments, **options):
            return self.daemon.mlctl("detect", *arguments, **options).stdout
        if "does not know the call" in self.daemon.mlctl("detect", "--text", "a", check=False).stderr:
            self.skipTest("this daemon is built without TranslationService")
        answer = [json.loads(line) for line in detect(
            "--json", "--lines", text="Guten Morgen\n今日は晴れです\nдякую\n12345\n").splitlines()]
        self.assertEqual([a["candidates"][0]["language_code"] for a in answer[:3]], ["de", "ja", "uk"])
        self.assertEqual([a["candidates"][0]["script"] for a in answer[:3]], ["Latn", "Jpan", "Cyrl"])
        self.assertEqual(answer[3]["candidates"], [])
        self.assertTrue(answer[3]["unreliable"])
        self.assertIn("de (Latn)", detect("--text", "Wo ist der Bahnhof?"))
        one = json.loads(detect("--json", "-n", "1", "--text", "perhaps so"))
        self.assertEqual(len(one["candidates"]), 1)
        long = self.root / "long.txt"
        long.write_text("Le chat dort sur le canapé pendant que la pluie tombe. " * 20_000)
        self.assertTrue(detect(long).startswith("fr (Latn)"))
        self.assertEqual(len(detect("--lines", text="word\n" * 3000).splitlines()), 3000)

    def test_what_has_no_model_says_what_is_missing(self):
        for command in (["sentiment"], ["entities"]):
            result = self.language(*command, "--text", "What a lovely day in Paris!", check=False)
            self.assertEqual(result.returncode, 4)
            self.assertIn("model", result.stderr)
            error = json.loads(self.language(*command, "--json", "--text", "Hi", check=False).stderr)
            self.assertIn("NO_CAPABLE_MODEL", json.dumps(error))
        result = self.language("classify", "--text", "Hi", check=False)
        self.assertEqual(result.returncode, 2)

    def test_vectors_of_an_imported_model(self):
        model = self.root / "bert.gguf"
        subprocess.run([sys.executable, TOP / "packaging/models/random_bert.py", model], check=True)
        self.daemon.mlctl("models", "import", model, "--name", "bert")
        shown = json.loads(self.daemon.mlctl("models", "show", "bert", "--json").stdout)
        self.assertIn("language.embed", shown["capabilities"])
        self.assertNotIn("language.generate", shown["capabilities"])
        vectors = self.json_lines("embed", "--text", "a cat", "--text", "a dog", "--text", "a cat")
        self.assertEqual([len(v["values"]) for v in vectors], [64, 64, 64])
        for vector in vectors:
            self.assertAlmostEqual(math.hypot(*vector["values"]), 1, places=4)
        self.assertAlmostEqual(sum(a * b for a, b in zip(vectors[0]["values"], vectors[2]["values"])), 1, places=4)
        self.assertLess(sum(a * b for a, b in zip(vectors[0]["values"], vectors[1]["values"])), 0.9999)
        few = self.json_lines("embed", "--dimensions", "4", "--text", "a cat")
        self.assertAlmostEqual(math.hypot(*few[0]["values"]), 1, places=4)
        ranked = self.json_lines("embed", "--similar-to", "a dog", "--lines", text="some birds\na dog\na cat\n")
        self.assertEqual(ranked[0]["input"], "standard input:2")
        self.assertEqual(len(self.json_lines("embed", "--lines", text="word\n" * 1500)), 1500)
        long = self.language("embed", "--text", "ab " * 500, check=False)
        self.assertEqual(long.returncode, 4)
        self.assertIn("502 tokens", long.stderr)

    def test_bad_input(self):
        for arguments, text in ((["segment"], " \n "), (["segment"], "")):
            self.assertNotEqual(self.language(*arguments, text=text, check=False).returncode, 0)
        bad = self.root / "bad.txt"
        bad.write_bytes(b"good \xff bad")
        self.assertEqual(self.language("segment", bad, check=False).returncode, 7)
        self.assertEqual(self.language("segment", self.root / "absent", check=False).returncode, 7)
        self.assertEqual(self.language("segment", "--language", "not a tag!", "--text", "a", check=False).returncode, 4)
        large = self.root / "large.txt"
        large.write_text("No end of it. " * 400_000)
        self.assertEqual(self.language("segment", large, check=False).returncode, 4)
        strange = "\u202eabc\u202c \u200b\u2066def\u2069. 😀."
        self.assertTrue(self.language("segment", "--text", strange).stdout)


if __name__ == "__main__":
    unittest.main()
