"""Rows of tokens to train on, ever new: texts with fresh errors and as they should be, packed one after another.

A row is uint16 tokens; beside it the weight of each token as an answer: 0 what is given, 1 what is copied, more what
is corrected.
"""

import lzma
import multiprocessing
import random as randomness

import numpy as np

from errors import ErrorMaker
from prepare import sentences
from vocabulary import ANSWER, BOS, EOS, PROOFREAD, Vocabulary

# A correction weighs more than a word copied: there are twenty of those for each.
CORRECTION_WEIGHT = 4
STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def load_texts(path):
    """Lists of sentences and how often each is to be taken."""
    texts, weights = [], []
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            weight, paragraph = line.rstrip("\n").split("\t", 1)
            texts.append(paragraph)
            weights.append(float(weight))
    return texts, weights


class Feed:
    def __init__(self, texts, weights, vocabulary, config, seed):
        self.texts, self.vocabulary, self.config = texts, vocabulary, config
        self.cumulative = np.cumsum(weights)
        self.random = randomness.Random(seed)
        self.maker = ErrorMaker()
        # Of rows: those of plain text, on which the language is learned.
        self.plain_share = 0.0
        # Longest texts now; short ones first.
        self.most_words = config.words
        self.prefix, self.middle = [BOS, *vocabulary.encode(PROOFREAD)], vocabulary.encode(ANSWER)
        self.waiting = []

    def paragraph(self):
        return self.texts[int(np.searchsorted(self.cumulative, self.random.random() * self.cumulative[-1]))]

    def text(self):
        """One to a few consecutive sentences, sometimes without what ends them, as people write."""
        random = self.random
        while True:
            parts = sentences(self.paragraph())
            at = random.randrange(len(parts))
            taken, words = [], 0
            for sentence in parts[at:at + (1 if random.random() < 0.45 else 6)]:
                count = sentence.count(" ") + 1
                if taken and words + count > self.most_words:
                    break
                taken.append(sentence)
                words += count
            if words <= 1.5 * self.most_words:
                break
        text = " ".join(taken)
        if random.random() < 0.75:
            text = text.translate(STRAIGHT)
        style = random.random()
        if len(taken) == 1 and style < 0.06 and text[-1] == ".":
            text = text[:-1]  # a heading, a note
        elif style < 0.09 and text[1:2].islower():
            text = text[0].lower() + text[1:]  # continues something
        return text

    def example(self):
        """Tokens and their weights as answers."""
        if self.random.random() < self.plain_share:
            ids = [BOS, *self.vocabulary.encode(self.paragraph()), EOS]
            return ids, bytes([0] + [1] * (len(ids) - 1))
        text = self.text()
        made = self.maker.corrupt(text, self.random)
        given = self.vocabulary.encode(made.text)
        meant, marks = self.vocabulary.encode_marked(text, [(e.start, e.end) for e in made.edits])
        start = self.prefix + given + self.middle
        weights = bytes(len(start)) + bytes(CORRECTION_WEIGHT if m else 1 for m in marks) + b"\1"
        return start + meant + [EOS], weights

    def row(self):
        """Examples one after another; one that does not fit into the row is kept for the next ones."""
        size = self.config.row + 1
        ids, weights = [], b""
        while len(ids) < size:
            if self.waiting and len(self.waiting[-1][0]) <= size - len(ids):
                more, weight = self.waiting.pop()
            else:
                more, weight = self.example()
                if len(more) > size - len(ids):
                    if len(more) <= size and len(self.waiting) < 8:
                        self.waiting.append((more, weight))
                        continue
                    # Cut: the end of a row that nothing fits into.
            ids += more
            weights += weight
        return ids[:size], weights[:size]

    def rows(self, count):
        made = [self.row() for _ in range(count)]
        return np.array([r[0] for r in made], np.uint16), np.array([list(r[1]) for r in made], np.uint8)


def produce(queue, paths, config, seed, settings):
    texts, weights = load_texts(paths / "text.xz")
    feed = Feed(texts, weights, Vocabulary.load(paths / "merges.json"), config, seed)
    while True:
        feed.plain_share, feed.most_words = settings[0], int(settings[1])
        queue.put(feed.rows(64))


class Feeds:
    """The same from several processes. What they are ahead is used again only when they fall behind: `repeated` says
    how many rows were."""

    def __init__(self, paths, config, seed, processes):
        self.settings = multiprocessing.Array("d", [0.0, config.words])
        self.processes = processes
        self.repeated = 0
        if processes == 0:
            texts, weights = load_texts(paths / "text.xz")
            self.feed = Feed(texts, weights, Vocabulary.load(paths / "merges.json"), config, seed)
            return
        self.queue = multiprocessing.Queue(maxsize=64)
        self.recent = []
        self.random = np.random.default_rng(seed)
        for i in range(processes):
            arguments = (self.queue, paths, config, seed * 1000 + i, self.settings)
            multiprocessing.Process(target=produce, args=arguments, daemon=True).start()

    def set(self, plain_share, most_words):
        self.settings[0], self.settings[1] = plain_share, most_words
        if self.processes == 0:
            self.feed.plain_share, self.feed.most_words = plain_share, int(most_words)

    def rows(self, count):
        if self.processes == 0:
            return self.feed.rows(count)
        ids, weights, have = [], [], 0
        while have < count:
            if self.queue.empty() and len(self.recent) >= 256:
                made = self.recent[int(self.random.integers(len(self.recent)))]
                self.repeated += len(made[0])
            else:
                made = self.queue.get()
                self.recent = [*self.recent[-4095:], made]
            ids.append(made[0])
            weights.append(made[1])
            have += len(made[0])
        return np.concatenate(ids)[:count], np.concatenate(weights)[:count]
