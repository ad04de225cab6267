"""Greedy and beam search as plain as they can be written: one sentence at a time, nothing kept from step to step,
nothing padded. What the engine makes is compared with this, token for token.

The beam search is the one of transformers' BeamSearchScorer: two candidates for each beam, an end counts only
among the first `beams` of them, and a finished text's score is the sum of its logarithms over its length to the
power of the penalty.
"""

import numpy as np
import onnxruntime


class Reference:
    def __init__(self, folder, layout, search):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options) for name in
            ("encoder_model", "decoder_model"))
        self.layout, self.search = layout, search

    def begin(self, text, source, target):
        self.input = self.layout.encode(text, source, target)
        ids = np.array([self.input], np.int64)
        self.mask = np.ones_like(ids)
        self.states = self.encoder.run(["last_hidden_state"], {"input_ids": ids, "attention_mask": self.mask})[0]
        self.forced = self.layout.forced(target)

    def logits(self, tokens):
        return self.decoder.run(["logits"], {"encoder_attention_mask": self.mask,
                                             "input_ids": np.array([tokens], np.int64),
                                             "encoder_hidden_states": self.states})[0][0, -1]

    def ruled(self, scores, length):
        """`scores` of what may follow `length` tokens, the start among them."""
        for [word] in self.search.get("bad_words_ids", []):
            scores[word] = -np.inf
        forced = None
        if length == 1:
            forced = self.forced
        if length == self.search["max_length"] - 1 and "forced_eos_token_id" in self.search:
            forced = self.search["forced_eos_token_id"]
        if forced is not None:
            scores[:] = -np.inf
            scores[forced] = 0
        return scores

    def greedy(self):
        tokens = [self.layout.start]
        while len(tokens) < self.search["max_length"]:
            tokens.append(int(np.argmax(self.ruled(self.logits(tokens), len(tokens)))))
            if tokens[-1] == self.layout.eos:
                break
        return tokens[1:]

    def scores(self, tokens):
        def logarithms(x):
            x = x - x.max()
            return x - np.log(np.exp(x).sum())

        made = self.ruled(logarithms(self.logits(tokens).astype(np.float64)), len(tokens))
        return logarithms(made) if self.search.get("renormalize_logits") else made

    def beam(self, beams, penalty, early):
        eos, most = self.layout.eos, self.search["max_length"]
        running = [(0.0, [self.layout.start])]
        finished = []  # (score, tokens)

        def finish(total, tokens, count):
            score = total / count ** penalty
            if len(finished) < beams or score > min(finished)[0]:
                finished.append((score, tokens))
                if len(finished) > beams:
                    finished.remove(min(finished))

        while True:
            candidates = []
            for total, tokens in running:
                scores = self.scores(tokens)
                for token in np.argsort(-scores)[:2 * beams]:
                    if scores[token] > -np.inf:
                        candidates.append((total + float(scores[token]), tokens, int(token)))
            candidates = sorted(candidates, key=lambda c: -c[0])[:2 * beams]
            length = len(running[0][1]) + 1
            following = []
            for rank, (total, tokens, token) in enumerate(candidates):
                if token == eos:
                    if rank < beams:
                        finish(total, [*tokens, token], length - 1)
                else:
                    following.append((total, [*tokens, token]))
                if len(following) == beams:
                    break
            running = following
            if len(finished) == beams:
                if early:
                    break
                if min(finished)[0] >= candidates[0][0] / (length - 1) ** penalty:
                    break
            if not running or length >= most:
                for total, tokens in running:
                    finish(total, tokens, length - 1)
                break
        return max(finished)[1][1:]
