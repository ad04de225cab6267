"""What the translator's recipe takes from the corpus, and what it holds out."""

import lzma
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "packaging/models/translator"))
import corpus  # noqa: E402


class FaultTest(unittest.TestCase):
    def test_good_pairs_stay(self):
        for pair in (("The house is old.", "La casa es vieja."), ("OK", "OK"), ("Windows XP", "Windows XP"),
                     ("In 1990 there were 3 of them.", "En 1990 había 3 de ellos.")):
            self.assertEqual(corpus.fault(*pair), "", pair)

    def test_what_is_wrong_is_said(self):
        for pair, why in ((("", "x"), "empty"), (("a " * 100, "b"), "long"), (("x" * 700, "y"), "long"),
                          (("Yes.", "Esto es una frase larga que nadie ha dicho en inglés."), "ratio"),
                          (("== 12 -> 34 ==", "== 12 -> 34 =="), "letters"),
                          (("the same three words", "The same three words"), "same"),
                          (("It was in 1990.", "Fue hace mucho."), "numbers"),
                          (("La casa es de los padres", "La casa de los padres es"), "language"),
                          (("The house of the old man", "The old man has the house"), "language")):
            self.assertEqual(corpus.fault(*pair), why, pair)


class LoadTest(unittest.TestCase):
    def load(self, lines, **options):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "corpus.tsv.xz"
            with lzma.open(path, "wt", encoding="utf-8") as file:
                file.writelines(f"{source}\t{english}\t{spanish}\n" for source, english, spanish in lines)
            return corpus.load(path, **options)

    def test_nothing_held_out_is_trained_on(self):
        lines = [("tatoeba", f"I saw {i} of them yesterday.", f"Ayer vi {i} de ellos.") for i in range(1000)]
        lines += [("php-manual", f"I SAW {i} of them, yesterday!", f"Ayer he visto {i} de ellos.") for i in range(1000)]
        training, development, _ = self.load(lines)
        self.assertEqual(len(training) + len(development), 2000)
        self.assertTrue(5 < len(development) < 60)
        self.assertEqual({pair.register for pair in development}, {"conversation", "documentation"})
        held = {corpus.key(pair.english) for pair in development}
        self.assertFalse(held & {corpus.key(pair.english) for pair in training})
        self.assertEqual(self.load(lines, only_held_out=True)[1], development)

    def test_everyday_sentences_and_doubles_are_left_out(self):
        english, spanish = corpus.everyday()[0]
        lines = [("tatoeba", english.upper(), "Esto es otra cosa, y nada más."), ("tatoeba", "This is another thing, and nothing else.", spanish),
                 ("tatoeba", "A house.", "Una casa."), ("tatoeba", "A  house!", "una casa"),
                 ("nobody", "A door.", "Una puerta.")]
        training, development, dropped = self.load(lines)
        self.assertEqual([pair.english for pair in training + development], ["A house."])
        self.assertEqual((dropped["everyday"], dropped["twice"]), (2, 1))

    def test_there_are_200_everyday_sentences(self):
        pairs = corpus.everyday()
        self.assertEqual(len(pairs), 200)
        self.assertTrue(all(len(pair) == 2 and not corpus.fault(*pair) for pair in pairs))
        self.assertEqual(len({corpus.key(english) for english, _ in pairs}), 200)


if __name__ == "__main__":
    unittest.main()
