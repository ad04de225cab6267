"""What a person notices of other apps' background work: proofreading while four clients look at pictures."""

import contextlib
import json
import statistics
import threading

from support.daemon import TESTDATA, TOP, Daemon

PAGE = TESTDATA / "ocr_images" / "tesseract" / "phototest.tif"
CLIENTS, REQUESTS, ROUNDS = 4, 20, 5


def proofreading_times(daemon, text):
    """The daemon's own times of REQUESTS requests, one after the other, in seconds."""
    for _ in range(REQUESTS):
        daemon.mlctl("proofread", text=text)
    lines = daemon.mlctl("activity", "--json", "--count", "400").stdout.splitlines()
    own = [record for record in map(json.loads, lines) if record["method"].endswith("ProofreadText")]
    own.sort(key=lambda record: record["time"])
    return [record["duration_seconds"] for record in own[-REQUESTS:]]


@contextlib.contextmanager
def lookers(daemon, command):
    """CLIENTS clients that do `command` in the background, again and again."""
    done = threading.Event()
    pages = []

    def read():
        while not done.is_set():
            daemon.mlctl(*command, "--class", "background")
            pages.append(1)

    threads = [threading.Thread(target=read) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield pages
    finally:
        done.set()
        for thread in threads:
            thread.join()


def proofread_beside(daemon, command, what, rounds=ROUNDS):
    """Prints how long a proofreading takes beside clients that do `command`, and alone."""
    text = (TOP / "packaging/tour/article.md").read_text()
    daemon.mlctl(*command)
    proofreading_times(daemon, text)
    ratios, idle, loaded, read = [], [], [], 0
    for _ in range(rounds):
        idle.append(statistics.median(proofreading_times(daemon, text)))
        with lookers(daemon, command) as pages:
            loaded.append(statistics.median(proofreading_times(daemon, text)))
            read += len(pages)
        ratios.append(loaded[-1] / idle[-1])
    print(f"proofreading of {len(text)} bytes beside {CLIENTS} clients that {what} in the background: "
          f"{statistics.median(loaded) * 1000:.1f} ms, idle {statistics.median(idle) * 1000:.1f} ms, ratio "
          f"{statistics.median(ratios):.2f} (aim: at most 1.5); {read} pictures looked at meanwhile")


def mixed_load(build):
    if not PAGE.exists():
        print("mixed-load: left out, the test data is not here")
        return
    with Daemon(build) as daemon:
        proofread_beside(daemon, ["ocr", PAGE], "read pages")
