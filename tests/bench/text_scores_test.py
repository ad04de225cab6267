"""BLEU and chrF against what was worked out by hand."""

import math
import unittest

from text_scores import bleu, chrf, words


class WordsTest(unittest.TestCase):
    def test_signs_stand_alone_but_not_in_numbers(self):
        self.assertEqual(words('He said: "1,000.5 (or so)", and-left.'),
                         ["He", "said", ":", '"', "1,000.5", "(", "or", "so", ")", '"', ",", "and-left", "."])
        self.assertEqual(words("in 1990-2000"), ["in", "1990", "-", "2000"])
        self.assertEqual(words("a &amp; b"), ["a", "&", "b"])
        self.assertEqual(words(""), [])


class BleuTest(unittest.TestCase):
    def test_the_same_is_100_and_nothing_in_common_0(self):
        texts = ["The cat sat on the mat.", "Yes, it did."]
        self.assertAlmostEqual(bleu(texts, texts), 100)
        self.assertEqual(bleu(["a b c d"], ["e f g h"]), 0)
        self.assertEqual(bleu([""], ["e f g h"]), 0)

    def test_by_hand(self):
        # Of 5 words 4, of 4 pairs 3, of 3 triples 2, of 2 fours 1; as long as the reference.
        made = bleu(["the cat sat on it"], ["the cat sat on mats"])
        self.assertAlmostEqual(made, 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)

    def test_short_ones_pay(self):
        made = bleu(["the cat sat on"], ["the cat sat on mats today"])
        self.assertAlmostEqual(made, 100 * math.exp(1 - 6 / 4))

    def test_a_word_counts_no_more_often_than_it_stands_there(self):
        # 1 of 4 words; no pairs, triples, fours: 1/2 of 3, 1/4 of 2, 1/8 of 1.
        made = bleu(["the the the the"], ["the cat is here"])
        self.assertAlmostEqual(made, 100 * (1 / 4 * 1 / 6 * 1 / 8 * 1 / 8) ** 0.25)

    def test_counts_are_of_the_whole_set(self):
        made = bleu(["a b c d e", "x"], ["a b c d e", "y"])
        self.assertAlmostEqual(made, 100 * (5 / 6) ** 0.25)


class ChrfTest(unittest.TestCase):
    def test_ends(self):
        self.assertAlmostEqual(chrf(["The cat."], ["The cat."]), 100)
        self.assertAlmostEqual(chrf(["The  c at."], ["The cat."]), 100)
        self.assertEqual(chrf(["abc"], ["xyz"]), 0)
        self.assertEqual(chrf([""], ["xyz"]), 0)

    def test_by_hand(self):
        # Orders 1 and 2 only: of "ab" against "abc" precision 1 and 1, recall 2/3 and 1/2.
        recall = (2 / 3 + 1 / 2) / 2
        self.assertAlmostEqual(chrf(["ab"], ["abc"]), 100 * 5 * recall / (4 + recall))


if __name__ == "__main__":
    unittest.main()
