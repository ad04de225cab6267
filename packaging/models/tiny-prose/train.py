#!/usr/bin/env python3
"""Trains tiny-prose, the demonstration language model: a one-million-parameter Llama on public-domain
and freely licensed English prose, written as GGUF (Q8_0).

It exists so that a fresh machine has a real language model to show serving with: it writes text
that looks like English and means nothing. The card beside this script has its measured quality.

usage: train.py --corpus FILE.jsonl.zst --work FOLDER --out tiny-prose.gguf [--minutes 60]

Needs Debian's python3-torch, libopenblas0-pthread, python3-gguf and zstd. Resumable: state is kept in --work. Documents
whose title hashes to 0 of 50 are held out; the perplexity on them is printed and stored in the file.
"""

import argparse
import collections
import hashlib
import json
import math
import pathlib
import re
import subprocess
import time

import gguf
import numpy as np
import torch
import torch.nn.functional as F

VOCABULARY = 2048
CONTEXT = 512
WIDTH, LAYERS, HEADS, HIDDEN = 128, 4, 4, 352
EPSILON, ROPE_BASE = 1e-5, 10000.0
BOS, EOS = 0, 1
# The split that llama.cpp's "gpt-2" pre-tokenizer makes.
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


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


def documents(path):
    text = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout.decode()
    for line in text.splitlines():
        document = json.loads(line)
        held_out = int(hashlib.sha256(document["title"].encode()).hexdigest(), 16) % 50 == 0
        yield document["text"], held_out


def learn_merges(texts):
    counts = collections.Counter()
    for text in texts:
        counts.update(WORDS.findall(text))
    words = {tuple(LETTERS[b] for b in w.encode()): c for w, c in counts.items() if c > 1}
    merges = []
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for word, count in words.items():
        for pair in zip(word, word[1:]):
            pairs[pair] += count
            where[pair].add(word)
    while len(merges) < VOCABULARY - 256 - 2:
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for word in list(where[best]):
            count = words.pop(word, None)
            if count is None:
                continue
            for pair in zip(word, word[1:]):
                pairs[pair] -= count
                where[pair].discard(word)
            new, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and (word[i], word[i + 1]) == best:
                    new.append(word[i] + word[i + 1])
                    i += 2
                else:
                    new.append(word[i])
                    i += 1
            new = tuple(new)
            words[new] = words.get(new, 0) + count
            for pair in zip(new, new[1:]):
                pairs[pair] += count
                where[pair].add(new)
        pairs.pop(best, None)
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = merges
        self.tokens = ["<s>", "</s>", *(LETTERS[b] for b in range(256)), *(a + b for a, b in merges)]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.cache = {}

    def word(self, word):
        if word in self.cache:
            return self.cache[word]
        parts = [LETTERS[b] for b in word.encode()]
        while len(parts) > 1:
            rank, at = min((self.ranks.get(p, 1 << 30), i) for i, p in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30:
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        self.cache[word] = [self.ids[p] for p in parts]
        return self.cache[word]

    def encode(self, text):
        return [i for w in WORDS.findall(text) for i in self.word(w)]


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.norm1, self.norm2 = torch.nn.RMSNorm(WIDTH, EPSILON), torch.nn.RMSNorm(WIDTH, EPSILON)
        self.q, self.k, self.v, self.o = (linear(WIDTH, WIDTH) for _ in range(4))
        self.gate, self.up, self.down = linear(WIDTH, HIDDEN), linear(WIDTH, HIDDEN), linear(HIDDEN, WIDTH)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        h = self.norm1(x)
        q, k, v = (m(h).view(batch, length, HEADS, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(batch, length, WIDTH))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def rotate(x, cos, sin):
    """Rotary positions on neighbouring pairs, as llama.cpp's "normal" RoPE."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Llama(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = torch.nn.RMSNorm(WIDTH, EPSILON)
        for p in self.parameters():
            if p.dim() == 2:
                torch.nn.init.normal_(p, std=0.02)
        half = WIDTH // HEADS // 2
        angle = torch.outer(torch.arange(CONTEXT), ROPE_BASE ** (-torch.arange(half) / half))
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.cos[:ids.shape[1]], self.sin[:ids.shape[1]])
        return F.linear(self.norm(x), self.embed.weight)


def held_out_loss(model, data):
    with torch.no_grad():
        rows = data[:len(data) // (CONTEXT + 1) * (CONTEXT + 1)].reshape(-1, CONTEXT + 1)[:120]
        rows = torch.from_numpy(rows.astype(np.int64))
        losses = [F.cross_entropy(model(r[:, :-1]).flatten(0, 1), r[:, 1:].flatten()) for r in rows.split(4)]
    return sum(losses).item() / len(losses)


def write_gguf(model, tokenizer, out, loss):
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("tiny-prose")
    writer.add_description(f"Demonstration model of intelligenced; held-out loss {loss:.3f} nats a token")
    writer.add_license("Apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
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
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)

    add("token_embd.weight", model.embed.weight)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=4)
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)

    if not (work / "merges.json").exists():
        texts = [t for i, (t, held) in enumerate(documents(arguments.corpus)) if not held and i % 4 == 0]
        (work / "merges.json").write_text(json.dumps(learn_merges(texts)))
    tokenizer = Tokenizer([tuple(m) for m in json.loads((work / "merges.json").read_text())])
    if not (work / "train.npy").exists():
        train, held = [], []
        for text, is_held in documents(arguments.corpus):
            (held if is_held else train).append(np.array([BOS, *tokenizer.encode(text), EOS], np.uint16))
        np.save(work / "held.npy", np.concatenate(held))
        np.save(work / "train.npy", np.concatenate(train))
    train, held = np.load(work / "train.npy"), np.load(work / "held.npy")
    print(f"{len(train):,} tokens to train on, {len(held):,} held out", flush=True)

    model = Llama()
    decay = [p for p in model.parameters() if p.dim() == 2]
    other = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}],
                                  lr=3e-3, betas=(0.9, 0.95))
    spent, step = 0.0, 0
    if (work / "state.pt").exists():
        state = torch.load(work / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    total = arguments.minutes * 60
    random = np.random.default_rng(step)
    last = time.monotonic()
    while spent < total:
        rate = 3e-3 * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent / total)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = random.integers(0, len(train) - CONTEXT - 1, arguments.batch)
        rows = torch.from_numpy(np.stack([train[s:s + CONTEXT + 1] for s in starts]).astype(np.int64))
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        now = time.monotonic()
        spent, last = spent + now - last, now
        if step % 50 == 0:
            print(f"step {step}, {spent / 60:.1f} min, loss {loss.item():.3f}", flush=True)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent,
                        "step": step}, work / "state.new")
            (work / "state.new").rename(work / "state.pt")
    loss = held_out_loss(model, held)
    write_gguf(model, tokenizer, arguments.out, loss)
    print(f"{step} steps; held-out loss {loss:.3f} nats a token, perplexity {math.exp(loss):.1f}")


if __name__ == "__main__":
    main()
