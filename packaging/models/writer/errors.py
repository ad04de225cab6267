#!/usr/bin/env python3
"""Puts the errors that people make into clean text. Only the standard library is needed.

usage: errors.py [--rate none|light|medium|heavy] [--kind KIND] [--seed 1] < clean text

A text becomes pieces (words, numbers, spaces, marks); an error replaces some of them, none twice. What was
done is told as edits, so that a correction can be compared with it. KINDS has how often each error is made.
"""

import argparse
import random as randomness
import re
import sys
from typing import NamedTuple

from lexicon import VOWELS, Lexicon
from slips import as_written, misspell

PIECE = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:[.,:]\d+)*|\s+|.", re.DOTALL)
# Marks of addresses, paths and code.
CODE = set("/@_#\\<>{}=`~|*[]")

# How many errors a text gets: the share of texts, and the share of words, for every rate.
RATES = {"none": 0.0, "light": 0.03, "medium": 0.08, "heavy": 0.18}
RATE_SHARES = (("none", 0.30), ("light", 0.34), ("medium", 0.26), ("heavy", 0.10))

ARTICLES = {"a", "an", "the"}
PREPOSITIONS = {
    "in": "on at into to of", "on": "in at of to", "at": "in on to", "to": "for at in into", "for": "to of since",
    "of": "from for in", "from": "of by", "with": "by to of", "by": "with from of", "into": "in to",
    "about": "of on for", "during": "while in", "between": "among", "through": "by", "over": "on above",
    "under": "below", "since": "for from", "until": "to by", "against": "to with", "after": "since",
}
PREPOSITIONS = {word: others.split() for word, others in PREPOSITIONS.items()}
AGREEMENT = {
    "is": ["are", "be", "am"], "are": ["is", "be"], "was": ["were"], "were": ["was"], "has": ["have"],
    "have": ["has"], "does": ["do"], "do": ["does"], "am": ["is", "are"], "been": ["being", "be"],
}
DROPPED = set("a an the to of in on at for is are was were be been have has had do does it that and as with by from "
              "not i you we they he she his her its my your their this there will would can could if so than".split())
EXTRA = ("the", "a", "to", "of", "is", "that", "in", "it", "for", "be", "and", "have", "more", "so", "also")


class Edit(NamedTuple):
    """clean[start:end] became corrupted[wrong_start:wrong_end]."""
    start: int
    end: int
    wrong_start: int
    wrong_end: int
    kind: str


class Corrupted(NamedTuple):
    text: str
    edits: list


class Draft:
    """A text while errors are put into it."""

    def __init__(self, text, random, lexicon):
        self.pieces = PIECE.findall(text)
        self.random, self.lexicon = random, lexicon
        count = len(self.pieces)
        self.changes = {}  # first piece: (end, wrong, kind)
        self.taken = bytearray(count)
        # Words; not those of a run without spaces that looks like an address, a path or code.
        words, run, plain = [], [], True
        for at, piece in enumerate(self.pieces):
            if piece[0].isspace():
                words += run if plain else ()
                run, plain = [], True
            elif piece[0].isalpha():
                run.append(at)
            elif piece in CODE:
                plain = False
            elif piece in ".:" and run and at + 1 < count and not self.pieces[at + 1][0].isspace():
                plain = plain and self.pieces[at + 1] in "\"'\u201d\u2019)."
        words += run if plain else ()
        self.words = words

    def lower(self, at):
        return self.pieces[at].lower()

    def next_word(self, at):
        """The word after `at` and one space, or None."""
        if at + 2 < len(self.pieces) and self.pieces[at + 1] == " " and self.pieces[at + 2][0].isalpha():
            return at + 2
        return None

    def word_before(self, at):
        if at >= 2 and self.pieces[at - 1] == " " and self.pieces[at - 2][0].isalpha():
            return at - 2
        return None

    def starts_sentence(self, at):
        while at > 0:
            at -= 1
            piece = self.pieces[at]
            if piece[0].isspace():
                if "\n" in piece:
                    return True
            elif piece in "\"'(\u201c\u2018":
                continue
            else:
                return piece in ".!?"
        return True

    def put(self, at, end, wrong, kind):
        """Pieces [at, end) become `wrong`, unless one of them is taken."""
        if wrong is None or any(self.taken[at:end]) or wrong == "".join(self.pieces[at:end]):
            return False
        self.changes[at] = (end, wrong, kind)
        for i in range(at, end):
            self.taken[i] = 1
        return True

    def word(self, at, wrong, kind):
        return self.put(at, at + 1, as_written(self.pieces[at], wrong), kind)

    def drop(self, at, kind):
        """Takes out a word and the space beside it; a capital goes to the next one."""
        following = self.next_word(at)
        if following is None:
            before = self.word_before(at)
            return before is not None and self.put(at - 1, at + 1, "", kind)
        if self.pieces[at][0].isupper() and self.lower(at) != "i":
            capital = self.pieces[following]
            return self.put(at, following + 1, capital[0].upper() + capital[1:], kind)
        return self.put(at, at + 2, "", kind)

    def finish(self):
        parts, edits, clean, wrong, at = [], [], 0, 0, 0
        while at < len(self.pieces):
            end, text, kind = self.changes.get(at, (at + 1, None, None))
            size = sum(map(len, self.pieces[at:end]))
            if text is None:
                text = self.pieces[at]
            else:
                edits.append(Edit(clean, clean + size, wrong, wrong + len(text), kind))
            parts.append(text)
            clean, wrong, at = clean + size, wrong + len(text), end
        return Corrupted("".join(parts), edits)


