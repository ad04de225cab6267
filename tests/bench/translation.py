"""Translation by the daemon against Apertium's own command, on sentences made here."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from support.daemon import Daemon, kib

PAIR = "eng-spa"
# Parts whose combinations give a thousand sentences that differ.
WHO = ("The old teacher", "My sister", "A young doctor", "The mayor of the town", "Our neighbour", "The captain",
       "The woman with the red hat", "His best friend", "Every student", "The last visitor")
DOES = ("opened", "painted", "forgot", "described", "bought", "found", "sold", "repaired", "watched", "lost")
WHAT = ("the small house near the river", "a very old book", "the keys of the garden", "two bottles of wine",
        "the letter that you wrote", "an expensive bicycle", "the window of the kitchen", "a map of the city",
        "the picture of her father", "some good advice")
WHEN = ("yesterday", "last night", "before the meeting", "in the summer", "because it was late", "without a word",
        "when the rain stopped", "on the first day", "after dinner", "with great care")


def sentences(count):
    made = []
    for i in range(count):
        made.append(f"{WHO[i % 10]} {DOES[i // 10 % 10]} {WHAT[i // 100 % 10]} {WHEN[(i * 7 + i // 10) % 10]}.")
    return made


def batch_lines(texts):
    return "".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(texts))


def timed(run):
    start = time.monotonic()
    result = run()
    return result, time.monotonic() - start


def translate(daemon, lines, *options):
    return daemon.mlctl("translate", "--from", "en", "--to", "es", "--batch", *options, text=lines).stdout


def command(text, pair=PAIR):
    return subprocess.run(["apertium", "-u", pair], input=text, capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout


def against_the_command(daemon):
    texts = sentences(1000)
    lines = batch_lines(texts)
    page = "\n\n".join(texts) + "\n"
    translate(daemon, lines)  # the pipelines are resident
    ours, theirs = [], []
    for _ in range(3):
        answer, seconds = timed(lambda: translate(daemon, lines))
        ours.append(seconds)
        whole, seconds = timed(lambda: command(page))
        theirs.append(seconds)
    got = {json.loads(line)["id"]: json.loads(line)["text"] for line in answer.splitlines()}
    single, runs = timed(lambda: [command(text) for text in texts[:20]])
    equal = sum(got[str(i)] == text for i, text in enumerate(single))
    expected = whole.rstrip("\n").split("\n\n")
    same = sum(got[str(i)] == text for i, text in enumerate(expected))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"1,000 sentences: TranslateBatch {mine:.2f} s, one run of apertium over the file {peer:.2f} s, ratio "
          f"{mine / peer:.2f} (aim: at most 1.1); 1,000 runs {runs * 50:.0f} s (20 measured), 1/{runs * 50 / mine:.0f} of "
          f"it (aim: 1/50)")
    print(f"the same as the command: {equal} of 20 single runs, {same} of 1,000 of the file")


class OpenBatch:
    """A batch that stays open: a line in, its answer out."""

    def __init__(self, daemon, *options):
        self.process = daemon.spawn("translate", "--from", "en", "--to", "es", "--batch", *options,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, text):
        self.process.stdin.write(json.dumps({"id": "x", "text": text}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["text"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def first_result(daemon):
    texts = sentences(1000)
    from_start, asked = [], []
    for i in range(7):
        def begin():
            opened = OpenBatch(daemon)
            opened.ask(texts[i])
            return opened
        opened, seconds = timed(begin)
        from_start.append(seconds)
        asked += [timed(lambda j=j: opened.ask(texts[i * 20 + j]))[1] for j in range(10)]
        opened.close()
    print(f"first result of a resident batch: {statistics.median(from_start) * 1000:.0f} ms from the start of mlctl (aim: "
          f"50 ms); a sentence of an open batch {statistics.median(asked) * 1000:.1f} ms")


def tree(pid):
    """A process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def memory(daemon, items):
    worker = daemon.model("apertium")["worker_pid"]
    sizes = []

    def measure():
        sizes.append((kib(daemon.process.pid, "VmRSS", "status"), sum(kib(p, "Pss") for p in tree(worker))))
    measure()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for i in range(items):
            file.write(json.dumps({"id": str(i), "text": "The house."}) + "\n")
        file.flush()
        process = daemon.spawn("translate", "--from", "en", "--to", "es", "--batch", file.name, stdout=subprocess.PIPE)
        start, got = time.monotonic(), 0
        for _ in process.stdout:
            got += 1
            if got % (items // 8) == 0:
                measure()
        process.wait()
        seconds = time.monotonic() - start
    print(f"{got:,} of {items:,} items in {seconds:.0f} s; daemon " +
          ", ".join(f"{d / 1000:.1f}" for d, _ in sizes) + " MB; worker with its programs " +
          ", ".join(f"{w / 1000:.0f}" for _, w in sizes) + " MB")


def beside_a_flood(daemon):
    texts = sentences(1000)
    person = OpenBatch(daemon)
    person.ask(texts[0])
    idle = [timed(lambda i=i: person.ask(texts[i]))[1] for i in range(60)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for _ in range(100):
            file.write(batch_lines(texts))
        file.flush()
        flood = daemon.spawn("--class", "background", "translate", "--from", "en", "--to", "es", "--batch", file.name,
                             stdout=subprocess.PIPE)
        # The batch is under way when it has answered for a while: its jobs are with the scheduler.
        for _ in range(500):
            if not flood.stdout.readline():
                raise SystemExit("the background batch ended before it could be measured")
        drain = threading.Thread(target=lambda: [None for _ in flood.stdout])
        drain.start()
        busy = [timed(lambda i=i: person.ask(texts[i]))[1] for i in range(60)]
        ended = flood.poll() is not None
        flood.terminate()
        flood.wait()
        drain.join()
    person.close()
    mine, peer = statistics.median(busy), statistics.median(idle)
    print(f"a person's sentence: {peer * 1000:.1f} ms idle, {mine * 1000:.1f} ms beside a background batch, ratio "
          f"{mine / peer:.2f} (aim: at most 2){'; the batch had ended' if ended else ''}")


def translation(build):
    if not shutil.which("apertium"):
        print("translation: left out, Apertium is not installed")
        return
    with Daemon(build) as daemon:
        against_the_command(daemon)
        first_result(daemon)
        beside_a_flood(daemon)
        memory(daemon, 100_000)
