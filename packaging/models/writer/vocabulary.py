"""The writer's byte-level BPE vocabulary: learned from counts of words, and encoding with it. Standard library only.

The split into words is llama.cpp's "gpt-2" pre-tokenizer.
"""

import collections
import heapq
import json
import re

WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
BOS, EOS = 0, 1
# What a prompt is made of: the task's mark, the text, the end of the text. Control characters are single bytes in
# every vocabulary of this kind and stand in no text, so that no word of a text can be taken for them.
PROOFREAD, ANSWER = "\x02", "\x03"


def byte_letters():
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {b: chr(b) for b in plain}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return table


LETTERS = byte_letters()


def learn_merges(counts, size):
    """Merges for a vocabulary of `size` tokens from a Counter of words (as WORDS finds them)."""
    words, numbers = [], []
    for word, count in counts.items():
        if count > 1:
            words.append([LETTERS[b] for b in word.encode()])
            numbers.append(count)
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += numbers[i]
            where[pair].add(i)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < size - 256 - 2 and heap:
        count, best = heapq.heappop(heap)
        if pairs.get(best, 0) != -count:
            continue  # has changed since; its newer entry is in the heap too
        merges.append(best)
        joined, changed = best[0] + best[1], set()
        for i in where.pop(best):
            word, number = words[i], numbers[i]
            for pair in zip(word, word[1:]):
                pairs[pair] -= number
                changed.add(pair)
            new, at = [], 0
            while at < len(word):
                if at + 1 < len(word) and word[at] == best[0] and word[at + 1] == best[1]:
                    new.append(joined)
                    at += 2
                else:
                    new.append(word[at])
                    at += 1
            words[i] = new
            for pair in zip(new, new[1:]):
                pairs[pair] += number
                where[pair].add(i)
                changed.add(pair)
        pairs.pop(best, None)
        for pair in changed:
            if pairs.get(pair, 0) > 0:
                heapq.heappush(heap, (-pairs[pair], pair))
    return merges


class Vocabulary:
    def __init__(self, merges):
        self.merges = merges
        self.tokens = ["<s>", "</s>", *(LETTERS[b] for b in range(256)), *(a + b for a, b in merges)]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.cache = {}
        self.bytes = {letter: b for b, letter in LETTERS.items()}

    @classmethod
    def load(cls, path):
        return cls([tuple(m) for m in json.loads(path.read_text())])

    def word(self, word):
        found = self.cache.get(word)
        if found is None:
            parts = [LETTERS[b] for b in word.encode()]
            while len(parts) > 1:
                rank, at = min((self.ranks.get(p, 1 << 30), i) for i, p in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            found = [self.ids[p] for p in parts]
            if len(self.cache) < 1 << 20:
                self.cache[word] = found
        return found

    def encode(self, text):
        ids = []
        for word in WORDS.findall(text):
            ids += self.word(word)
        return ids

    def encode_marked(self, text, spans):
        """Tokens, and which of them belong to one of `spans` (start, end; sorted, not empty)."""
        ids, marks, spans, at = [], bytearray(), iter(spans), 0
        span = next(spans, None)
        for word in WORDS.findall(text):
            part = self.word(word)
            end = at + len(word)
            while span is not None and span[1] <= at:
                span = next(spans, None)
            hit = span is not None and span[0] < end
            ids += part
            marks += bytes([hit]) * len(part)
            at = end
        return ids, marks

    def decode(self, ids):
        return bytes(self.bytes[c] for i in ids if i > EOS for c in self.tokens[i]).decode(errors="replace")
