"""First embeddings of both languages in one space: pieces that stand in the same pairs of sentences lie close together,
whichever language they are of.

The rows are the largest eigenvectors of the positive pointwise mutual information of pieces over sentence pairs. A
model whose embeddings begin like this knows a dictionary before its first step; its last dimension says how much more
often a piece stands in Spanish than in English.
"""

import numpy as np
import torch

CHUNK = 8192
LEAST = 3
# Of the last dimension, where the others together are 1 long.
LANGUAGE = 0.35


def best_pieces(arrays, name):
    """The tokens of a side, with each word in its best segmentation: (tokens, tokens of each sentence)."""
    counts = arrays["word_variants"].astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    lengths = arrays["variant_lengths"].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    variant = first[arrays[name]]
    size = lengths[variant]
    ends = np.cumsum(size)
    places = np.arange(ends[-1]) - np.repeat(ends - size, size) + np.repeat(starts[variant], size)
    words = arrays[f"{name}_lengths"].astype(np.int64)
    edges = np.concatenate([[0], np.cumsum(words)])
    total = np.concatenate([[0], ends])
    return arrays["pieces"][places].astype(np.int64), total[edges[1:]] - total[edges[:-1]]


def embedding(arrays, vocabulary, width):
    """[vocabulary, width], each row about 1 long."""
    sides = [best_pieces(arrays, f"training_{side}") for side in ("english", "spanish")]
    sentences = len(sides[0][1])
    tokens = np.concatenate([side[0] for side in sides])
    rows = np.concatenate([np.repeat(np.arange(sentences), side[1]) for side in sides])
    pairs = np.unique(rows * vocabulary + tokens)
    rows, tokens = pairs // vocabulary, pairs % vocabulary
    # A long sentence says less about any two of its pieces.
    weight = 1 / np.sqrt(np.bincount(rows, minlength=sentences))
    edges = np.searchsorted(rows, np.arange(0, sentences + CHUNK, CHUNK))
    together = torch.zeros(vocabulary, vocabulary)
    for begin, end in zip(edges[:-1], edges[1:]):
        if begin == end:
            continue
        row = torch.from_numpy(rows[begin:end] - rows[begin] // CHUNK * CHUNK)
        column = torch.from_numpy(tokens[begin:end])
        value = torch.from_numpy(weight[rows[begin:end]]).float()
        count = int(row.max()) + 1
        sparse = torch.sparse_coo_tensor(torch.stack([column, row]), value, (vocabulary, count), check_invariants=False)
        dense = torch.zeros(count, vocabulary)
        dense[row, column] = value
        together += torch.sparse.mm(sparse, dense)
    total = together.sum(1)
    information = torch.log((together * total.sum() + 1e-9) / (total[:, None] * total[None] + 1e-9))
    information = torch.where(together > 0, information, torch.zeros(())).clamp_(min=0)
    # Of what was hardly seen nothing is known.
    rare = torch.from_numpy(np.bincount(tokens, minlength=vocabulary)) < LEAST
    information[rare] = 0
    information[:, rare] = 0
    torch.manual_seed(1)
    basis = torch.randn(vocabulary, width + 32)
    for _ in range(4):
        basis, _ = torch.linalg.qr(information @ basis)
    values, vectors = torch.linalg.eigh(basis.T @ information @ basis)
    order = values.abs().argsort(descending=True)[:width - 1]
    made = (basis @ vectors[:, order]) * values[order].abs().sqrt()
    made[rare] = torch.randn(int(rare.sum()), width - 1)
    made = torch.nn.functional.normalize(made + 1e-4 * torch.randn_like(made), dim=1)
    english, spanish = (torch.from_numpy(np.bincount(side[0], minlength=vocabulary)).float() for side in sides)
    language = LANGUAGE * (spanish - english) / (spanish + english + 1)
    return torch.cat([made, language[:, None]], 1).numpy()
