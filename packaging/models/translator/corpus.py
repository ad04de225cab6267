"""The parallel corpus: reading, cleaning, weights by register, and what is held out.

A pair is held out for development by the CRC-32 of its English side (normalised), so that it stays held out however
the corpus grows or is ordered, and its other translations with it.
"""

import collections
import lzma
import pathlib
import re
import zlib

TOP = pathlib.Path(__file__).resolve().parents[3]
CORPUS = TOP.parent / "shared/parallel/en-es.tsv.xz"
EVERYDAY = TOP / "tests/bench/everyday_en_es.tsv"

REGISTERS = {
    "conversation": ("tatoeba",),
    "documentation": ("php-manual", "python-docs", "tensorflow-docs", "electron-docs"),
    "textbooks": ("openstax",),
    "interface": ("godot-ui", "osm-presets", "scratch", "wikipedia-app", "login-gov-app", "ethereum-org-ui"),
    "guides": ("renpy", "vita-min", "login-gov-site", "mozilla-org", "opensource-guide", "ethereum-org",
               "programming-historian"),
    "bible": ("bible-nheb",),
}
REGISTER_OF = {source: register for register, sources in REGISTERS.items() for source in sources}
# How likely a pair of the register is in an epoch. The Bible's language is archaic.
WEIGHTS = {"conversation": 1.0, "documentation": 0.8, "textbooks": 1.0, "interface": 1.0, "guides": 1.0,
           "bible": 0.15}
HELD_OUT_OF = 100
MOST_WORDS, MOST_CHARACTERS = 90, 600
# Of one English side.
MOST_TRANSLATIONS = 4

SPACES = re.compile(r"\s+")
LETTERS = re.compile(r"[^\W\d_]")
WORD = re.compile(r"[^\W\d_]+")
# Words that stand in one of the languages only.
ENGLISH = set("the of and is are was were that this with for from have has not you it be by on which will can they "
              "what there their would should an at or as if".split())
SPANISH = set("el la los las de del y es son que este esta con para por se no una un en su lo como más al hay está "
              "cuando si pero muy sus".split())

Pair = collections.namedtuple("Pair", "register english spanish")


def tidy(text):
    return SPACES.sub(" ", text).strip()


def key(text):
    """What is left of a text when case, marks and white space are of no account."""
    return " ".join(re.findall(r"\w+", text.lower()))


def held_out(english):
    return zlib.crc32(key(english).encode()) % HELD_OUT_OF == 0


def fault(english, spanish):
    """Why a pair is left out; empty: it is good."""
    if not english or not spanish:
        return "empty"
    if max(len(english), len(spanish)) > MOST_CHARACTERS:
        return "long"
    words = len(english.split()), len(spanish.split())
    if max(words) > MOST_WORDS:
        return "long"
    longer, shorter = max(len(english), len(spanish)), min(len(english), len(spanish))
    if longer > 2.2 * shorter + 16:
        return "ratio"
    if len(LETTERS.findall(english)) < 0.5 * len(english.replace(" ", "")):
        return "letters"
    if key(english) == key(spanish) and words[0] > 2:
        return "same"
    if sorted(re.findall(r"\d+", english)) != sorted(re.findall(r"\d+", spanish)) and \
            abs(len(re.findall(r"\d", english)) - len(re.findall(r"\d", spanish))) > 2:
        return "numbers"
    first, second = ([w.lower() for w in WORD.findall(text)] for text in (english, spanish))
    if sum(w in SPANISH for w in first) > sum(w in ENGLISH for w in first) + 1:
        return "language"
    if sum(w in ENGLISH for w in second) > sum(w in SPANISH for w in second) + 1:
        return "language"
    return ""


def read(path=CORPUS):
    """(source, English, Spanish) of every line."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            parts = line.rstrip("\n").split("\t")
            if len(parts) == 3 and parts[0] in REGISTER_OF:
                yield parts[0], tidy(parts[1]), tidy(parts[2])


def everyday(path=EVERYDAY):
    """The everyday sentences: (English, Spanish)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def load(path=CORPUS, only_held_out=False):
    """(pairs for training, held-out pairs, counts of what was left out and why)."""
    test = {key(text) for pair in everyday() for text in pair} if EVERYDAY.exists() else set()
    training, development, dropped = [], [], collections.Counter()
    seen, times = set(), collections.Counter()
    for source, english, spanish in read(path):
        register = REGISTER_OF[source]
        if only_held_out and not held_out(english):
            continue
        why = fault(english, spanish)
        keys = key(english), key(spanish)
        if not why and (keys[0] in test or keys[1] in test):
            why = "everyday"
        if not why and keys in seen:
            why = "twice"
        if not why and times[keys[0]] >= MOST_TRANSLATIONS:
            why = "often"
        if why:
            dropped[why] += 1
            continue
        seen.add(keys)
        times[keys[0]] += 1
        (development if held_out(english) else training).append(Pair(register, english, spanish))
    # The other side must not have been seen either.
    known = {key(pair.spanish) for pair in development}
    kept = [pair for pair in training if key(pair.spanish) not in known]
    dropped["held out in Spanish"] = len(training) - len(kept)
    return kept, development, dropped
