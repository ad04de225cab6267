"""How a word is misspelled: by the fingers (keys) and by the ear (sounds)."""

import re

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {}
for _row, _keys in enumerate(ROWS):
    for _at, _key in enumerate(_keys):
        _near = set(_keys[max(0, _at - 1):_at + 2])
        if _row > 0:
            _near.update(ROWS[_row - 1][_at:_at + 2])
        if _row < 2:
            _near.update(ROWS[_row + 1][max(0, _at - 1):_at + 1])
        NEIGHBOURS[_key] = sorted(_near - {_key})

# What sounds alike, from the right spelling to the wrong one.
SOUNDS = [(re.compile(pattern), wrong) for pattern, wrong in (
    (r"ie", "ei"), (r"ei", "ie"), (r"ance\b", "ence"), (r"ence\b", "ance"), (r"ant\b", "ent"), (r"ent\b", "ant"),
    (r"able\b", "ible"), (r"ible\b", "able"), (r"ary\b", "ery"), (r"ery\b", "ary"), (r"cede\b", "ceed"),
    (r"ph", "f"), (r"ck", "k"), (r"(?<=[aeiou])k(?=[aeiou])", "ck"), (r"ough\b", "uff"), (r"augh", "auh"),
    (r"\bwh", "w"), (r"\bkn", "n"), (r"\bwr", "r"), (r"mb\b", "m"), (r"sc(?=[ei])", "s"), (r"ce\b", "se"),
    (r"se\b", "ce"), (r"ea", "ee"), (r"ee", "ea"), (r"ou", "u"), (r"tion\b", "sion"), (r"sion\b", "tion"),
    (r"cial", "tial"), (r"tial", "cial"), (r"cious", "tious"), (r"fully\b", "fuly"), (r"ful\b", "full"),
    (r"ally\b", "aly"), (r"ally\b", "ly"), (r"ely\b", "ly"), (r"ey\b", "y"), (r"er\b", "or"), (r"or\b", "er"),
    (r"er\b", "ar"), (r"ar\b", "er"), (r"ied\b", "yed"), (r"ies\b", "ys"), (r"(?<=[bcdfgklmnprstvz])ing\b", "eing"),
    (r"e(?=ment\b)", ""), (r"dge", "ge"), (r"tch", "ch"), (r"ould\b", "oud"), (r"ght", "gt"), (r"qu", "q"),
    (r"mn\b", "m"), (r"ps(?=y)", "s"), (r"x", "ks"), (r"gu(?=[aei])", "g"), (r"ai", "a"), (r"ui", "i"), (r"oa", "o"),
    (r"(?<=[a-z]{2})i(?=[a-z]{2})", "e"), (r"(?<=[a-z]{2})e(?=[a-z]{2})", "i"), (r"(?<=[a-z]{2})a(?=[a-z]{2})", "e"),
    (r"(?<=[a-z]{2})e(?=[a-z]{2})", "a"), (r"(?<=[a-z]{2})o(?=[a-z]{2})", "e"), (r"(?<=[a-z]{2})u(?=[a-z]{2})", "o"),
    (r"y(?=[a-z])", "i"), (r"(?<=[a-z])ious", "ous"), (r"(?<=[a-z])eous", "ous"), (r"que\b", "k"),
)]
DOUBLED = re.compile(r"([bcdfglmnprstz])\1")
SINGLE = re.compile(r"(?<=[aeiou])([bcdfglmnprstz])(?=[aeiou])")


def as_written(pattern, word):
    """`word` in the capitals of `pattern`."""
    if len(pattern) > 1 and pattern.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if pattern[:1].isupper() else word


def by_keys(word, random):
    """One slip of the fingers, rarely in the first letter."""
    at = 0 if random.random() < 0.06 else random.randrange(1, len(word))
    kind = random.random()
    if kind < 0.28 and at + 1 < len(word):  # two letters in the wrong order
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if kind < 0.56:  # one lost
        return word[:at] + word[at + 1:]
    if kind < 0.68:  # one doubled
        return word[:at + 1] + word[at:]
    near = NEIGHBOURS.get(word[at])
    if near is None:
        return word
    key = near[random.randrange(len(near))]
    if kind < 0.88:  # the key beside it
        return word[:at] + key + word[at + 1:]
    return word[:at] + key + word[at:]  # both keys


def by_sound(word, random):
    """One spelling that sounds alike, or a doubled letter too few or too many."""
    if random.random() < 0.3:
        found = DOUBLED.search(word)
        if found:
            return word[:found.start()] + word[found.start() + 1:]
        found = SINGLE.search(word)
        if found:
            return word[:found.end()] + word[found.start():]
    for _ in range(8):
        pattern, wrong = SOUNDS[random.randrange(len(SOUNDS))]
        places = [m for m in pattern.finditer(word) if m.start() > 0 or len(m.group()) > 1]
        if places:
            place = places[random.randrange(len(places))]
            return word[:place.start()] + wrong + word[place.end():]
    return word


def misspell(word, lexicon, random):
    """`word` misspelled so that no other word comes out; None when no way was found."""
    lower = word.lower()
    known = lexicon.misspelled.get(lower)
    for _ in range(4):
        draw = random.random()
        if known and draw < 0.5:
            wrong = known[random.randrange(len(known))]
        elif draw < 0.75 or len(lower) < 5:
            wrong = by_keys(lower, random)
        else:
            wrong = by_sound(lower, random)
        if wrong != lower and len(wrong) > 1 and wrong not in lexicon.words:
            return as_written(word, wrong)
    return None
