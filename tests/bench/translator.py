"""The built-in translator beside Apertium, both through the daemon: BLEU, chrF and sentences a second on the
held-out slice of each register and on the everyday sentences. All of it is development text."""

import json
import sys
import time

from bench.text_scores import bleu, chrf
from support.daemon import TOP, Daemon

sys.path.insert(0, str(TOP / "packaging/models/translator"))
import corpus  # noqa: E402

MOST = 120
# Where export.py is told to write by its README; not part of the repository.
EXPORT = TOP / "build/translator/export"


def sets():
    """By name: pairs of English and Spanish."""
    made = {"everyday": corpus.everyday()}
    if not corpus.CORPUS.exists():
        print("the parallel corpus is not here: everyday sentences alone")
        return made
    held = corpus.load(only_held_out=True)[1]
    for register in corpus.REGISTERS:
        pairs = [(pair.english, pair.spanish) for pair in held if pair.register == register]
        made[register] = pairs[::max(1, len(pairs) // MOST)][:MOST]
    return made


def translate(daemon, texts, source, target, model):
    lines = "".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(texts))
    begin = time.monotonic()
    answer = daemon.mlctl("translate", "--from", source, "--to", target, "--batch", "--model", model, text=lines).stdout
    seconds = time.monotonic() - begin
    got = [json.loads(line) for line in answer.splitlines()]
    by_id = {line["id"]: line for line in got}
    lines = [by_id[str(i)] for i in range(len(texts))]
    told = sum(bool(line.get("untranslated") or line.get("truncated")) for line in lines)
    return [line.get("text", "") for line in lines], seconds, told


def engines(daemon):
    made = []
    if daemon.mlctl("models", "show", "translator", check=False).returncode == 0:
        made.append("translator")
    elif EXPORT.exists():
        daemon.mlctl("models", "import", EXPORT, "--name", "translator")
        made.append("translator")
    else:
        print("no translator is built in, and none lies in build/translator/export: Apertium alone")
    if daemon.mlctl("translate", "--from", "en", "--to", "es", "--model", "apertium", "--text", "Hello",
                    check=False).returncode == 0:
        made.append("apertium")
    return made


def translator(build):
    texts = sets()
    with Daemon(build) as daemon:
        names = engines(daemon)
        for source, target in (("en", "es"), ("es", "en")):
            everything = {name: ([], []) for name in names}
            seconds, count, told = dict.fromkeys(names, 0.0), 0, dict.fromkeys(names, 0)
            for name in names:
                translate(daemon, ["Hello." if source == "en" else "Hola."], source, target, name)
            for register, pairs in texts.items():
                given = [pair[source == "es"] for pair in pairs]
                references = [pair[source == "en"] for pair in pairs]
                count += len(pairs)
                parts = []
                for name in names:
                    made, took, faults = translate(daemon, given, source, target, name)
                    seconds[name] += took
                    told[name] += faults
                    everything[name][0].extend(made)
                    everything[name][1].extend(references)
                    parts.append(f"{name} {bleu(made, references):.1f} BLEU {chrf(made, references):.1f} chrF")
                print(f"{source}>{target} {register} ({len(pairs)}): {', '.join(parts)}", flush=True)
            scores = {name: bleu(*everything[name]) for name in names}
            for name in names:
                print(f"{source}>{target} in all: {name} {scores[name]:.1f} BLEU {chrf(*everything[name]):.1f} chrF, "
                      f"{count / seconds[name]:.0f} sentences/s, {told[name]} of {count} with untranslated or cut-off "
                      "parts")
            if len(names) == 2:
                print(f"{source}>{target}: ratio of BLEU {scores['translator'] / scores['apertium']:.2f} (aim: at "
                      f"least 1.5), of sentences/s {seconds['apertium'] / seconds['translator']:.2f}")