# What follows makes one error at the word `at` of the draft `d` and says whether it could.

def spelling(d, at):
    word = d.pieces[at]
    if len(word) < 3 or (word.isupper() and len(word) > 1) or (word[0].isupper() and not d.starts_sentence(at)):
        return False
    return d.word(at, misspell(word, d.lexicon, d.random) or word, "spelling")


def confusable(d, at):
    following = d.next_word(at)
    if following is not None:
        wrong = d.lexicon.confused.get(d.lower(at) + " " + d.lower(following))
        if wrong:
            chosen = wrong[d.random.randrange(len(wrong))]
            return d.put(at, following + 1, as_written(d.pieces[at], chosen), "confusable")
    wrong = d.lexicon.confused.get(d.lower(at).replace("\u2019", "'"))
    if not wrong or (d.lower(at) == "i" and d.random.random() < 0.8):
        return False
    return d.word(at, wrong[d.random.randrange(len(wrong))], "confusable")


def agreement(d, at):
    word = d.lower(at)
    wrong = AGREEMENT.get(word)
    if wrong:
        return d.word(at, wrong[0] if d.random.random() < 0.85 else wrong[-1], "agreement")
    forms = d.lexicon.verbs.get(word)
    if not forms or word not in (forms["base"], forms["s"]) or d.pieces[at][0].isupper():
        return False
    before = d.word_before(at)
    if before is None or d.lower(before) in ARTICLES or d.lower(before) in PREPOSITIONS:
        return False
    return d.word(at, forms["s"] if word == forms["base"] else forms["base"], "agreement")


def tense(d, at):
    word = d.lower(at)
    forms = d.lexicon.verbs.get(word)
    before = d.word_before(at)
    if not forms or before is None or d.lower(before) in ARTICLES:
        return False
    others = [f for f in {forms["base"], forms["ed"], forms["en"], forms["ing"]} if f != word]
    if word == forms["base"] or not others:
        others = [forms["ed"], forms["ing"]]
    return d.word(at, sorted(others)[d.random.randrange(len(others))], "tense")


def number(d, at):
    other = d.lexicon.nouns.get(d.lower(at))
    before = d.word_before(at)
    if not other or before is None or d.pieces[at][0].isupper():
        return False
    return d.word(at, other, "number")


def possessive(d, at):
    word = d.pieces[at]
    for mark in "'\u2019":
        if word.endswith(mark + "s") and len(word) > 3:
            return d.put(at, at + 1, word[:-2] + ("s" if d.random.random() < 0.75 else ""), "possessive")
    if word.endswith("s") and at + 1 < len(d.pieces) and d.pieces[at + 1] in ("'", "\u2019"):
        return d.put(at, at + 2, word[:-1] + "'s" if d.random.random() < 0.5 else word, "possessive")
    if word.endswith("s") and d.lexicon.nouns.get(word.lower()) and len(word) > 4 and word[-3:] != "ies":
        return d.put(at, at + 1, word[:-1] + "'s", "possessive")
    return False


def article(d, at):
    word, draw = d.lower(at), d.random.random()
    following = d.next_word(at)
    if word in ARTICLES:
        if following is None:
            return False
        if word in ("a", "an") and draw < 0.45:
            return d.word(at, "an" if word == "a" else "a", "article")
        if draw < 0.8:
            return d.drop(at, "article")
        return d.word(at, "the" if word != "the" else "an" if d.lower(following)[0] in VOWELS else "a", "article")
    before = d.word_before(at)
    # Before a bare plural or a noun after a preposition.
    if (draw < 0.12 and before is not None and d.pieces[at][0].islower() and d.lower(before) in PREPOSITIONS and
            d.lexicon.nouns.get(word)):
        extra = "a" if word[-1] != "s" and d.random.random() < 0.3 and word[0] not in VOWELS else "the"
        return d.put(at, at + 1, extra + " " + word, "article")
    return False


