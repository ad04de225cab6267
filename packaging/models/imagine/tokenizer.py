"""A byte-pair vocabulary in the format of CLIP's (vocab.json, merges.txt), small, in which every word of the captions
is one token; and the same encoding that readers of that format do, for ASCII."""

import json
import re
import unicodedata

import scenes

LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"
_PIECE = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def _byte_letters():
    """The letter that stands for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + extra)
            extra += 1
    return {b: letters[b] for b in [*plain, *(b for b in range(256) if b not in plain)]}


class Tokenizer:
    def __init__(self, merges=None):
        self.bytes = _byte_letters()
        self.merges = merges if merges is not None else self._learn(scenes.words())
        letters = list(self.bytes.values())
        words = [*letters, *(c + "</w>" for c in letters), *("".join(pair) for pair in self.merges), START, END]
        self.ids = {word: i for i, word in enumerate(words)}
        assert len(self.ids) == len(words)
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.start, self.end = self.ids[START], self.ids[END]
        self.known = {}

    @property
    def size(self):
        return len(self.ids)

    @staticmethod
    def _learn(words):
        """Pairs, the most frequent first, until every word is one piece."""
        pieces = [[*word[:-1], word[-1] + "</w>"] for word in words]
        merges = []
        while any(len(piece) > 1 for piece in pieces):
            counts = {}
            for piece in pieces:
                for pair in zip(piece, piece[1:]):
                    counts[pair] = counts.get(pair, 0) + 1
            best = max(counts, key=lambda pair: (counts[pair], pair))
            merges.append(best)
            pieces = [Tokenizer._joined(piece, best) for piece in pieces]
        return merges

    @staticmethod
    def _joined(piece, pair):
        made, i = [], 0
        while i < len(piece):
            if i + 1 < len(piece) and (piece[i], piece[i + 1]) == pair:
                made.append("".join(pair))
                i += 2
            else:
                made.append(piece[i])
                i += 1
        return made

    def _word(self, word):
        if word not in self.known:
            letters = [self.bytes[byte] for byte in word.encode()]
            piece = [*letters[:-1], letters[-1] + "</w>"]
            while len(piece) > 1:
                pair = min(zip(piece, piece[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                if pair not in self.rank:
                    break
                piece = self._joined(piece, pair)
            self.known[word] = [self.ids[p] for p in piece]
        return self.known[word]

    def encode(self, text, length=LENGTH):
        """`length` ids: start, words, end, and end again to fill up."""
        text = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().lower()
        ids = [i for word in _PIECE.findall(text) for i in self._word(word)][:length - 2]
        ids = [self.start, *ids, self.end]
        return ids + [self.end] * (length - len(ids))

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "vocab.json", "w", encoding="utf-8") as file:
            json.dump(self.ids, file, ensure_ascii=False)
            file.write("\n")
        lines = ["#version: 0.2", *(" ".join(pair) for pair in self.merges)]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        tables = {"tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH,
                                            "do_lower_case": True, "add_prefix_space": False, "errors": "replace",
                                            "bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END},
                  "special_tokens_map.json": {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}}
        for name, table in tables.items():
            (folder / name).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
