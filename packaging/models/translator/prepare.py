#!/usr/bin/env python3
"""Makes what train.py reads: the vocabulary, and one file of numbers with the whole corpus.

usage: prepare.py --work FOLDER [--vocabulary 10000] [--corpus FILE.tsv.xz]

Writes joint.spm (a SentencePiece unigram model for both languages), vocab.json, tokens.npz and development.json.
tokens.npz is far under 64 MiB and all that a machine for training needs beside this folder. A text is a list of
words in it, and every word has up to eight segmentations with their probabilities: training draws one for each
occurrence anew in every epoch, without SentencePiece. Needs Debian's python3-sentencepiece and python3-torch.
"""

import argparse
import io
import json
import pathlib
import time

import numpy as np
import sentencepiece

import corpus
import lexicon

MOST_VARIANTS = 8
END, UNKNOWN = 0, 1
BEGIN_OF_WORD = "\u2581"


def learn(pairs, size):
    out = io.BytesIO()
    random = np.random.default_rng(1)
    lines = [text for pair in pairs if random.random() < corpus.WEIGHTS[pair.register]
             for text in (pair.english, pair.spanish)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=size, model_type="unigram",
        character_coverage=0.9998, split_digits=True, num_threads=1, minloglevel=2, input_sentence_size=300_000,
        shuffle_input_sentence=True, normalization_rule_name="nmt_nfkc", max_sentence_length=4096)
    return out.getvalue()


class Vocabulary:
    """Numbers of pieces as OPUS-MT's vocab.json has them: </s>, <unk>, pieces, >>en<<, >>es<<, <pad>."""

    def __init__(self, model):
        self.pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        known = [self.pieces.id_to_piece(i) for i in range(self.pieces.get_piece_size())
                 if not (self.pieces.is_control(i) or self.pieces.is_unknown(i))]
        self.words = ["</s>", "<unk>", *known, ">>en<<", ">>es<<", "<pad>"]
        self.numbers = {word: i for i, word in enumerate(self.words)}
        self.scores = {word: self.pieces.get_score(self.pieces.piece_to_id(word)) for word in known}

    def split(self, text):
        """The text's words, each a tuple of pieces. Pieces never cross from one word to the next."""
        words = []
        for piece in self.pieces.encode(text, out_type=str):
            if piece.startswith(BEGIN_OF_WORD) or not words:
                words.append([])
            words[-1].append(piece)
        return [tuple(word) for word in words]

    def encode(self, text):
        return [self.numbers.get(piece, UNKNOWN) for word in self.split(text) for piece in word]

    def variants(self, word):
        """Segmentations of a word, the best first, with the logarithms of their probabilities."""
        best = [self.numbers.get(piece, UNKNOWN) for piece in word]
        made = [(best, sum(self.scores.get(piece, -20.0) for piece in word))]
        text = "".join(word)
        if UNKNOWN in best or not text.startswith(BEGIN_OF_WORD) or len(text) < 3:
            return made
        for pieces in self.pieces.nbest_encode(text[1:], nbest_size=MOST_VARIANTS, out_type=str):
            numbers = [self.numbers.get(piece, UNKNOWN) for piece in pieces]
            if numbers != best and UNKNOWN not in numbers:
                made.append((numbers, sum(self.scores[piece] for piece in pieces)))
        return made[:MOST_VARIANTS]


class Table:
    """Every word once."""

    def __init__(self, vocabulary):
        self.vocabulary, self.places, self.words = vocabulary, {}, []

    def text(self, text):
        made = []
        for word in self.vocabulary.split(text):
            place = self.places.setdefault(word, len(self.words))
            if place == len(self.words):
                self.words.append(word)
            made.append(place)
        return made

    def arrays(self):
        pieces, lengths, scores, counts = [], [], [], []
        for word in self.words:
            variants = self.vocabulary.variants(word)
            counts.append(len(variants))
            for numbers, score in variants:
                pieces += numbers
                lengths.append(len(numbers))
                scores.append(score)
        return {"pieces": np.array(pieces, np.uint16), "variant_lengths": np.array(lengths, np.uint8),
                "variant_scores": np.array(scores, np.float16), "word_variants": np.array(counts, np.uint8)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--corpus", type=pathlib.Path, default=corpus.CORPUS)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begin:5.0f} s  {text}", flush=True)

    training, development, dropped = corpus.load(arguments.corpus)
    say(f"{len(training):,} pairs to train on, {len(development):,} held out; left out: {dict(dropped)}")
    for register in corpus.REGISTERS:
        of = [sum(pair.register == register for pair in pairs) for pairs in (training, development)]
        say(f"  {register}: {of[0]:,} and {of[1]:,}")
    model_file = arguments.work / "joint.spm"
    if not model_file.exists():
        model_file.write_bytes(learn(training, arguments.vocabulary))
    vocabulary = Vocabulary(model_file.read_bytes())
    (arguments.work / "vocab.json").write_text(json.dumps(vocabulary.numbers, ensure_ascii=False, indent=0) + "\n")
    say(f"{len(vocabulary.words):,} tokens")

    table = Table(vocabulary)
    arrays = {}
    for name, pairs in (("training", training), ("development", development)):
        for side in ("english", "spanish"):
            texts = [table.text(getattr(pair, side)) for pair in pairs]
            arrays[f"{name}_{side}"] = np.array([word for text in texts for word in text], np.uint32)
            arrays[f"{name}_{side}_lengths"] = np.array([len(text) for text in texts], np.uint8)
        arrays[f"{name}_register"] = np.array([list(corpus.REGISTERS).index(pair.register) for pair in pairs], np.uint8)
    arrays.update(table.arrays())
    say(f"{len(table.words):,} words with {len(arrays['variant_lengths']):,} segmentations")
    arrays["embedding"] = lexicon.embedding(arrays, len(vocabulary.words), 320).astype(np.float16)
    say("first embedding made")
    np.savez_compressed(arguments.work / "tokens.npz", **arrays)
    (arguments.work / "development.json").write_text(
        json.dumps([pair._asdict() for pair in development], ensure_ascii=False, indent=0) + "\n")
    say(f"tokens.npz: {(arguments.work / 'tokens.npz').stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
