"""The files beside the networks: SentencePiece models, vocabularies and configurations, as the published exports
of Marian (OPUS-MT), M2M100 and NLLB have them."""

import io
import json

import sentencepiece


def learn_pieces(lines, size, **options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=size, model_type="unigram",
        character_coverage=1.0, split_digits=True, hard_vocab_limit=False, num_threads=1, minloglevel=2,
        normalization_rule_name="identity", **options)
    return out.getvalue()


def load(model):
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def pieces_of(model):
    loaded = load(model)
    return [loaded.id_to_piece(i) for i in range(loaded.get_piece_size())
            if not (loaded.is_control(i) or loaded.is_unknown(i) or loaded.is_unused(i))]


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def shared_config(shape, **more):
    return {"d_model": shape["width"], "encoder_layers": shape["layers"], "decoder_layers": shape["layers"],
            "encoder_attention_heads": shape["heads"], "decoder_attention_heads": shape["heads"],
            "encoder_ffn_dim": shape["hidden"], "decoder_ffn_dim": shape["hidden"],
            "vocab_size": shape["vocabulary"], "is_encoder_decoder": True, "use_cache": True,
            "scale_embedding": True, **more}


class Marian:
    """source.spm and target.spm give pieces, vocab.json their numbers; the target stands before the text."""

    def __init__(self, english, made, targets):
        self.source, self.target = learn_pieces(english, 230), learn_pieces(made, 420)
        words = ["</s>", "<unk>", *sorted({*pieces_of(self.source), *pieces_of(self.target)}),
                 *(f">>{t}<<" for t in targets), "<pad>"]
        self.vocabulary = {w: i for i, w in enumerate(words)}
        self.words, self.pad, self.eos = words, len(words) - 1, 0
        self.start = self.pad
        self.loaded = {"source": load(self.source), "target": load(self.target)}

    def ids(self, text, side):
        return [self.vocabulary.get(p, 1) for p in self.loaded[side].encode(text, out_type=str)]

    def encode(self, text, source, target):
        return [self.vocabulary[f">>{target}<<"], *self.ids(text, "source"), self.eos]

    def forced(self, target):
        return None

    def decode(self, ids):
        kept = [self.words[i] for i in ids if i not in (self.eos, 1, self.pad)]
        return self.loaded["target"].decode_pieces(kept)

    def write(self, folder, shape, most):
        (folder / "source.spm").write_bytes(self.source)
        (folder / "target.spm").write_bytes(self.target)
        write_json(folder / "vocab.json", self.vocabulary)
        search = {"bad_words_ids": [[self.pad]], "bos_token_id": self.eos, "decoder_start_token_id": self.pad,
                  "eos_token_id": self.eos, "forced_eos_token_id": self.eos, "max_length": most, "num_beams": 4,
                  "pad_token_id": self.pad}
        write_json(folder / "config.json", shared_config(
            shape, _name_or_path="intelligenced/opus-mt-en-toy", architectures=["MarianMTModel"],
            model_type="marian", activation_function="swish", decoder_vocab_size=shape["vocabulary"],
            max_position_embeddings=most, static_position_embeddings=True, normalize_before=False,
            normalize_embedding=False, share_encoder_decoder_embeddings=True, **search))
        write_json(folder / "generation_config.json", {**search, "renormalize_logits": True})
        write_json(folder / "tokenizer_config.json",
                   {"source_lang": "en", "target_lang": "toy", "model_max_length": most, "separate_vocabs": False,
                    "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
                    "tokenizer_class": "MarianTokenizer"})
        write_json(folder / "special_tokens_map.json",
                   {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})


class Multilingual:
    """One SentencePiece model; the source's language stands before the text, the target's is the first token
    that is made."""

    eos = start = 2
    pad = 1

    def __init__(self, lines, languages):
        self.model = learn_pieces(lines, 120)
        self.loaded, self.languages = load(self.model), languages
        self.first = self.count_pieces()
        self.size = self.first + len(languages) + self.extra

    def language(self, code):
        return self.first + self.languages.index(code)

    def encode(self, text, source, target):
        return [self.language(source), *self.ids(text), self.eos]

    def forced(self, target):
        return self.language(target)

    def write(self, folder, shape, most, name, more):
        (folder / "sentencepiece.bpe.model").write_bytes(self.model)
        search = {"bos_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 2, "max_length": most,
                  "pad_token_id": 1}
        write_json(folder / "config.json", shared_config(
            shape, _name_or_path=f"intelligenced/{name}", architectures=["M2M100ForConditionalGeneration"],
            model_type="m2m_100", activation_function="relu", max_position_embeddings=128, **search))
        write_json(folder / "generation_config.json", {**search, **more})
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": self.tokenizer_class, "bos_token": "<s>",
                                                      "eos_token": "</s>", "unk_token": "<unk>",
                                                      "pad_token": "<pad>"})
        write_json(folder / "special_tokens_map.json",
                   {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
                    "additional_special_tokens": [self.token(c) for c in self.languages]})


class M2m100(Multilingual):
    """vocab.json has the numbers of pieces; languages and eight words that mean nothing follow."""

    tokenizer_class, extra = "M2M100Tokenizer", 8

    def count_pieces(self):
        self.words = ["<s>", "<pad>", "</s>", "<unk>", *pieces_of(self.model)]
        self.vocabulary = {w: i for i, w in enumerate(self.words)}
        return len(self.words)

    def token(self, code):
        return f"__{code}__"

    def ids(self, text):
        return [self.vocabulary.get(p, 3) for p in self.loaded.encode(text, out_type=str)]

    def decode(self, ids):
        return self.loaded.decode_pieces([self.words[i] for i in ids if 3 < i < self.first])

    def write(self, folder, shape, most):
        super().write(folder, shape, most, "tiny-m2m100", {"num_beams": 5, "early_stopping": True})
        write_json(folder / "vocab.json", self.vocabulary)


class Nllb(Multilingual):
    """Numbers are the SentencePiece model's own, moved by one; languages and <mask> follow."""

    tokenizer_class, extra = "NllbTokenizer", 1

    def count_pieces(self):
        return self.loaded.get_piece_size() + 1

    def token(self, code):
        return code

    def ids(self, text):
        return [i + 1 if i else 3 for i in self.loaded.encode(text)]

    def decode(self, ids):
        return self.loaded.decode_pieces([self.loaded.id_to_piece(i - 1) for i in ids if 3 < i < self.first])

    def write(self, folder, shape, most):
        super().write(folder, shape, most, "tiny-nllb-200", {})
