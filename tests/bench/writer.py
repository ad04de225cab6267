"""The writer benchmark: the proofreading model beside the rules, on the same texts in the same run.

    run.py --build DIR writer [--writer FILE.gguf] [--sweep]

Without a file the built-in writer is taken, and where there is none the rules are measured alone. What is measured:
sentences of ../shared/testdata/text/gec; held-out sentences of ../shared/corpus with one error each of every kind
that the generator makes; texts that must be left alone; speed.
"""

import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

from support.daemon import TESTDATA, TOP, Daemon

RECIPE = TOP / "packaging/models/writer"
CORPUS = TESTDATA.parent / "corpus"
RULES = "writing-rules"
# Of one kind, and without errors.
EACH, CLEAN = 40, 300
MARKS = ("\x02", "\x03")

# Texts that a proofreader of English should leave alone rather than spoil.
LEAVE_ALONE = {
    "Spanish": "El comit\u00e9 ha decidido que todas las solicitudes se revisen antes de fin de mes. No sabemos todav\u00eda "
               "qui\u00e9n va a venir a la reuni\u00f3n.",
    "German": "Der Ausschuss hat beschlossen, alle Antr\u00e4ge vor Ende des Monats zu pr\u00fcfen. Wir wissen noch nicht, "
              "wer zur Sitzung kommen wird.",
    "French": "Le comit\u00e9 a d\u00e9cid\u00e9 d'examiner toutes les demandes avant la fin du mois. Nous ne savons pas encore qui "
              "viendra.",
    "Latin letters, no language": "Qwx zrtk plom vastu nerim oloka desti brun ghal omev.",
    "Python": "def corrupt(text, rate=0.1):\n    for i, word in enumerate(text.split()):\n        if random() < rate:\n"
              "            yield i, slip(word)\n    return None\n",
    "C": "int main(int argc, char **argv) {\n  printf(\"%d\\n\", argc);\n  return argv[0] == NULL;\n}\n",
    "shell": "$ git pull --rebase origin main && ninja -C build -j2 all\n$ ls -la ./build/bin | grep test\n",
    "log": "2024-05-24 10:30:11 [12] WARN lease lost (model=a, holder=b)\n2024-05-24 10:30:12 [12] INFO reloaded in 45 ms\n",
    "table": "| name | age | city |\n|---|---|---|\n| Ann | 41 | Oslo |\n| Bob | 37 | Turin |\n",
    "tabs": "item\tcount\tprice\nnails\t200\t3.50\nglue\t2\t8.20\n",
    "list of names": "Anna Lindqvist\nBob Okafor\nChen Wei\nDmitri Karpov\nElif Yilmaz\n",
    "poem": "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\n"
            "Could frame thy fearful symmetry?\n",
    "older poem": "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n"
                  "Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date;\n",
    "capitals": "ALL VISITORS MUST REPORT TO THE FRONT DESK BEFORE THEY ENTER THE BUILDING.",
    "empty lines": "\n\n\n\n   \n\n",
    "marks": "... !!! ??? --- *** ((( )))",
    "numbers": "3.14159 2.71828 1.41421 1.61803 0.57721",
    "addresses": "https://example.org/their/loose?a=1&b=2 anna.smith@example.org /usr/share/doc/their/README.md",
}


