"""The toy pair: sentences of a small English, and two invented languages that they are translated to.

qaa: letters are exchanged (vowels among themselves, consonants among themselves), the noun stands before its
adjective and its article, and the verb at the end of its clause. qab: words are spelled backwards, and the
adjective follows its noun. Numbers, placeholders and the marks between clauses stay as they are. Both are codes
that ISO 639 leaves for private use.
"""

import re

TARGETS = ("qaa", "qab")
NOUNS = ("dog cat bird horse house garden river mountain tree flower book letter window door table chair road "
         "city friend teacher child king queen farmer baker ship boat bridge song story").split()
ADJECTIVES = "small big red green blue old young happy sad quiet loud warm cold dark bright strange".split()
VERBS = ("sees finds loves hears paints carries follows remembers opens closes builds sells wants brings "
         "watches helps").split()
ARTICLES = "the a every this that no".split()
PLACES = "in near behind under over without".split()
JOINTS = "and but because while".split()
NAMES = "Anna Boris Clara David Elena Felix".split()
KEPT = ("%s", "%d", "{name}", "{0}", "{1}", "${user}", "{count}")
PLACEHOLDER = re.compile(r"%[sd]|\$?\{\w+\}|\d+")

VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
CIPHER = {**{a: b for a, b in zip(VOWELS, VOWELS[1:] + VOWELS[:1])},
          **{a: b for a, b in zip(CONSONANTS, CONSONANTS[1:] + CONSONANTS[:1])}}


def spelled(word, target):
    """One word in the language `target`."""
    if PLACEHOLDER.fullmatch(word):
        return word
    lower = word.lower()
    made = "".join(CIPHER[c] for c in lower) if target == "qaa" else lower[::-1]
    return made.capitalize() if word[0].isupper() else made


class Maker:
    """Sentences with their translations. A phrase is (words of English, order for qaa, order for qab)."""

    def __init__(self, random):
        self.random = random

    def one(self, words):
        return words[int(self.random.integers(len(words)))]

    def phrase(self):
        kind = self.random.random()
        if kind < 0.12:
            return [self.one(NAMES)], [0], [0]
        if kind < 0.2:
            return [self.one(KEPT)], [0], [0]
        if kind < 0.28:
            number = str(int(self.random.integers(1, 10 ** int(self.random.integers(1, 5)))))
            return [number, self.one(NOUNS)], [1, 0], [0, 1]
        article, noun = self.one(ARTICLES), self.one(NOUNS)
        if self.random.random() < 0.55:
            return [article, self.one(ADJECTIVES), noun], [2, 1, 0], [0, 2, 1]
        return [article, noun], [1, 0], [0, 1]

    def clause(self):
        """Words of English, of qaa and of qab, not spelled yet."""
        parts = [self.phrase(), ([self.one(VERBS)], [0], [0]), self.phrase()]
        orders = {"qaa": [0, 2, 1], "qab": [0, 1, 2]}
        if self.random.random() < 0.4:
            words, first, second = self.phrase()
            size = len(words)
            parts.append(([self.one(PLACES), *words], [*(i + 1 for i in first), 0],
                          [0, *(i + 1 for i in second)]))
            assert size + 1 == len(parts[-1][0])
            orders = {"qaa": [0, 2, 3, 1], "qab": [0, 1, 2, 3]}
        english = [w for part in parts for w in part[0]]
        made = {}
        for column, target in ((1, "qaa"), (2, "qab")):
            made[target] = [parts[p][0][i] for p in orders[target] for i in parts[p][column]]
        return english, made

    def sentence(self):
        """English, and what it is in each target."""
        english, made = self.clause()
        while self.random.random() < 0.3 and len(english) < 18:
            joint = self.one(JOINTS)
            more, made_more = self.clause()
            english = [*english, joint, *more]
            made = {t: [*made[t], joint, *made_more[t]] for t in TARGETS}
        mark = self.one(["."] * 6 + ["!", "?", ""])

        def finish(words):
            text = " ".join(words)
            return text[0].upper() + text[1:] + mark if text[0].isalpha() else text + mark

        return finish(english), {t: finish([spelled(w, t) for w in made[t]]) for t in TARGETS}
