"""Batches drawn on the fly, in this process or in others beside it."""

import random

import numpy as np
import torch

from renderer import Renderer
from scenes import Maker

# A caption longer than this is cut in training (none is: about 30 are the longest).
LONGEST = 40


def chunk(seed, count, tokenizer, captions=1):
    """`count` scenes of `seed`: pictures (uint8), maps, and `captions` captions of each as ids."""
    maker = Maker(random.Random(seed))
    made = [maker.scene() for _ in range(count)]
    pictures, maps = Renderer().render(made, seed)
    ids = np.array([[tokenizer.encode(maker.caption(scene), LONGEST) for _ in range(captions)] for scene in made],
                   np.int16)
    return (pictures * 255 + 0.5).astype(np.uint8), maps, ids


def _work(number, workers, first, count, tokenizer, captions, queue):
    torch.set_num_threads(1)
    seed = first + number
    while True:
        queue.put(chunk(seed, count, tokenizer, captions))
        seed += workers


def chunks(first, count, tokenizer, captions, workers):
    """Endlessly, from the number `first` on: a resumed training goes on with what it has not seen."""
    if workers == 0:
        while True:
            yield chunk(first, count, tokenizer, captions)
            first += 1
    context = torch.multiprocessing.get_context("fork")
    queue = context.Queue(maxsize=4 * workers)
    for number in range(workers):
        context.Process(target=_work, args=(number, workers, first, count, tokenizer, captions, queue),
                        daemon=True).start()
    while True:
        yield queue.get()
