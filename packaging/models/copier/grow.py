#!/usr/bin/env python3
"""Writes the copier in the shape of a model of 0.36 billion parameters: the same text, that model's work.

usage: grow.py copier.gguf OUT.gguf

Speculation pays where weights do not fit into the caches, and no model of that size is trained in minutes.
So the trained weights are put into the corners of larger matrices, and layers are added. Whatever is added
is random, except that nothing flows back from it: what heads, units and layers beyond the copier's own
compute meets a zero on its way to the residual stream. Every product is computed as in any model of that
shape (24 layers, 896 wide, 14 heads over 2, 4,864 feed-forward, 2,048 tokens, Q4_0); none is skipped for
being zero. The file says so in its description.
"""

import argparse

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, HIDDEN = 24, 896, 14, 4864
Q4 = gguf.GGMLQuantizationType.Q4_0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copier")
    parser.add_argument("out")
    arguments = parser.parse_args()
    reader = gguf.GGUFReader(arguments.copier)
    value = lambda key: reader.get_field(key).contents()
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    layers, width = value("llama.block_count"), value("llama.embedding_length")
    heads, kv_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    head, hidden = value("llama.attention.key_length"), value("llama.feed_forward_length")
    assert WIDTH == HEADS * head and width % 32 == 0 and hidden % 32 == 0

    writer = gguf.GGUFWriter(arguments.out, "llama")
    writer.add_name("copier-grown")
    writer.add_description("The copier with the work of a larger model: what was added to it has no effect")
    writer.add_license("Apache-2.0")
    writer.add_context_length(value("llama.context_length"))
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(kv_heads)
    # The mean over the wider stream, of which only the copier's part is not zero.
    writer.add_layer_norm_rms_eps(value("llama.attention.layer_norm_rms_epsilon") * width / WIDTH)
    writer.add_rope_freq_base(value("llama.rope.freq_base"))
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(value("llama.vocab_size"))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model(value("tokenizer.ggml.model"))
    writer.add_tokenizer_pre(value("tokenizer.ggml.pre"))
    writer.add_token_list(value("tokenizer.ggml.tokens"))
    writer.add_token_types(value("tokenizer.ggml.token_type"))
    writer.add_token_merges(value("tokenizer.ggml.merges"))
    writer.add_bos_token_id(value("tokenizer.ggml.bos_token_id"))
    writer.add_eos_token_id(value("tokenizer.ggml.eos_token_id"))
    writer.add_add_bos_token(True)

    random = np.random.default_rng(1)
    noise = {}

    def add(name, data):
        writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(data, np.float32), Q4), raw_dtype=Q4)

    def filler(rows, columns):
        """The same noise for each matrix of a shape."""
        if (rows, columns) not in noise:
            noise[rows, columns] = random.standard_normal((rows, columns), np.float32) * columns**-0.5
        return noise[rows, columns]

    def norm(name, own):
        data = np.ones(WIDTH, np.float32)
        data[:width] = own * (width / WIDTH) ** 0.5
        writer.add_tensor(name, data)

    def spread(own, rows):
        """Rows of the copier's heads, among as many heads for each shared one as there are now."""
        out, group, wider = rows.copy(), heads // kv_heads, HEADS // kv_heads
        for index in range(heads):
            at = (index // group * wider + index % group) * head
            out[at:at + head, :own.shape[1]] = own[index * head:(index + 1) * head]
        return out

    embed = np.zeros((value("llama.vocab_size"), WIDTH), np.float32)
    embed[:, :width] = tensors["token_embd.weight"]
    add("token_embd.weight", embed)
    norm("output_norm.weight", tensors["output_norm.weight"])
    kv_width = kv_heads * head
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        q, k, v = filler(WIDTH, WIDTH).copy(), filler(kv_width, WIDTH).copy(), filler(kv_width, WIDTH).copy()
        gate, up = filler(HIDDEN, WIDTH).copy(), filler(HIDDEN, WIDTH).copy()
        o, down = np.zeros((WIDTH, WIDTH), np.float32), np.zeros((WIDTH, HIDDEN), np.float32)
        norms = [np.ones(width, np.float32)] * 2
        if layer < layers:
            own = lambda part: tensors[f"{name}{part}.weight"]
            q = spread(own("attn_q"), q)
            k[:, :width], v[:, :width] = own("attn_k"), own("attn_v")
            o[:width] = spread(own("attn_output").T, o.T[:, :width]).T
            gate[:hidden, :width], up[:hidden, :width] = own("ffn_gate"), own("ffn_up")
            down[:width, :hidden] = own("ffn_down")
            norms = [own("attn_norm"), own("ffn_norm")]
        norm(name + "attn_norm.weight", norms[0])
        norm(name + "ffn_norm.weight", norms[1])
        for part, data in (("attn_q", q), ("attn_k", k), ("attn_v", v), ("attn_output", o), ("ffn_gate", gate),
                           ("ffn_up", up), ("ffn_down", down)):
            add(f"{name}{part}.weight", data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