def preposition(d, at):
    others = PREPOSITIONS.get(d.lower(at))
    if not others:
        return False
    if d.random.random() < 0.2:
        return d.pieces[at][0].islower() and d.drop(at, "preposition")
    return d.word(at, others[d.random.randrange(len(others))], "preposition")


def adverb(d, at):
    other = d.lexicon.adverbs.get(d.lower(at))
    return bool(other) and d.word_before(at) is not None and d.word(at, other, "adverb")


def comparative(d, at):
    word = d.lower(at)
    base = {"better": "good", "worse": "bad", "more": "much"}.get(word)
    if word in ("better", "worse", "easier", "faster", "bigger", "larger", "higher", "smaller", "older", "lower"):
        wrong = "more " + (base if base and d.random.random() < 0.3 else word)
        return d.put(at, at + 1, as_written(d.pieces[at], wrong), "comparative")
    if word in ("best", "worst", "easiest", "largest", "biggest", "highest", "oldest"):
        return d.put(at, at + 1, "most " + word, "comparative")
    return False


def missing_word(d, at):
    word = d.lower(at)
    if word not in DROPPED and d.random.random() > 0.03:
        return False
    return d.drop(at, "missing word")


def repeated_word(d, at):
    word = d.pieces[at]
    if d.lower(at) not in DROPPED and d.random.random() > 0.15:
        return False
    return d.put(at, at + 1, word + " " + word.lower() if word != "I" else "I I", "repeated word")


def extra_word(d, at):
    if d.starts_sentence(at) or d.lower(at) in DROPPED:
        return False
    return d.put(at, at + 1, EXTRA[d.random.randrange(len(EXTRA))] + " " + d.pieces[at], "extra word")


def word_order(d, at):
    following = d.next_word(at)
    if following is None or d.pieces[at][0].isupper() or d.pieces[following][0].isupper():
        return False
    if d.lower(at) == d.lower(following):
        return False
    # "the well-known", "his parents' house": what is joined is not moved.
    if at and d.pieces[at - 1] != " " or d.pieces[following + 1:following + 2] in (["'"], ["\u2019"], ["-"]):
        return False
    return d.put(at, following + 1, d.pieces[following] + " " + d.pieces[at], "word order")


def capital(d, at):
    word = d.pieces[at]
    if word == "I" or word.startswith(("I'", "I\u2019")):
        return d.put(at, at + 1, "i" + word[1:], "capital")
    if word[0].isupper() and not word.isupper():
        return d.put(at, at + 1, word[0].lower() + word[1:], "capital")
    if len(word) > 3 and word.islower() and d.random.random() < 0.1:
        return d.put(at, at + 1, word.upper() if d.random.random() < 0.05 else word.capitalize(), "capital")
    return False


def run_on(d, at):
    """This sentence begins without an end of the one before."""
    if at < 2 or d.pieces[at - 1] != " " or d.pieces[at - 2] not in (".", ";") or not d.pieces[at][0].isupper():
        return False
    word = d.pieces[at]
    if word != "I" and not word.startswith("I'"):
        word = word[0].lower() + word[1:]
    joint = d.random.random()
    return d.put(at - 2, at + 1, (", " if joint < 0.5 else " ") + word, "run-on")


def comma(d, at):
    """A comma after this word is lost, or comes."""
    after = at + 1
    if after < len(d.pieces) and d.pieces[after] == ",":
        if d.random.random() < 0.06:
            return d.put(after, after + 1, ";" if d.random.random() < 0.5 else ".", "comma")
        return d.put(after, after + 1, "", "comma")
    if d.next_word(at) is None or d.random.random() > 0.04:
        return False
    return d.put(after, after + 1, ", ", "comma")


def end_mark(d, at):
    """The end of a sentence after this word is lost, or is another."""
    after = at + 1
    if after >= len(d.pieces) or d.pieces[after] not in ".?!":
        return False
    last = after + 1 == len(d.pieces)
    if d.pieces[after] == "?":
        return d.put(after, after + 1, "." if d.random.random() < 0.6 else "" if last else ",", "end mark")
    if last:
        return d.put(after, after + 1, "" if d.random.random() < 0.9 else "..", "end mark")
    return d.random.random() < 0.3 and d.put(after, after + 1, "..", "end mark")


def apostrophe(d, at):
    word = d.pieces[at]
    found = max(word.find("'"), word.find("\u2019"))
    if found < 1 or word[found + 1:] == "s" and d.random.random() < 0.5:
        return False
    if d.random.random() < 0.8:
        return d.put(at, at + 1, word[:found] + word[found + 1:], "apostrophe")
    if word.lower().endswith("n't"):
        return d.put(at, at + 1, word[:found - 1] + "'n" + word[found + 1:], "apostrophe")
    return d.put(at, at + 1, word[:found] + " " + word[found:], "apostrophe")


