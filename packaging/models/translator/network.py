"""The network: a pre-norm encoder and decoder with ReLU, sine positions and one matrix for all embeddings. Its weights
have the names that the toy translator's export expects."""

import math

import torch
import torch.nn.functional as F

CONFIGS = {
    # Two hours of one CPU core show it most of the corpus once.
    "small": {"width": 256, "heads": 4, "hidden": 768, "layers": 4, "decoder_layers": 2, "dropout": 0.05,
              "batch": 3000, "rate": 2.0e-3, "warmup": 300, "average": 0.998, "sampling": None, "buckets": range(6, 98, 4),
              "curriculum": True, "compile": False},
    # Half an hour of a large GPU is some sixty times the corpus.
    "full": {"width": 512, "heads": 8, "hidden": 1536, "layers": 6, "decoder_layers": 3, "dropout": 0.25,
             "batch": 49152, "rate": 1.5e-3, "warmup": 600, "average": 0.9995, "sampling": 0.3,
             "buckets": (16, 32, 64, 128), "curriculum": False, "compile": True},
}


def positions(count, width):
    frequency = torch.exp(torch.arange(width // 2) * (-2 * math.log(10000) / width))
    angle = torch.outer(torch.arange(count).float(), frequency)
    return torch.cat([angle.sin(), angle.cos()], 1)


class Attention(torch.nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x, source, mask=None, causal=False):
        def split(t):
            return t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)

        made = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(source)), split(self.v(source)),
                                              attn_mask=mask, is_causal=causal)
        return self.o(made.transpose(1, 2).reshape(x.shape))


class Block(torch.nn.Module):
    def __init__(self, shape, crosses):
        super().__init__()
        width = shape["width"]
        self.crosses, self.rate = crosses, shape["dropout"]
        self.self_attention = Attention(width, shape["heads"], self.rate)
        self.norm1 = torch.nn.LayerNorm(width)
        if crosses:
            self.cross_attention = Attention(width, shape["heads"], self.rate)
            self.norm2 = torch.nn.LayerNorm(width)
        self.up, self.down = torch.nn.Linear(width, shape["hidden"]), torch.nn.Linear(shape["hidden"], width)
        self.norm3 = torch.nn.LayerNorm(width)

    def forward(self, x, mask=None, source=None, source_mask=None):
        def drop(t):
            return F.dropout(t, self.rate, self.training)

        h = self.norm1(x)
        x = x + drop(self.self_attention(h, h, mask, causal=self.crosses))
        if self.crosses:
            x = x + drop(self.cross_attention(self.norm2(x), source, source_mask))
        return x + drop(self.down(drop(F.relu(self.up(self.norm3(x))))))


class Translator(torch.nn.Module):
    def __init__(self, shape, longest=256):
        super().__init__()
        self.shape, width = shape, shape["width"]
        self.embed = torch.nn.Parameter(torch.randn(shape["vocabulary"], width) * width ** -0.5)
        self.bias = torch.nn.Parameter(torch.zeros(1, shape["vocabulary"]))
        self.encoder = torch.nn.ModuleList(Block(shape, False) for _ in range(shape["layers"]))
        self.decoder = torch.nn.ModuleList(Block(shape, True) for _ in range(shape["decoder_layers"]))
        self.encoder_norm, self.decoder_norm = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.register_buffer("waves", positions(longest, width), persistent=False)

    def begin(self, embedding):
        """Starts from a dictionary: the embeddings are `embedding`, and what the decoder looks at in the source goes
        straight to its output, whose nearest embeddings are translations of it."""
        width = self.shape["width"]
        with torch.no_grad():
            made = torch.from_numpy(embedding).float()
            most = min(width, made.shape[1]) - 1
            known = F.normalize(made[:, :most], dim=1)
            self.embed.normal_(std=0.2 * width ** -0.5)
            self.embed[:, :most] += known
            self.embed[:, -1] = made[:, -1]
            for block in self.decoder:
                for linear in (block.cross_attention.v, block.cross_attention.o):
                    torch.nn.init.normal_(linear.weight, std=0.3 * width ** -0.5)
                    linear.weight += torch.eye(width) * 0.7
                    linear.bias.zero_()
            self.decoder_norm.weight.fill_(0.6)

    def embedded(self, ids):
        words = F.embedding(ids, self.embed) * math.sqrt(self.shape["width"])
        return F.dropout(words + self.waves[:ids.shape[1]], self.shape["dropout"], self.training)

    def encode(self, ids, mask):
        x, mask = self.embedded(ids), mask[:, None, None, :]
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)

    def states(self, ids, source, source_mask):
        x, source_mask = self.embedded(ids), source_mask[:, None, None, :]
        for block in self.decoder:
            x = block(x, None, source, source_mask)
        return self.decoder_norm(x)

    def logits(self, states):
        return states @ self.embed.T.to(states.dtype) + self.bias.to(states.dtype)
