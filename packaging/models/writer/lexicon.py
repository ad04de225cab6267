"""What the error generator knows of words: which there are, and their forms.

Read from the proofreader's own lists (runtime/engines/text/data), which say how a word is used by a letter:
'v' base form of a verb, 'n' noun, 'j' adjective, 'p' past, 'q' past participle.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parents[2] / "runtime" / "engines" / "text" / "data"
VOWELS = "aeiou"


def with_s(word):
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def with_ending(word, ending):
    """`word` with "ed" or "ing", every way it may be spelled."""
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")):
        return [word[:-1] + ending]
    if word.endswith("y") and word[-2:-1] not in VOWELS and ending == "ed":
        return [word[:-1] + "ied"]
    if len(word) > 2 and word[-1] not in "wxyaeiou" and word[-2] in VOWELS and word[-3] not in VOWELS:
        return [word + word[-1] + ending, word + ending]
    return [word + ending]


def read_groups(path):
    """Lines of a word list: the first phrase, and what stands in its place by mistake."""
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if " > " in line:
            right, wrong = line.split(" > ")
            yield right, [wrong]
        else:
            words = line.split()
            for word in words:
                yield word, [other for other in words if other != word]


class Lexicon:
    """`words`: all of them. `verbs`: form to {"base", "s", "ed", "en", "ing"} of its verb. `nouns`: singular to
    plural and back. `adverbs`: adjective to adverb and back. `confused`: word or two to what is taken for it.
    `misspelled`: word to misspellings."""

    def __init__(self, data=DATA, here=HERE):
        uses = {}
        for line in (data / "words.txt").read_text().splitlines():
            word, _, letters = line.partition(" ")
            uses[word] = letters
        self.words = set(uses)
        self.verbs, self.nouns, self.adverbs = {}, {}, {}
        irregular = {}
        for line in (data / "verbs.txt").read_text().splitlines():
            if line and not line.startswith("#"):
                base, past, participle = line.split()
                irregular[base] = (past.split("/"), participle.split("/"))
        for base in [*irregular, *(w for w, u in uses.items() if "v" in u[1:] and w not in irregular)]:
            if base != "be":
                self._add_verb(base, irregular.get(base))
        for word, letters in uses.items():
            plural = with_s(word)
            if "n" in letters[1:] and len(word) > 2 and plural in uses and not word.endswith("ss"):
                self.nouns.setdefault(word, plural)
                self.nouns.setdefault(plural, word)
            if "j" in letters[1:] and len(word) > 3:
                adverb = word[:-1] + "ily" if word.endswith("y") else word + "ly"
                if adverb in uses:
                    self.adverbs.setdefault(word, adverb)
                    self.adverbs.setdefault(adverb, word)
        self.confused, self.misspelled = {}, {}
        for right, wrong in read_groups(here / "confusables.txt"):
            kept = self.confused.setdefault(right, [])
            kept.extend(w for w in wrong if w not in kept)
        for line in (here / "misspelled.txt").read_text().splitlines():
            if not line.startswith("#"):
                right, *wrong = line.split()
                self.misspelled[right] = wrong

    def _add_verb(self, base, irregular):
        known = lambda candidates: next((c for c in candidates if c in self.words), candidates[-1])
        s = {"have": "has", "do": "does", "go": "goes"}.get(base, with_s(base))
        if base.endswith("ie"):
            ing = base[:-2] + "ying"
        else:
            ing = known(with_ending(base, "ing"))
        pasts, participles = irregular or ([known(with_ending(base, "ed"))],) * 2
        forms = {"base": base, "s": s, "ed": pasts[0], "en": participles[0], "ing": ing}
        if not irregular and (s not in self.words or forms["ed"] not in self.words):
            return  # "will", "must": no verb that is inflected
        for form in (base, s, ing, *pasts, *participles):
            self.verbs.setdefault(form, forms)