def hyphen(d, at):
    if at + 2 < len(d.pieces) and d.pieces[at + 1] == "-" and d.pieces[at + 2][0].isalpha():
        return d.put(at + 1, at + 2, " " if d.random.random() < 0.7 else "", "hyphen")
    following = d.next_word(at)
    if following is None or d.random.random() > 0.01 or d.pieces[following][0].isupper():
        return False
    return d.put(at + 1, at + 2, "-", "hyphen")


def spacing(d, at):
    word, draw = d.pieces[at], d.random.random()
    following = d.next_word(at)
    if draw < 0.3 and following is not None and d.pieces[following].islower():
        joined = d.lower(at) + d.lower(following)
        return joined not in d.lexicon.words and d.put(at + 1, at + 2, "", "spacing")
    if draw < 0.5 and len(word) > 5 and word.islower():
        at_letter = d.random.randrange(2, len(word) - 2)
        return d.put(at, at + 1, word[:at_letter] + " " + word[at_letter:], "spacing")
    if draw < 0.75 and following is not None:
        return d.put(at + 1, at + 2, "  ", "spacing")
    if at + 2 < len(d.pieces) and d.pieces[at + 1] in ",;" and d.pieces[at + 2] == " ":
        mark = d.pieces[at + 1]
        return d.put(at + 1, at + 3, " " + mark if d.random.random() < 0.3 else " " + mark + " " if
                     d.random.random() < 0.4 else mark, "spacing")
    return False


# Of all errors, in thousandths. Shares follow what people who write fast and people who learn the language do:
# spelling leads, then confusions, small words and marks.
KINDS = {
    "spelling": (230, spelling), "confusable": (125, confusable), "agreement": (85, agreement), "tense": (55, tense),
    "number": (55, number), "possessive": (30, possessive), "article": (80, article),
    "preposition": (55, preposition), "adverb": (20, adverb), "comparative": (10, comparative),
    "missing word": (40, missing_word), "repeated word": (15, repeated_word), "extra word": (15, extra_word),
    "word order": (15, word_order), "capital": (50, capital), "run-on": (25, run_on), "comma": (30, comma),
    "end mark": (20, end_mark), "apostrophe": (25, apostrophe), "hyphen": (10, hyphen), "spacing": (10, spacing),
}
# Errors that happen with few words only are looked for at more places.
TRIES = 20
RARE_TRIES = 80
RARE = {"agreement", "possessive", "preposition", "comparative", "run-on", "end mark", "apostrophe", "hyphen", "comma",
        "adverb", "capital"}


class ErrorMaker:
    """Not thread-safe only as far as the `random` given to it is not."""

    def __init__(self, lexicon=None):
        self.lexicon = lexicon or Lexicon()
        self.names = list(KINDS)
        self.weights = [KINDS[name][0] for name in self.names]

    def corrupt(self, text, random, rate=None, kinds=None, count=None):
        """`text` with errors. `rate`: a name of RATES, else one is drawn as RATE_SHARES says. `kinds`: only these.
        `count`: this many, instead of a share of the words. Fewer where the text has no place for them."""
        if rate is None:
            names, shares = zip(*RATE_SHARES)
            rate = random.choices(names, shares)[0]
        if count is None and RATES[rate] == 0:
            return Corrupted(text, [])
        draft = Draft(text, random, self.lexicon)
        if not draft.words:
            return Corrupted(text, [])
        if count is None:
            expected = RATES[rate] * len(draft.words)
            # At least one: that a text has none is said by the rate.
            count = max(1, int(expected + random.random()))
        names, weights = self.names, self.weights
        if kinds is not None:
            names = list(kinds)
            weights = [KINDS[name][0] for name in names]
        # What finds no place in a short text is made up for by another.
        for name in random.choices(names, weights, k=count + 8):
            if len(draft.changes) >= count:
                break
            make = KINDS[name][1]
            for _ in range(RARE_TRIES if name in RARE or kinds is not None else TRIES):
                at = draft.words[random.randrange(len(draft.words))]
                if not draft.taken[at] and make(draft, at):
                    break
        return draft.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", choices=RATES)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    maker, random = ErrorMaker(), randomness.Random(arguments.seed)
    for line in sys.stdin:
        made = maker.corrupt(line.rstrip("\n"), random, arguments.rate, [arguments.kind] if arguments.kind else None)
        print(made.text, "\t", ", ".join(edit.kind for edit in made.edits))


if __name__ == "__main__":
    main()
