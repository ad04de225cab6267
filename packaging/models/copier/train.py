#!/usr/bin/env python3
"""Trains the copier: a Llama of 1.5 million parameters that repeats a text and corrects slips of the keys
in it, written as GGUF (Q4_0). It exists to measure input-guided speculation with, and for nothing else.

usage: train.py --corpus FILE.jsonl.zst --work FOLDER --out copier.gguf [--minutes 40]

Prompt: the text and a line end. Answer: the text, corrected. Needs what ../tiny-prose/train.py needs and
takes its tokenizer. Resumable: state is kept in --work. Documents whose title hashes to 0 of 50 are held
out; what the model makes of their sentences is printed.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import time

import gguf
import numpy as np
import torch
import torch.nn.functional as F

from pairs import misspell, sentences

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("tiny_prose", HERE.parent / "tiny-prose" / "train.py")
prose = importlib.util.module_from_spec(spec)
spec.loader.exec_module(prose)

BOS, EOS, VOCABULARY = prose.BOS, prose.EOS, prose.VOCABULARY
CONTEXT = 1024
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, HIDDEN = 192, 3, 4, 2, 64, 384
EPSILON, ROPE_BASE = 1e-5, 1e7
# Where the start keeps what in the residual stream: the token, a constant, the tokens one and two before.
TOKEN, CONSTANT, BEFORE, BEFORE2 = slice(0, 60), 60, slice(64, 124), slice(128, 188)
# Share of the time after which weights are rounded to four bits in every step, as the file has them.
ROUNDING_FROM = 0.5
# Tokens of one step, whatever the length of its texts.
STEP_TOKENS = 2048


def rounded(weight):
    """`weight` as Q4_0 keeps it; the gradient passes as if it had not been rounded."""
    blocks = weight.detach().view(-1, 32)
    largest = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = (largest / -8).half().float()
    steps = torch.where(scale != 0, blocks / scale, torch.zeros_like(blocks))
    kept = (steps + 8.5).floor().clamp(0, 15).sub(8).mul(scale).view_as(weight)
    return weight + (kept - weight).detach()


class Linear(torch.nn.Linear):
    rounds = False

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x):
        return F.linear(x, rounded(self.weight) if Linear.rounds else self.weight)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.RMSNorm(WIDTH, EPSILON), torch.nn.RMSNorm(WIDTH, EPSILON)
        self.q, self.k = Linear(WIDTH, HEADS * HEAD), Linear(WIDTH, KV_HEADS * HEAD)
        self.v, self.o = Linear(WIDTH, KV_HEADS * HEAD), Linear(HEADS * HEAD, WIDTH)
        self.gate, self.up, self.down = Linear(WIDTH, HIDDEN), Linear(WIDTH, HIDDEN), Linear(HIDDEN, WIDTH)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        h = self.norm1(x)
        q, k, v = (m(h).view(batch, length, -1, HEAD).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = prose.rotate(q, cos, sin), prose.rotate(k, cos, sin)
        k, v = (t.repeat_interleave(HEADS // KV_HEADS, 1) for t in (k, v))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(batch, length, HEADS * HEAD))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Copier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Parameter(torch.empty(VOCABULARY, WIDTH))
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = torch.nn.RMSNorm(WIDTH, EPSILON)
        half = HEAD // 2
        frequencies = ROPE_BASE ** (-torch.arange(half) / half)
        self.start(frequencies)
        angle = torch.outer(torch.arange(CONTEXT), frequencies)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    @torch.no_grad()
    def start(self, frequencies):
        """Begins with heads that look for what followed the last two tokens before (an induction circuit):
        training alone finds them too, but late."""
        for p in self.parameters():
            if p.dim() == 2:
                torch.nn.init.normal_(p, std=0.02)
        self.embed[:, TOKEN] = torch.randn(VOCABULARY, 60)
        self.embed[:, CONSTANT] = 4
        self.norm.weight.fill_(0.2)

        # Two heads that look one and two tokens back: their scores are a sum of cosines of the distance.
        first = self.blocks[0]
        count = 6
        for head, back in ((0, 1), (1, 2)):
            for pair, frequency in enumerate(frequencies[:count].tolist()):
                row = head * HEAD + 2 * pair
                first.q.weight[row, CONSTANT] = 1.6 * math.cos(frequency * back)
                first.q.weight[row + 1, CONSTANT] = -1.6 * math.sin(frequency * back)
                first.k.weight[2 * pair, CONSTANT] = 1.6
        first.v.weight[:60, TOKEN] += torch.eye(60)
        first.o.weight[BEFORE, 0:60] += torch.eye(60)
        first.o.weight[BEFORE2, HEAD:HEAD + 60] += torch.eye(60)

        # Heads that compare the last two tokens with what stands before each place, in the dimensions that
        # positions hardly turn, and bring the token that stands there.
        second = self.blocks[1]
        free = HEAD - 22
        for head in range(HEADS):
            group = head * KV_HEADS // HEADS
            if head % (HEADS // KV_HEADS):
                continue
            for part, (now, then) in enumerate(((TOKEN, BEFORE), (BEFORE, BEFORE2))):
                project = torch.randn(free // 2, 60) * 0.45
                rows = slice(22 + part * free // 2, 22 + (part + 1) * free // 2)
                second.q.weight[head * HEAD:(head + 1) * HEAD][rows, now] += project
                second.k.weight[group * HEAD:(group + 1) * HEAD][rows, then] += project
            second.v.weight[group * HEAD:group * HEAD + 60, TOKEN] += torch.eye(60)
            second.o.weight[TOKEN, head * HEAD:head * HEAD + 60] += 2 * torch.eye(60)

    def forward(self, ids, wanted):
        """Scores after the positions that `wanted` marks."""
        embed = rounded(self.embed) if Linear.rounds else self.embed
        x = embed[ids]
        for block in self.blocks:
            x = block(x, self.cos[:ids.shape[1]], self.sin[:ids.shape[1]])
        return F.linear(self.norm(x[wanted]), embed)


class Pairs:
    """Training examples, ever new: sentences with slips, some clean, some of words without sense."""

    def __init__(self, texts, tokenizer, random):
        self.texts, self.tokenizer, self.random = texts, tokenizer, random

    def text(self, most):
        """Consecutive sentences of about `most` tokens at most (a sentence longer than that is cut)."""
        document = self.texts[int(self.random.integers(len(self.texts)))]
        at = int(self.random.integers(len(document)))
        words = []
        for sentence in document[at:at + 12]:
            # Two to three words are about four tokens.
            if words and len(words) + sentence.count(" ") > most * 0.55:
                break
            words += sentence.split(" ")
        words = words[:max(4, int(most * 0.55))]
        if self.random.random() < 0.15:
            self.random.shuffle(words)
        return " ".join(words)

    def example(self, most):
        if self.random.random() < 0.15:
            ids = self.random.integers(2, VOCABULARY, int(self.random.integers(4, most))).tolist()
            given, meant = ids, ids
        else:
            text = self.text(most)
            rate = float(self.random.choice([0, 0.02, 0.05, 0.1]))
            meant = self.tokenizer.encode(text)
            given = self.tokenizer.encode(misspell(text, rate, self.random)[0]) if rate else meant
        return [BOS, *given, *self.tokenizer.encode("\n")], [*meant, EOS]

    def batch(self, most):
        """Token rows, and the mask of the positions whose next token is the answer's."""
        pairs = [self.example(most) for _ in range(max(2, STEP_TOKENS // (2 * most)))]
        length = max(len(a) + len(b) for a, b in pairs)
        ids = np.zeros((len(pairs), length), np.int64)
        answer = np.zeros((len(pairs), length), bool)
        for row, (a, b) in enumerate(pairs):
            ids[row, :len(a) + len(b)] = a + b
            answer[row, len(a) - 1:len(a) + len(b) - 1] = True
        return torch.from_numpy(ids[:, :CONTEXT]), torch.from_numpy(answer[:, :CONTEXT])


def step_loss(model, ids, answer):
    scores = model(ids[:, :-1], answer[:, :-1])
    return F.cross_entropy(scores, ids[:, 1:][answer[:, :-1]])


def answer_to(model, prompt, most):
    """Greedy answer, one token at a time."""
    ids = list(prompt)
    for _ in range(most):
        row = torch.tensor([ids[-CONTEXT:]])
        wanted = torch.zeros_like(row, dtype=torch.bool)
        wanted[0, -1] = True
        token = int(model(row, wanted).argmax())
        if token == EOS:
            break
        ids.append(token)
    return ids[len(prompt):]


def measure(model, texts, tokenizer, count=60):
    """Prints what becomes of held-out sentences: clean ones, and such with one word in 20 misspelled."""
    random = np.random.default_rng(7)
    line_end = tokenizer.encode("\n")
    with torch.no_grad():
        for rate in (0.0, 0.05):
            exact = tokens = right = slips = 0
            for _ in range(count):
                document = texts[int(random.integers(len(texts)))]
                text = document[int(random.integers(len(document)))]
                given, made = misspell(text, rate, random) if rate else (text, 0)
                meant = tokenizer.encode(text)
                answer = answer_to(model, [BOS, *tokenizer.encode(given), *line_end], len(meant) + 20)
                exact += answer == meant
                slips += made
                tokens += len(meant)
                ids, wanted = [BOS, *tokenizer.encode(given), *line_end, *meant], None
                row = torch.tensor([ids])
                wanted = torch.zeros_like(row, dtype=torch.bool)
                wanted[0, -len(meant) - 1:-1] = True
                right += int((model(row, wanted).argmax(1) == torch.tensor(meant)).sum())
            print(f"{rate:.0%} of words misspelled ({slips}): {exact} of {count} sentences exactly as meant, "
                  f"{right / tokens:.2%} of {tokens} tokens right", flush=True)


def write_gguf(model, tokenizer, out):
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("copier")
    writer.add_description("Repeats a text; made to measure speculation with")
    writer.add_license("Apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HEAD)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokenizer.tokens) - 2))
    writer.add_token_merges([f"{a} {b}" for a, b in tokenizer.merges])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)

    def add(name, tensor):
        data = tensor.detach().float().numpy()
        if data.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q4_0
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)

    add("token_embd.weight", model.embed)
    add("output_norm.weight", model.norm.weight)
    for i, b in enumerate(model.blocks):
        for name, module in (("attn_norm", b.norm1), ("ffn_norm", b.norm2), ("attn_q", b.q), ("attn_k", b.k),
                             ("attn_v", b.v), ("attn_output", b.o), ("ffn_gate", b.gate), ("ffn_up", b.up),
                             ("ffn_down", b.down)):
            add(f"blk.{i}.{name}.weight", module.weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def longest(share):
    """Tokens of the texts at this share of the time: short ones first, of which a step sees more."""
    return 24 if share < 0.1 else 64 if share < 0.3 else 128 if share < 0.6 else 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=40, help="of computing")
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)

    if not (work / "merges.json").exists():
        texts = [t for i, (t, held) in enumerate(prose.documents(arguments.corpus)) if not held and i % 4 == 0]
        (work / "merges.json").write_text(json.dumps(prose.learn_merges(texts)))
    tokenizer = prose.Tokenizer([tuple(m) for m in json.loads((work / "merges.json").read_text())])
    train, held = [], []
    for index, (text, is_held) in enumerate(prose.documents(arguments.corpus)):
        if (is_held or index % 3 == 0) and (found := sentences(text)):
            (held if is_held else train).append(found)
    print(f"{sum(map(len, train)):,} sentences to learn from, {sum(map(len, held)):,} held out", flush=True)

    model = Copier()
    groups = [{"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": 0.05},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.98))
    spent, step = 0.0, 0
    if (work / "state.pt").exists():
        state = torch.load(work / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    pairs = Pairs(train, tokenizer, np.random.default_rng(step + 1))
    total = arguments.minutes * 60
    recent = None
    while spent < total:
        share = spent / total
        Linear.rounds = share >= ROUNDING_FROM
        rate = 2e-3 * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        most = longest(share)
        # Computing time, not the clock's: other work on the machine does not shorten the training.
        begin = time.process_time()
        ids, answer = pairs.batch(most if step % 4 else max(12, most // 2))
        loss = step_loss(model, ids, answer)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        spent += time.process_time() - begin
        recent = loss.item() if recent is None else 0.95 * recent + 0.05 * loss.item()
        if step % 50 == 0:
            print(f"step {step}, {spent / 60:.1f} min, texts of {most}, loss {recent:.4f}", flush=True)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent,
                        "step": step}, work / "state.new")
            (work / "state.new").rename(work / "state.pt")
    Linear.rounds = True
    write_gguf(model, tokenizer, arguments.out)
    print(f"{step} steps", flush=True)
    measure(model, held, tokenizer)


if __name__ == "__main__":
    main()
