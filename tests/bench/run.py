#!/usr/bin/env python3
"""Runs the benchmarks and prints what they measured, as ratios against a peer of the same run.

usage: run.py --build DIR [NAME…]     (through ./dev bench)

Names: memory, overhead, recovery, streaming, streaming-large, proofread, language, vision, mixed-load,
speculation, llm, actions, translation, translator, writer, image. Default: all.
Each starts a daemon of its own. Nothing here is an assertion: hardware that is shared is noisy.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench import llm as llm_bench  # noqa: E402
from bench.speculation import speculation  # noqa: E402
from support.daemon import TESTDATA, TOP, Daemon, import_language_model, kib  # noqa: E402


def memory(build):
    """Idle daemon, and what eight clients on one model need beside one."""
    with Daemon(build) as daemon:
        pid = daemon.process.pid
        print(f"idle daemon: {kib(pid, 'VmRSS', 'status') / 1000:.1f} MB resident (aim: under 30)")
        name, _ = import_language_model(daemon)

        def total(clients):
            running = [daemon.spawn("generate", "--model", name, "--seed", str(i), "--max-output-tokens", "100000",
                                    "--temperature", "1", "Once upon a time") for i in range(clients)]
            sizes = []
            while len(sizes) < 5:
                workers = [m["worker_pid"] for m in daemon.models() if m.get("leases", 0) == clients]
                if workers:
                    sizes.append(sum(kib(p, "Pss") for p in [pid, *workers]))
                elif all(p.poll() is not None for p in running):
                    break
            copies = len([m for m in daemon.models() if m["name"] == f"models/{name}"])
            for process in running:
                process.terminate()
                process.wait()
            if not sizes:
                raise SystemExit("the requests ended before they could be measured together")
            return max(sizes), copies

        total(1)
        one, _ = total(1)
        eight, copies = total(8)
        print(f"daemon and workers, proportional: one client {one / 1000:.1f} MB, eight {eight / 1000:.1f} MB, "
              f"ratio {eight / one:.3f} (aim: under 1.1); resident copies: {copies}")


def overhead(build):
    """A GetStatus round trip against a bare gRPC echo."""
    with Daemon(build) as daemon:
        result = json.loads(subprocess.run([daemon.bin / "status_round_trip", daemon.socket], check=True,
                                           capture_output=True, text=True).stdout)
        print(f"GetStatus {result['daemon_us']} us, bare echo {result['echo_us']} us, "
              f"ratio {result['ratio']} (aim: at most 1.3)")


def recovery(build):
    """From the death of a model's worker to the next answer, on a small model."""
    with Daemon(build) as daemon:
        name, _ = import_language_model(daemon)
        generate = ("generate", "--model", name, "--temperature", "0", "--max-output-tokens", "1", "Once")
        whole, answer = [], []
        for _ in range(5):
            daemon.mlctl(*generate)
            start = time.monotonic()
            daemon.mlctl(*generate)
            answer.append(time.monotonic() - start)
            os.kill(daemon.model(name)["worker_pid"], signal.SIGKILL)
            start = time.monotonic()
            daemon.mlctl(*generate)
            whole.append(time.monotonic() - start)
        print(f"killed to answered: {statistics.median(whole) * 1000:.0f} ms in the middle of 5, "
              f"{max(whole) * 1000:.0f} ms at most (aim: under 1000); an answer otherwise: "
              f"{statistics.median(answer) * 1000:.0f} ms")


def stream(daemon, name, file, *arguments):
    result = json.loads(subprocess.run([daemon.bin / "stream_overhead", daemon.socket, name, file, *map(str, arguments)],
                                       check=True, capture_output=True, text=True).stdout)
    print(f"{name}, {result['clients']} clients: served {result['served_tokens_s']} tokens/s, engine alone "
          f"{result['in_process_tokens_s']}, ratio {result['ratio']} (1 is no overhead)")


def streaming(build):
    """Streaming to 16 clients against the engine alone, on a tiny model: the hard case."""
    with Daemon(build) as daemon:
        stream(daemon, *import_language_model(daemon), 16, 200, 7)


def streaming_large(build):
    """The same on a model of 0.4 billion random parameters."""
    with Daemon(build) as daemon:
        file = f"{daemon.root}/random.gguf"
        subprocess.run([sys.executable, TOP / "packaging/models/random_llama.py", file], check=True,
                       stdout=subprocess.DEVNULL)
        daemon.mlctl("models", "import", file, "--name", "random")
        stream(daemon, "random", file, 8, 24, 3)


def proofread(build):
    """The built-in proofreader on the development sentences."""
    gec = TESTDATA / "text" / "gec"
    if not gec.exists():
        print("proofread: left out, the test data is not here")
        return
    subprocess.run([build / "bin" / "proofread_eval", gec / "corrections_dev.tsv", gec / "correct_dev.tsv"], check=True)


def vision(build):
    """Reading pages and barcodes against Tesseract's and ZXing's own programs; many questions at once."""
    # Its peers are packages that the others do without.
    from bench.vision import vision as run
    run(build)


def language(build):
    """How often the language of a text is told, by its length, beside CLD2 alone in the same run."""
    subprocess.run([build / "bin/language_eval"], check=True)


def translation_onnx(build):
    """A translating model in ONNX: 16 sentences in one request against 16 requests of one."""
    subprocess.run([build / "bin/seq2seq_batch", TOP / "packaging/models/toy-translator/opus-mt-en-toy"],
                   check=True, stderr=subprocess.DEVNULL)


def image(build):
    """Drawing pictures: how long, cancelled how soon, beside a person's other work, against a plain loop."""
    from bench.image import image as run
    run(build)


def mixed_load(build):
    """What interactive work loses to other apps' background work."""
    from bench.mixed_load import mixed_load as run
    run(build)


def llm(build):
    """Language models against llama.cpp's own server: ratios, with the figures of both."""
    llm_bench.run(build)


def actions(build):
    """Sentences that become actions: how often rightly, and how fast among 1,000 actions."""
    subprocess.run([build / "bin" / "resolve_actions"], check=True)
    with Daemon(build) as daemon:
        subprocess.run([build / "bin" / "actions_daemon", daemon.socket], check=True)


def translation(build):
    """TranslateBatch against Apertium's command; the first result; memory; a person beside a flood."""
    from bench.translation import translation as run
    run(build)


def translator(build):
    """BLEU and chrF of the built-in translator and of Apertium, by register."""
    from bench.translator import translator as run
    run(build)


def writer(build, file=None, sweep=False):
    """The proofreading model beside the rules: sentences, errors by kind, what is to be left alone, speed."""
    from bench.writer import writer as run
    run(build, file, sweep)


BENCHMARKS = {
    "memory": memory, "overhead": overhead, "recovery": recovery, "streaming": streaming,
    "streaming-large": streaming_large, "proofread": proofread, "language": language, "vision": vision,
    "translation-onnx": translation_onnx, "mixed-load": mixed_load, "speculation": speculation, "llm": llm,
    "actions": actions, "translation": translation, "translator": translator, "writer": writer,
    "image": image,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--writer", type=pathlib.Path, help="a GGUF in place of the built-in writer")
    parser.add_argument("--sweep", action="store_true", help="writer: what its thresholds do on development data")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in arguments.names or BENCHMARKS:
        print(f"== {name}: {BENCHMARKS[name].__doc__.splitlines()[0]}", flush=True)
        options = (arguments.writer, arguments.sweep) if name == "writer" else ()
        BENCHMARKS[name](arguments.build.resolve(), *options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
