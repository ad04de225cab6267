"""Makes what the copier learns from: a text with slips of the keys, and the text as it was meant."""

import re

# Keys beside each other on a US keyboard.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {}
for row, keys in enumerate(ROWS):
    for at, key in enumerate(keys):
        near = set(keys[max(0, at - 1):at + 2])
        for other in ROWS[max(0, row - 1):row + 2]:
            near.update(other[max(0, at - 1):at + 1])
        NEIGHBOURS[key] = "".join(sorted(near - {key}))

SENTENCE = re.compile(r"[A-Z\"'(][^.!?\n]{8,400}[.!?][\"')]?(?=\s|$)")
WORD = re.compile(r"[A-Za-z]{3,}")


def sentences(text):
    """Sentences of a document, as they stand there, line ends as spaces."""
    return SENTENCE.findall(re.sub(r"\s+", " ", text))


def slip(word, random):
    """`word` with one mistake of typing in it, never in the first letter."""
    at = int(random.integers(1, len(word)))
    kind = random.integers(4)
    if kind == 0 and at + 1 < len(word):
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if kind == 1:
        return word[:at] + word[at + 1:]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    near = NEIGHBOURS.get(word[at].lower(), "e")
    return word[:at] + near[int(random.integers(len(near)))] + word[at + 1:]


def misspell(text, rate, random):
    """`text` with about `rate` of its words misspelled, and how many were."""
    count = 0

    def change(match):
        nonlocal count
        if random.random() >= rate:
            return match.group()
        new = slip(match.group(), random)
        count += new != match.group()
        return new

    return WORD.sub(change, text), count