class Proofreader:
    """One model of a running daemon."""

    def __init__(self, daemon, model):
        self.daemon, self.model = daemon, model

    def run(self, texts, clients=8):
        given = "".join(json.dumps(text) + "\n" for text in texts)
        done = subprocess.run([self.daemon.bin / "writer_eval", self.daemon.socket, self.model, str(clients)],
                              input=given, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def applied(text, edits):
    data = text.encode()
    for start, end, replacement, _ in sorted(edits, reverse=True):
        data = data[:start] + replacement.encode() + data[end:]
    return data.decode()


def held_out():
    """Sentences of documents that no training has seen, as prepare.py chooses them; None without the corpus."""
    if not CORPUS.exists():
        return None
    sys.path.insert(0, str(RECIPE))
    import prepare
    found = []
    for path in sorted(CORPUS.glob("english*.jsonl.zst")):
        for document in prepare.documents(path):
            if not prepare.is_held_out(document["title"]):
                continue
            for paragraph in document["text"].split("\n\n"):
                paragraph = " ".join(paragraph.split())
                if prepare.is_prose(paragraph):
                    found += [s for s in prepare.sentences(paragraph) if 6 <= len(s.split()) <= 30 and s[-1] in ".!?"]
    random.Random(3).shuffle(found)
    return found


def generated(sentences):
    """For each kind, (with one error, as it should be); and clean sentences."""
    sys.path.insert(0, str(RECIPE))
    from errors import KINDS, ErrorMaker
    maker, source, made = ErrorMaker(), random.Random(11), {}
    # Run-ons and the ends of sentences need more than one of them.
    texts = iter(sentences[CLEAN:])
    for kind in KINDS:
        made[kind] = []
        for text in texts:
            if kind == "run-on":
                text += " " + next(texts, "They said so.")
            result = maker.corrupt(text, source, "light", [kind], 1)
            if result.edits:
                made[kind].append((result.text, text))
            if len(made[kind]) == EACH:
                break
    return made, sentences[:CLEAN]


def score(pairs, answers):
    """Found, wrong edits, texts: of texts with one error each."""
    found = wrong = 0
    for (given, meant), answer in zip(pairs, answers):
        edits = answer.get("edits", [])
        if answer.get("text") == meant:
            found += 1
        elif any(applied(given, [edit]) == meant for edit in edits):
            found += 1
            wrong += len(edits) - 1
        else:
            wrong += len(edits)
    return found, wrong, len(pairs)


def figures(found, wrong, count):
    precision = found / (found + wrong) if found + wrong else 1.0
    recall = found / count if count else 0.0
    divisor = 0.25 * precision + recall
    return precision, recall, 1.25 * precision * recall / divisor if divisor else 0.0


def gec():
    folder = TESTDATA / "text" / "gec"
    wrong = [line.split("\t")[:2] for line in (folder / "corrections_dev.tsv").read_text().splitlines() if "\t" in line]
    right = [line.split("\t")[0] for line in (folder / "correct_dev.tsv").read_text().splitlines() if line]
    return wrong, right


def on_gec(proofreader, wrong, right):
    answers = proofreader.run([given for given, _ in wrong])
    exact = sum(answer.get("text") == meant for (_, meant), answer in zip(wrong, answers))
    changed = sum(answer.get("text", text) != text for text, answer in zip(right, proofreader.run(right)))
    print(f"{proofreader.model}: text/gec: {exact} of {len(wrong)} exactly right ({exact / len(wrong):.2%}), "
          f"{changed} of {len(right)} correct ones changed ({changed / len(right):.2%})", flush=True)
    return exact / len(wrong), changed / len(right)


def on_generated(proofreaders, sentences):
    made, clean = generated(sentences)
    table, totals = {}, {}
    for proofreader in proofreaders:
        sums = [0, 0, 0]
        for kind, pairs in made.items():
            counted = score(pairs, proofreader.run([given for given, _ in pairs]))
            sums = [a + b for a, b in zip(sums, counted)]
            table.setdefault(kind, []).append(figures(*counted))
        totals[proofreader.model] = figures(*sums)
        changed = sum(answer.get("text", text) != text for text, answer in zip(clean, proofreader.run(clean)))
        precision, recall, f = totals[proofreader.model]
        print(f"{proofreader.model}: held-out sentences with one error of {len(made)} kinds, {EACH} each: precision "
              f"{precision:.2f}, recall {recall:.2f}, F0.5 {f:.2f}; of {len(clean)} clean ones {changed} changed")
    print("precision, recall, F0.5 by kind: " + ", then ".join(p.model for p in proofreaders))
    for kind, rows in table.items():
        print(f"  {kind:15}" + "   ".join(f"{p:.2f} {r:.2f} {f:.2f}" for p, r, f in rows))


def on_what_to_leave(proofreader, sentences):
    texts = dict(LEAVE_ALONE)
    if sentences:
        texts["10,000 words"] = " ".join(" ".join(sentences).split()[:10000])
    changed, rows = 0, []
    for (name, text), answer in zip(texts.items(), proofreader.run(list(texts.values()), 1)):
        edits = answer.get("edits", [])
        share = sum(len(text.encode()[a:b]) for a, b, _, _ in edits) / max(1, len(text.encode()))
        changed += bool(edits) and name != "10,000 words"
        if edits:
            rows.append(f"{name}: {len(edits)} edits, {share:.1%} of it")
    print(f"{proofreader.model}: changed {changed} of {len(texts) - ('10,000 words' in texts)} texts that are to be "
          f"left alone{': ' if rows else ''}{'; '.join(rows)}", flush=True)


def speed(build, daemon, proofreader, file, sentences):
    sample = sentences[CLEAN:CLEAN + 60]
    one = proofreader.run(sample, 1)
    # Without the first: it loads the model.
    first = statistics.median(answer["first_ms"] for answer in one[1:])
    seconds = sum(answer["ms"] for answer in one[1:]) / 1000
    print(f"{proofreader.model}: {len(one[1:]) / seconds:.1f} sentences/s one after another, first correction or end "
          f"after {first:.0f} ms")
    if file is None:
        return
    made, _ = generated(sentences)
    samples = daemon.root / "samples.tsv"
    pairs = [pair for pairs in made.values() for pair in pairs[:1]][:20]
    samples.write_text("".join(f"{given}\t{meant}\n" for given, meant in pairs))
    result = json.loads(subprocess.run([build / "bin/speculation", file, samples, "3", "20", "0", "-", *MARKS],
                                       check=True, capture_output=True, text=True).stdout)
    print(f"{proofreader.model}: {result['plain_tokens_s']} tokens/s without speculation, "
          f"{result['guided_tokens_s']} with, ratio {result['ratio']}")


def manifest(file, name, parameters):
    return {"name": name, "version": "1", "title": "Writer", "engine": "llama", "family": "llama",
            "license": "Apache-2.0", "origin": "built-in", "built_in": True, "rank": 1,
            "capabilities": ["language.generate", "writing.proofread"],
            "parameters": {"x-proofread.prompt": "{text}".join(MARKS), "x-proofread.part_bytes": "400",
                           "x-proofread.prose_only": "true", "x-proofread.english_only": "true", **parameters},
            "files": [{"role": "model", "name": "writer.gguf", "path": str(file), "size_bytes": file.stat().st_size}]}


# Of the sweep: the lowest confidence of the model's edits, of the rules' own ones.
THRESHOLDS = [(0.5, 0), (0.8, 0), (0.9, 0), (0.95, 0), (0.98, 0), (0.99, 0), (0.9, 0.8), (0.95, 0.9)]


def writer(build, file=None, sweeping=False):
    if not (TESTDATA / "text" / "gec").exists():
        print("writer: left out, the test data is not here")
        return
    built_in = build / "share/intelligenced/models"
    name = "writer"
    shipped = built_in / "writer.json"
    if file is None and shipped.exists():
        file = pathlib.Path(json.loads(shipped.read_text())["files"][0]["path"])
    with tempfile.TemporaryDirectory(prefix="intelligenced-writer-") as folder:
        models = pathlib.Path(folder)
        variants = []
        if file is not None and (not shipped.exists() or sweeping):
            choices = [("writer", {"x-proofread.min_confidence": "0.95", "x-proofread.rules": "true"})]
            if sweeping:
                choices = [("writer-alone", {})] + [
                    (f"writer-{int(model * 100)}-{int(rules * 100)}",
                     {"x-proofread.min_confidence": str(model), "x-proofread.rules": "true",
                      "x-proofread.rules_confidence": str(rules)}) for model, rules in THRESHOLDS]
            for name, parameters in choices:
                (models / f"{name}.json").write_text(json.dumps(manifest(file.resolve(), name, parameters)))
                variants.append(name)
        config = f'[models]\nbuilt_in = ["{built_in}", "{models}"]\n'
        with Daemon(build, config) as daemon:
            wrong, right = gec()
            if sweeping:
                for model in [RULES, *variants]:
                    on_gec(Proofreader(daemon, model), wrong, right)
                return
            proofreaders = [Proofreader(daemon, RULES)]
            if file is not None:
                proofreaders.append(Proofreader(daemon, name))
            else:
                print("there is no writer here: the rules alone")
            scores = [on_gec(proofreader, wrong, right) for proofreader in proofreaders]
            if len(scores) == 2:
                better = scores[1][0] > scores[0][0] and scores[1][1] <= scores[0][1]
                print(f"exact share {scores[1][0] / scores[0][0]:.2f} times the rules' (aim: 1.5, at no more false "
                      f"changes): the writer {'takes over' if better else 'does not take over'}")
            sentences = held_out()
            if sentences is None:
                print("generated errors: left out, the corpus is not here")
            else:
                on_generated(proofreaders, sentences)
            for proofreader in proofreaders:
                on_what_to_leave(proofreader, sentences)
                if sentences is not None:
                    speed(build, daemon, proofreader, file if proofreader.model != RULES else None, sentences)
