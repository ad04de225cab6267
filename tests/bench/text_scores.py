"""BLEU and chrF of translations against one reference each, over a whole set of texts.

BLEU is the one of mteval-v13a and sacrebleu's default: its tokens, case kept, one to four words, the lengths' penalty,
"exp" smoothing (each order without a match counts half of the one before). chrF is chrF2: characters without white
space, one to six of them, recall twice as important, precision and recall averaged over the orders.
"""

import collections
import math
import re

ORDERS, CHARACTERS, BETA = 4, 6, 2
# Signs stand alone; full stops and commas except between digits; hyphens behind digits.
RULES = ((re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
         (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
         (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
         (re.compile(r"([0-9])(-)"), r"\1 \2 "))


def words(text):
    for code, sign in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(code, sign)
    text = f" {text} "
    for rule, made in RULES:
        text = rule.sub(made, text)
    return text.split()


def grams(items, order):
    return collections.Counter(tuple(items[i:i + order]) for i in range(len(items) - order + 1))


def bleu(translations, references):
    """0 to 100."""
    matches, totals, made, given = [0] * ORDERS, [0] * ORDERS, 0, 0
    for translation, reference in zip(translations, references, strict=True):
        ours, theirs = words(translation), words(reference)
        made, given = made + len(ours), given + len(theirs)
        for order in range(1, ORDERS + 1):
            mine = grams(ours, order)
            matches[order - 1] += (mine & grams(theirs, order)).total()
            totals[order - 1] += mine.total()
    if not matches[0]:
        return 0.0
    logarithm, smooth = 0.0, 1
    for match, total in zip(matches, totals):
        if not total:
            return 0.0
        if not match:
            smooth *= 2
        logarithm += math.log(match / total if match else 1 / (smooth * total))
    brevity = min(0.0, 1 - given / made)
    return 100 * math.exp(logarithm / ORDERS + brevity)


def chrf(translations, references):
    """0 to 100."""
    matches, ours, theirs = ([0] * CHARACTERS for _ in range(3))
    for translation, reference in zip(translations, references, strict=True):
        mine, other = ("".join(text.split()) for text in (translation, reference))
        for order in range(1, CHARACTERS + 1):
            a, b = grams(mine, order), grams(other, order)
            matches[order - 1] += (a & b).total()
            ours[order - 1] += a.total()
            theirs[order - 1] += b.total()
    used = [i for i in range(CHARACTERS) if ours[i] and theirs[i]]
    if not used:
        return 0.0
    precision = sum(matches[i] / ours[i] for i in used) / len(used)
    recall = sum(matches[i] / theirs[i] for i in used) / len(used)
    if not precision + recall:
        return 0.0
    return 100 * (1 + BETA ** 2) * precision * recall / (BETA ** 2 * precision + recall)
