"""The corpus as train.py reads it: every epoch with segmentations, directions and an order of its own."""

import numpy as np

import corpus

MOST_VARIANTS = 8
END = 0


def ragged(starts, lengths):
    """starts[i] … starts[i] + lengths[i] - 1, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


class Corpus:
    def __init__(self, path, sampling):
        """`sampling`: how strongly probable segmentations are preferred; None: always the best one."""
        self.arrays = dict(np.load(path))
        counts = self.arrays["word_variants"].astype(np.int64)
        self.first = np.cumsum(counts) - counts
        self.lengths = self.arrays["variant_lengths"].astype(np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.limits = None
        if sampling is not None:
            weights = np.zeros((len(counts), MOST_VARIANTS), np.float32)
            row = np.repeat(np.arange(len(counts)), counts)
            column = ragged(np.zeros(len(counts), np.int64), counts)
            scores = self.arrays["variant_scores"].astype(np.float32) - np.repeat(
                self.arrays["variant_scores"][self.first].astype(np.float32), counts)
            weights[row, column] = np.exp(sampling * scores)
            self.limits = np.cumsum(weights, axis=1)
            self.limits /= self.limits[:, -1:]
        self.edges = {}
        for name in ("training", "development"):
            for side in ("english", "spanish"):
                sizes = self.arrays[f"{name}_{side}_lengths"].astype(np.int64)
                self.edges[name, side] = (np.cumsum(sizes) - sizes, sizes)

    def texts(self, name, side, chosen, random=None):
        """(tokens one after the other, how many each text has)."""
        starts, sizes = (values[chosen] for values in self.edges[name, side])
        words = self.arrays[f"{name}_{side}"][ragged(starts, sizes)].astype(np.int64)
        variant = self.first[words]
        if random is not None and self.limits is not None:
            draw = random.random(len(words), np.float32)
            variant += (draw[:, None] > self.limits[words]).sum(1)
        size = self.lengths[variant]
        tokens = self.arrays["pieces"][ragged(self.starts[variant], size)].astype(np.int32)
        total = np.concatenate([[0], np.cumsum(size)])
        ends = np.cumsum(sizes)
        return tokens, total[ends] - total[ends - sizes]

    def batches(self, name, number, shape, vocabulary):
        """(sources, targets with their ends) of the epoch `number`, padded with the last token of the vocabulary."""
        random = np.random.default_rng([7, number]) if name == "training" else None
        registers = self.arrays[f"{name}_register"]
        chosen = np.arange(len(registers))
        if random is not None:
            weights = np.array([corpus.WEIGHTS[r] for r in corpus.REGISTERS])[registers]
            chosen = chosen[random.random(len(chosen)) < weights]
        sides = [self.texts(name, side, chosen, random) for side in ("english", "spanish")]
        # Each pair in one direction, in the next epoch in the other.
        directions = [(chosen * 2654435761 >> 7) + number & 1 == d for d in (0, 1)] if random is not None else \
            [np.ones(len(chosen), bool)] * 2
        made = []
        for to_spanish in (1, 0):
            tag = vocabulary - (2 if to_spanish else 3)
            source, target = (sides[0], sides[1]) if to_spanish else (sides[1], sides[0])
            made += self.group(source, target, np.flatnonzero(directions[to_spanish]), tag, vocabulary - 1, shape,
                               random)
        if random is not None:
            noise = random.random(len(made))
            if shape["curriculum"] and number == 0:
                noise += [min(sources.shape[1], 40) / 40 for sources, _ in made]
            made = [made[i] for i in np.argsort(noise)]
        return made

    @staticmethod
    def group(source, target, rows, tag, pad, shape, random):
        """Batches of texts that are about as long as each other."""
        starts = [np.cumsum(side[1]) - side[1] for side in (source, target)]
        # With the language and the end; with the end.
        sizes = source[1][rows] + 2, target[1][rows] + 1
        longest = np.maximum(*sizes)
        buckets = np.array(list(shape["buckets"]))
        place = np.searchsorted(buckets, longest)
        made = []
        for bucket, width in enumerate(buckets):
            members = np.flatnonzero((place == bucket) & (source[1][rows] > 0) & (target[1][rows] > 0))
            if random is not None:
                random.shuffle(members)
            count = max(1, shape["batch"] // int(width))
            for begin in range(0, len(members), count):
                part = members[begin:begin + count]
                if shape["compile"] and random is not None and len(part) < count:
                    continue  # compiled for one shape; these come in another epoch
                lengths = [int(width)] * 2 if shape["compile"] else [int(size[part].max()) for size in sizes]
                pair = []
                for which, side in enumerate((source, target)):
                    array = np.full((len(part), lengths[which]), pad, np.int32)
                    size = side[1][rows[part]]
                    row = np.repeat(np.arange(len(part)), size)
                    column = ragged(np.zeros(len(part), np.int64), size) + (1 - which)
                    array[row, column] = side[0][ragged(starts[which][rows[part]], size)]
                    if which == 0:
                        array[:, 0] = tag
                    array[np.arange(len(part)), size + 1 - which] = END
                    pair.append(array)
                made.append(tuple(pair))
        return made
