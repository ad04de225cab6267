#!/usr/bin/env python3
"""Vocabulary, data preparation and loss curve of the built-in writer's recipe."""

import collections
import io
import lzma
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

TOP = pathlib.Path(__file__).resolve().parents[3]
RECIPE = TOP / "packaging" / "models" / "writer"
sys.path.insert(0, str(RECIPE))
sys.dont_write_bytecode = True

import chart  # noqa: E402
import prepare  # noqa: E402
from configs import CONFIGS  # noqa: E402
from vocabulary import ANSWER, PROOFREAD, WORDS, Vocabulary, learn_merges  # noqa: E402

TEXT = "The teacher teaches the others; they teach there, and the theatre is theirs. It's 10:30, isn't it? " * 3


def make_vocabulary(size=290):
    counts = collections.Counter(WORDS.findall(TEXT))
    return Vocabulary(learn_merges(counts, size))


class VocabularyTest(unittest.TestCase):
    def test_the_commonest_pairs_are_merged_first(self):
        self.assertEqual(learn_merges(collections.Counter({"abab": 5, "abc": 3, "xy": 2}), 256 + 2 + 2),
                         [("a", "b"), ("ab", "ab")])

    def test_any_text_comes_back(self):
        vocabulary = make_vocabulary()
        self.assertEqual(len(vocabulary.tokens), 290)
        self.assertEqual(len(set(vocabulary.tokens)), 290)
        for text in (TEXT, "", " ", "na\u00efve caf\u00e9 \u2014 \u4f60\u597d \U0001f600", "a\n\n b\t_c_ ", PROOFREAD + "x" + ANSWER):
            self.assertEqual(vocabulary.decode(vocabulary.encode(text)), text)
        self.assertLess(len(vocabulary.encode(TEXT)), len(TEXT) / 2)

    def test_marks_of_the_prompt_are_tokens_of_their_own(self):
        vocabulary = make_vocabulary()
        for mark in (PROOFREAD, ANSWER):
            self.assertEqual(len(vocabulary.encode(mark)), 1)
        prompt = vocabulary.encode(PROOFREAD + "The end." + ANSWER)
        self.assertEqual(prompt, vocabulary.encode(PROOFREAD) + vocabulary.encode("The end.") + vocabulary.encode(ANSWER))

    def test_spans_mark_their_words(self):
        vocabulary = make_vocabulary()
        text = "They teach there today."
        ids, marks = vocabulary.encode_marked(text, [(5, 10), (22, 23)])
        self.assertEqual(ids, vocabulary.encode(text))
        self.assertEqual(len(marks), len(ids))
        marked = vocabulary.decode([i for i, m in zip(ids, marks) if m])
        self.assertEqual(marked, " teach.")
        self.assertFalse(any(vocabulary.encode_marked(text, [])[1]))


class PrepareTest(unittest.TestCase):
    def test_prose_is_told_from_the_rest(self):
        self.assertTrue(prepare.is_prose("This is a sentence that somebody wrote, and another one follows it."))
        for text in ("Chapter One", "| a | b | c | d |", "See https://example.org/ for all of it and more.",
                     "ALL CAPITALS ARE A HEADING OF SOME KIND", "1 2 3 4 5 6 7 8 9", "x = {a: 1}; y = foo(b) + 2 * 3",
                     "word " * 500):
            self.assertFalse(prepare.is_prose(text), text)

    def test_sentences(self):
        self.assertEqual(prepare.sentences('He came. "Who?" she asked. It was 3.5 miles.'),
                         ["He came.", '"Who?" she asked.', "It was 3.5 miles."])

    def test_registers_weigh_as_stated(self):
        self.assertEqual(prepare.register("standardebooks/x")[0], "fiction")
        self.assertEqual(prepare.register("openstax/y")[0], "textbook")
        self.assertEqual(prepare.register("GSA/digitalgov.gov")[0], "modern")
        self.assertGreater(prepare.register("python/peps")[1], prepare.register("standardebooks/x")[1])

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not here")
    def test_a_corpus_becomes_data(self):
        with tempfile.TemporaryDirectory() as folder:
            corpus, work = pathlib.Path(folder) / "corpus", pathlib.Path(folder) / "work"
            corpus.mkdir()
            source, titles = random.Random(1), [f"Title {i}" for i in range(300)]
            words = "the people of this town have always known that their river would some day change its way".split()
            lines = []
            for title in titles:
                body = " ".join(" ".join(source.choices(words, k=9)).capitalize() + "." for _ in range(6))
                lines.append(json.dumps({"source": "GSA/x", "title": title, "text": body + "\n\n| a | b |"}))
            subprocess.run(["zstd", "-q", "-o", corpus / "english.jsonl.zst"], input="\n".join(lines).encode(), check=True)
            subprocess.run([sys.executable, "-B", RECIPE / "prepare.py", "--corpus", corpus, "--work", work, "--config",
                            "tiny"], check=True, capture_output=True)
            with lzma.open(work / "data/text.xz", "rt") as file:
                paragraphs = [line.split("\t", 1)[1] for line in file]
            held = (work / "data/held.txt").read_text().splitlines()
            away = sum(map(prepare.is_held_out, titles))
            self.assertEqual(len(paragraphs), len(titles) - away)
            self.assertEqual(len(held), 6 * away)
            self.assertFalse(any(sentence in text for sentence in held for text in paragraphs))
            self.assertFalse(any("|" in text for text in paragraphs))
            Vocabulary.load(work / "data/merges.json").encode(held[0])


class ConfigsTest(unittest.TestCase):
    def test_sizes_are_within_the_aims(self):
        self.assertLess(20e6, CONFIGS["full"].parameters())
        # Eight bits a weight and two bytes for 32 of them.
        self.assertLess(CONFIGS["full"].parameters() * 34 / 32, 45e6)
        for config in CONFIGS.values():
            self.assertEqual(config.width % 32 + config.hidden % 32, 0)
            self.assertEqual(config.heads % config.kv_heads, 0)


class ChartTest(unittest.TestCase):
    def test_it_is_a_picture(self):
        records = [{"minutes": i / 10, "loss": 5 / (i + 1), "held_copy": 1.0, "held_fix": 2.0} for i in range(50)]
        for given in (records, [], [{"minutes": 0, "loss": 1.0}]):
            data = io.BytesIO(chart.draw(given))
            self.assertEqual(data.read(8), b"\x89PNG\r\n\x1a\n")
            pixels = b""
            while True:
                size, kind = struct.unpack(">I4s", data.read(8))
                body = data.read(size)
                self.assertEqual(struct.unpack(">I", data.read(4))[0], zlib.crc32(kind + body))
                if kind == b"IDAT":
                    pixels = zlib.decompress(body)
                if kind == b"IEND":
                    break
            self.assertEqual(len(pixels), chart.HEIGHT * (1 + 3 * chart.WIDTH))


if __name__ == "__main__":
    unittest.main()
