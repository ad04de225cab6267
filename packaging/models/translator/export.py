#!/usr/bin/env python3
"""Writes trained weights as an OPUS-MT export: encoder_model.onnx, decoder_model_merged.onnx and the files beside them.

usage: export.py --data FOLDER --weights best.pt|FOLDER-OF-PARTS --out FOLDER [--bits 8|32] [--beams 2]
                 [--built-in --en-es BLEU --es-en BLEU]

--data is the folder that prepare.py wrote. --built-in also writes translator.json and the folder model beside this file,
which the build takes into the package, with the measured quality that decides whether the model or Apertium serves; give both figures.
Needs Debian's python3-torch, python3-onnx and python3-onnxruntime.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import onnxruntime
import torch

import parts
import quantized
from network import Translator

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "model"
LONGEST = 256
ROLES = {"config.json": "config", "generation_config.json": "generation-config", "vocab.json": "vocabulary",
         "source.spm": "source-pieces", "target.spm": "target-pieces", "encoder_model.onnx": "encoder",
         "decoder_model_merged.onnx": "decoder-merged"}


def load(path):
    """(weights, shape)."""
    saved = parts.read(path) if path.is_dir() else torch.load(path, map_location="cpu", weights_only=True)
    return saved["model"], saved["shape"], saved


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_side_files(data, out, shape, beams):
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
    write_json(out / "vocab.json", vocabulary)
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(data / "joint.spm", out / name)
    pad = vocabulary["<pad>"]
    never = [vocabulary[word] for word in ("<unk>", ">>en<<", ">>es<<", "<pad>")]
    search = {"bad_words_ids": [[word] for word in never], "bos_token_id": 0, "decoder_start_token_id": pad,
              "eos_token_id": 0, "forced_eos_token_id": 0, "max_length": LONGEST, "num_beams": beams,
              "pad_token_id": pad}
    write_json(out / "config.json", {
        "_name_or_path": "intelligenced/translator", "architectures": ["MarianMTModel"], "model_type": "marian",
        "activation_function": "relu", "d_model": shape["width"], "encoder_layers": shape["layers"],
        "decoder_layers": shape["decoder_layers"], "encoder_attention_heads": shape["heads"],
        "decoder_attention_heads": shape["heads"], "encoder_ffn_dim": shape["hidden"],
        "decoder_ffn_dim": shape["hidden"], "vocab_size": shape["vocabulary"],
        "decoder_vocab_size": shape["vocabulary"], "max_position_embeddings": LONGEST, "is_encoder_decoder": True,
        "use_cache": True, "scale_embedding": True, "normalize_before": True, "normalize_embedding": False,
        "static_position_embeddings": True, "share_encoder_decoder_embeddings": True, **search})
    write_json(out / "generation_config.json", {**search, "renormalize_logits": True})
    write_json(out / "tokenizer_config.json", {"source_lang": "en+es", "target_lang": "en+es",
                                               "model_max_length": LONGEST, "separate_vocabs": False,
                                               "tokenizer_class": "MarianTokenizer"})


def write_networks(weights, shape, out, bits):
    model = Translator(shape)
    model.load_state_dict(weights)
    model.eval()
    model.shape = {**shape, "pre_norm": True, "offset": 0}
    exporter = (quantized.Plain if bits == 32 else quantized.Quantized)(model)
    (out / "encoder_model.onnx").write_bytes(exporter.encoder())
    (out / "decoder_model_merged.onnx").write_bytes(exporter.merged())
    return model


def compare(model, out):
    """How far the file's scores of first tokens are from the network's own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    encoder, decoder = (onnxruntime.InferenceSession(str(out / f"{name}.onnx"), options)
                        for name in ("encoder_model", "decoder_model_merged"))
    shape = model.shape
    random = np.random.default_rng(1)
    ids = random.integers(2, shape["vocabulary"] - 3, (2, 12))
    mask = np.ones_like(ids)
    hidden = encoder.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    start = np.full((2, 1), shape["vocabulary"] - 1)
    head = shape["width"] // shape["heads"]
    empty = {port.name: np.zeros((2, shape["heads"], 0, head), np.float32) for port in decoder.get_inputs()
             if port.name.startswith("past_key_values")}
    scores = decoder.run(["logits"], {"encoder_attention_mask": mask, "input_ids": start,
                                      "encoder_hidden_states": hidden, "use_cache_branch": np.array([False]),
                                      **empty})[0]
    with torch.no_grad():
        real = torch.from_numpy(mask).bool()
        source = model.encode(torch.from_numpy(ids), real)
        own = model.logits(model.states(torch.from_numpy(start), source, real)).numpy()
    return float(np.abs(scores - own).max()), float(own.std())


def write_built_in(out, quality):
    shutil.rmtree(MODEL, ignore_errors=True)
    MODEL.mkdir()
    files = []
    for name, role in ROLES.items():
        shutil.copyfile(out / name, MODEL / name)
        files.append({"role": role, "name": name, "path": f"@MODEL_DIRECTORY@/translator/{name}",
                      "size_bytes": (MODEL / name).stat().st_size})
    write_json(HERE / "translator.json", {
        "name": "translator", "version": "1", "title": "Translator (English and Spanish)",
        "description": "The built-in translator between English and Spanish, trained for this project; its card is "
                       "packaging/models/translator/MODEL_CARD.md.",
        "engine": "onnx", "family": "seq2seq", "license": "Apache-2.0", "origin": "built-in",
        "capabilities": ["translate:en>es", "translate:es>en"], "rank": 10, "built_in": True,
        "parameters": {"source_languages": "en,es", "target_languages": "en,es",
                       **{f"x-measured.{pair}.bleu": str(figure) for pair, figure in quality.items()}},
        "files": files})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--weights", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--bits", type=int, choices=(8, 32), default=8)
    parser.add_argument("--beams", type=int, default=2)
    parser.add_argument("--built-in", action="store_true")
    parser.add_argument("--en-es", type=float)
    parser.add_argument("--es-en", type=float)
    arguments = parser.parse_args()
    if arguments.built_in and (arguments.en_es is None or arguments.es_en is None):
        parser.error("--built-in needs --en-es and --es-en: what ./dev bench translator measured")
    arguments.out.mkdir(parents=True, exist_ok=True)
    weights, shape, saved = load(arguments.weights)
    write_side_files(arguments.data, arguments.out, shape, arguments.beams)
    model = write_networks(weights, shape, arguments.out, arguments.bits)
    apart, spread = compare(model, arguments.out)
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, step {saved['step']:,}, {size / 1e6:.1f} MB; "
          f"scores at most {apart:.3f} from the network's own, whose spread is {spread:.2f}")
    if arguments.built_in:
        write_built_in(arguments.out, {"translate:en>es": arguments.en_es, "translate:es>en": arguments.es_en})


if __name__ == "__main__":
    main()
