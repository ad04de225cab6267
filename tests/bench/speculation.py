"""The speculation benchmark: the copier with and without guesses from its input, and llama-server with its own."""

import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
COPIER = TOP / "packaging/models/copier"
ROUNDS, TEXTS = 5, 6

# Settings of llama-server's guesses from n-grams, of which the best is compared with.
NGRAM_SETTINGS = (
    (),
    ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "3", "--spec-ngram-simple-size-m", "15"),
    ("--spec-type", "ngram-simple"),
    ("--spec-type", "ngram-map-k", "--spec-ngram-map-k-size-n", "3", "--spec-ngram-map-k-size-m", "15"),
    ("--spec-type", "ngram-cache", "--spec-draft-n-max", "15"),
)


def ours(build, model, rounds, texts, *arguments):
    command = [build / "bin/speculation", model, COPIER / "samples.tsv", rounds, texts, *arguments]
    return json.loads(subprocess.run([str(a) for a in command], check=True, capture_output=True, text=True).stdout)


def post(port, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def llama_server(model, settings):
    """Tokens a second of generation over the same texts, median of the rounds; None where it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(["llama-server", "-m", str(model), "--host", "127.0.0.1", "--port", str(port), "-np", "1",
                               "-c", "1024", "--no-webui", *settings],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if server.poll() is not None:
                return None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        samples = [line.split("\t")[0] for line in (COPIER / "samples.tsv").read_text().splitlines()[:TEXTS]]
        speeds = []
        for _ in range(ROUNDS):
            tokens = milliseconds = 0
            for text in samples:
                timings = post(port, "/completion", {"prompt": text + "\n", "n_predict": len(text) // 2,
                                                     "temperature": 0, "cache_prompt": False})["timings"]
                tokens += timings["predicted_n"]
                milliseconds += timings["predicted_ms"]
            speeds.append(1000 * tokens / milliseconds)
        return statistics.median(speeds)
    finally:
        server.terminate()
        server.wait()


def show(name, result, same="yes"):
    accepted = result["accepted"] / max(1, result["drafted"])
    print(f"{name}: {result['plain_tokens_s']} tokens/s without, {result['guided_tokens_s']} with, ratio "
          f"{result['ratio']} by the clock, {result['cpu_ratio']} in processor time; {accepted:.0%} of "
          f"{result['drafted']} guesses right, {result['tokens_a_batch']} tokens a batch; "
          f"{result['as_meant']} of {result['texts']} texts as meant; same text: {same}", flush=True)


def speculation(build):
    """Guesses from the input, on a model that copies it and on one with the work of 0.36 billion parameters."""
    copier = COPIER / "copier.gguf"
    show("copier (1.5 M, fits into the caches)", ours(build, copier, ROUNDS, TEXTS))
    with tempfile.TemporaryDirectory() as folder:
        grown = pathlib.Path(folder) / "grown.gguf"
        subprocess.run([sys.executable, COPIER / "grow.py", copier, grown], check=True)
        result = ours(build, grown, ROUNDS, TEXTS)
        show("the same in the shape of 0.36 B (aim: at least 2)", result)
        show("the same with reproducible = false", ours(build, grown, ROUNDS, TEXTS, 0, "loose"), same="not asked for")
        if shutil.which("llama-server") is None:
            print("llama-server is not installed: not compared")
            return
        measured = {settings: speed for settings in NGRAM_SETTINGS if (speed := llama_server(grown, settings))}
        if not measured:
            print("llama-server did not start: not compared")
            return
        best = max(measured, key=measured.get)
        print(f"llama-server: {measured.get((), 0):.1f} tokens/s without, best {measured[best]:.1f} with "
              f"{' '.join(best) or 'none'}; ours to its best {result['guided_tokens_s'] / measured[best]:.2f}")
