#!/usr/bin/env python3
"""The error generator that the built-in writer learns from."""

import collections
import pathlib
import random
import re
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "packaging" / "models" / "writer"))
sys.dont_write_bytecode = True

from errors import KINDS, RATES, RATE_SHARES, ErrorMaker  # noqa: E402
from slips import misspell  # noqa: E402

TEXTS = (
    "The committee has decided that every application should be reviewed before the end of the month.",
    "I don't think they're going to accept our advice. We should have asked the teacher's friend in Paris.",
    "She writes better than most of the students, but her brother's work is the best in the school.",
    "When the weather was fine, the children walked quickly through the well-known park, and they saw many birds.",
    "Is there anything else that you would like to know? The office opens at nine, and it closes at five.",
    "He goes to the library on Mondays because it's quiet there; his parents' house is always full of visitors.",
    "It is a pleasure to see you again. An old friend of mine was talking about the affects and effects of sleep.",
    "These cities were built by farmers who knew how to use the water. Their houses are larger than ours.",
)


def many(maker, texts=4000, **options):
    source = random.Random(7)
    for i in range(texts):
        text = TEXTS[i % len(TEXTS)]
        yield text, maker.corrupt(text, source, **options)


class ErrorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.maker = ErrorMaker()

    def check_edits(self, text, made):
        """The edits, undone, give the clean text back."""
        clean, last, last_wrong = "", 0, 0
        for edit in made.edits:
            self.assertGreaterEqual(edit.start, last)
            self.assertGreaterEqual(edit.wrong_start, last_wrong)
            self.assertNotEqual(text[edit.start:edit.end], made.text[edit.wrong_start:edit.wrong_end], edit)
            clean += made.text[last_wrong:edit.wrong_start] + text[edit.start:edit.end]
            last, last_wrong = edit.end, edit.wrong_end
        self.assertEqual(clean + made.text[last_wrong:], text)
        self.assertEqual(bool(made.edits), made.text != text)

    def test_edits_undo_the_errors(self):
        for text, made in many(self.maker):
            self.check_edits(text, made)
        for text, made in many(self.maker, 800, rate="heavy"):
            self.check_edits(text, made)
            self.assertTrue(made.edits)

    def test_same_seed_gives_the_same_errors(self):
        one, other = random.Random(3), random.Random(3)
        for text in TEXTS * 5:
            self.assertEqual(self.maker.corrupt(text, one), self.maker.corrupt(text, other))

    def test_every_kind_is_made_and_looks_like_itself(self):
        words = lambda text: re.findall(r"[\w'-]+", text.lower())
        for kind in KINDS:
            seen = 0
            for text, made in many(self.maker, 400, kinds=[kind], count=1):
                self.check_edits(text, made)
                if not made.edits:
                    continue
                seen += 1
                self.assertEqual([edit.kind for edit in made.edits], [kind])
                edit = made.edits[0]
                right, wrong = text[edit.start:edit.end], made.text[edit.wrong_start:edit.wrong_end]
                if kind == "spelling":
                    self.assertNotIn(wrong.lower(), self.maker.lexicon.words)
                    self.assertEqual(right[0].isupper(), wrong[0].isupper())
                elif kind == "capital":
                    self.assertEqual(right.lower(), wrong.lower())
                elif kind == "word order":
                    self.assertEqual(sorted(words(text)), sorted(words(made.text)))
                elif kind == "article":
                    spare = collections.Counter(words(text))
                    spare.subtract(words(made.text))
                    self.assertLessEqual({word for word, n in spare.items() if n}, {"a", "an", "the"})
                elif kind == "repeated word":
                    first, second = wrong.lower().split()
                    self.assertEqual(first, second)
                elif kind == "missing word":
                    self.assertEqual(len(words(made.text)), len(words(text)) - 1)
                elif kind == "extra word":
                    self.assertEqual(len(words(made.text)), len(words(text)) + 1)
                elif kind == "run-on":
                    self.assertRegex(right, r"^[.;] ")
                    self.assertNotRegex(wrong, r"^[.;]")
                elif kind in ("comma", "end mark", "hyphen", "spacing", "apostrophe"):
                    letters = lambda text: re.sub(r"[^a-z]", "", text.lower())
                    self.assertEqual(letters(right), letters(wrong))
                elif kind == "tense":
                    self.assertIn(wrong.lower(), self.maker.lexicon.verbs[right.lower()].values())
                elif kind == "number":
                    self.assertEqual(self.maker.lexicon.nouns[wrong.lower()], right.lower())
            self.assertGreater(seen, 20, kind)

    def test_rates_are_as_stated(self):
        self.assertAlmostEqual(sum(share for _, share in RATE_SHARES), 1)
        clean = sum(not made.edits for _, made in many(self.maker))
        self.assertAlmostEqual(clean / 4000, dict(RATE_SHARES)["none"], delta=0.05)
        last = 0
        for rate in ("light", "medium", "heavy"):
            edits = words = 0
            for text, made in many(self.maker, 800, rate=rate):
                edits += len(made.edits)
                words += len(text.split())
            self.assertGreater(edits / words, last)
            # A text has one error at least, which is more than "light" asks of a short one.
            self.assertLess(edits / words, RATES[rate] * 1.3 + 0.05)
            last = edits / words
        self.assertFalse(any(made.edits for _, made in many(self.maker, 100, rate="none")))

    def test_shares_of_kinds_are_near_what_is_stated(self):
        self.assertEqual(sum(weight for weight, _ in KINDS.values()), 1000)
        counts = collections.Counter(e.kind for _, made in many(self.maker, rate="medium") for e in made.edits)
        total = sum(counts.values())
        for kind, (weight, _) in KINDS.items():
            self.assertGreater(counts[kind] / total, weight / 1000 / 4, kind)
            self.assertLess(counts[kind] / total, weight / 1000 * 2.5 + 0.01, kind)

    def test_addresses_and_code_stay(self):
        text = "Read https://example.org/their/notes and call the_parser() in main.cc or write to anna@example.org."
        source = random.Random(5)
        for _ in range(500):
            made = self.maker.corrupt(text, source, rate="heavy", kinds=["spelling", "confusable", "capital"])
            for kept in ("https://example.org/their/notes", "the_parser()", "anna@example.org"):
                self.assertIn(kept, made.text)

    def test_what_is_no_english_prose_does_no_harm(self):
        source = random.Random(5)
        for text in ("", " ", "\n\n\n", "...", "42", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u4f60\u597d", "\U0001f600", "a", "I",
                     "| a | b |\n|---|---|\n", "ALL CAPITALS HERE", "\0", "x" * 5000, "caf\u00e9 na\u00efve"):
            for _ in range(50):
                self.check_edits(text, self.maker.corrupt(text, source, rate="heavy"))

    def test_long_texts(self):
        text = " ".join(TEXTS * 90)
        self.assertGreater(len(text.split()), 10000)
        made = self.maker.corrupt(text, random.Random(1), rate="heavy")
        self.check_edits(text, made)
        self.assertGreater(len(made.edits), 1000)

    def test_word_lists(self):
        confused, pairs = self.maker.lexicon.confused, 0
        for right, wrong in confused.items():
            self.assertNotIn(right, wrong)
            self.assertEqual(len(wrong), len(set(wrong)), right)
            pairs += len(wrong)
        self.assertGreater(pairs, 600)
        for pair in (("their", "there"), ("its", "it's"), ("then", "than"), ("loose", "lose"), ("affect", "effect")):
            self.assertIn(pair[0], confused[pair[1]])
            self.assertIn(pair[1], confused[pair[0]])
        for right, wrong in self.maker.lexicon.misspelled.items():
            self.assertNotIn(right, wrong)
        self.assertEqual(self.maker.lexicon.verbs["went"]["en"], "gone")
        self.assertEqual(self.maker.lexicon.nouns["cities"], "city")

    def test_a_misspelling_is_no_word(self):
        source, lexicon = random.Random(2), self.maker.lexicon
        for word in ("receive", "Government", "there", "form", "able", "THE"):
            for _ in range(200):
                wrong = misspell(word, lexicon, source)
                if wrong is not None:
                    self.assertNotIn(wrong.lower(), lexicon.words)
                    self.assertEqual(word[0].isupper(), wrong[0].isupper())


if __name__ == "__main__":
    unittest.main()
