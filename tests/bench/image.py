"""Drawing pictures: how long, how soon it ends when cancelled, and what it does to a person's other work."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading

from bench.mixed_load import proofreading_times
from support.daemon import TOP, Daemon
from support.painter import random_painter

PROMPT = "a red car under a yellow sun"
STEPS, ROUNDS, TOGETHER = 20, 5, 4


class Painter:
    """Draws with a daemon's best model into a folder of its own."""

    def __init__(self, daemon, folder):
        self.daemon, self.folder = daemon, pathlib.Path(folder)

    def command(self, name, seed, *flags):
        return ["imagine", PROMPT, "--seed", seed, "--steps", STEPS, "-o", self.folder / f"{name}.png", "--json", *flags]

    def draw(self, name, seed, *flags):
        return json.loads(self.daemon.mlctl(*self.command(name, seed, *flags)).stdout)

    def file(self, name):
        return (self.folder / f"{name}.png").read_bytes()


def draw_alone(painter):
    """The pictures that are compared later, and what one of them computes."""
    painter.draw("warm", 0)
    return statistics.median(painter.draw(f"alone-{seed}", seed)["usage"]["compute_time_seconds"] for seed in range(ROUNDS))


def latency(build, daemon, model):
    """Through the SDK: a whole call, and how soon a cancelled one is gone (image_latency.cc)."""
    program = build / "bin" / "image_latency"
    if not program.exists():
        return print("time of a call and of a cancellation: left out, the program image_latency is not built")
    result = json.loads(subprocess.run([program, daemon.socket, model["model"], str(STEPS), str(ROUNDS)], check=True,
                                       capture_output=True, text=True).stdout)
    whole, ended, following = (result[key] for key in ("whole_seconds", "cancelled_ended_ms", "cancelled_next_progress_ms"))
    print(f"{model['model']}, {model['width']}x{model['height']}, {STEPS} steps: {whole['median']:.2f} s the whole call, "
          f"{whole['most']:.2f} s at most, on {os.cpu_count()} cores (aim: 3 s on 2)")
    print(f"cancelled somewhere in a step: its work has ended after {ended['median']:.0f} ms, {ended['most']:.0f} ms at most; the "
          f"next request's first progress comes after {following['median']:.0f} ms, {following['most']:.0f} ms at most, and "
          f"{result['idle_first_progress_ms']['median']:.0f} ms after it is made when nothing went before (aim: under 200)")


def beside(daemon, painter):
    """Proofreading while four clients draw in the background, again and again; what they draw is compared."""
    text = (TOP / "packaging/tour/article.md").read_text()
    proofreading_times(daemon, text)
    ratios, idle, loaded, drawn, other = [], [], [], 0, 0
    alone = {seed: painter.file(f"alone-{seed}") for seed in range(TOGETHER)}
    for _ in range(3):
        idle.append(statistics.median(proofreading_times(daemon, text)))
        done = threading.Event()
        counts = [[0, 0] for _ in range(TOGETHER)]

        def work(seed):
            while not done.is_set():
                painter.draw(f"beside-{seed}", seed, "--class", "background")
                counts[seed][0] += 1
                counts[seed][1] += painter.file(f"beside-{seed}") != alone[seed]

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(TOGETHER)]
        for thread in threads:
            thread.start()
        loaded.append(statistics.median(proofreading_times(daemon, text)))
        done.set()
        for thread in threads:
            thread.join()
        ratios.append(loaded[-1] / idle[-1])
        drawn += sum(c[0] for c in counts)
        other += sum(c[1] for c in counts)
    print(f"proofreading of {len(text)} bytes beside {TOGETHER} clients that draw in the background: "
          f"{statistics.median(loaded) * 1000:.1f} ms, idle {statistics.median(idle) * 1000:.1f} ms, ratio "
          f"{statistics.median(ratios):.2f} (aim: at most 1.5)")
    print(f"{drawn} pictures drawn meanwhile, {drawn - other} of them bit-identical with those drawn alone")


def together(painter, one):
    computed = painter.draw("together", 0, "--count", TOGETHER)["usage"]["compute_time_seconds"]
    print(f"{TOGETHER} pictures in one request: {computed:.2f} s of computing, {computed / (TOGETHER * one):.2f} times that of "
          f"{TOGETHER} requests")


def against_plain_loop(build, folder):
    """The pipeline's steps against a plain loop over the same network, in one process."""
    program = build / "bin" / "image_steps"
    if not program.exists():
        print("steps against a plain loop: left out, the program image_steps is not built")
        return
    result = json.loads(subprocess.run([program, folder, str(STEPS)], check=True, capture_output=True, text=True).stdout)
    print("steps against a plain loop of ONNX Runtime over the same network (aim of the ratio: 1.05):",
          ", ".join(f"{key} {value}" for key, value in result.items()))


def image(build):
    build = pathlib.Path(build)
    with tempfile.TemporaryDirectory() as folder:
        config = random_painter(build, folder)
        with Daemon(build, config) as daemon:
            model = json.loads(daemon.mlctl("imagine", "--styles", "--json").stdout)
            if model["model"] == "models/random-painter":
                print("no model is built in that draws: one of random weights stands in")
            painter = Painter(daemon, folder)
            one = draw_alone(painter)
            latency(build, daemon, model)
            together(painter, one)
            beside(daemon, painter)
        own = build / "share/intelligenced/models" / model["model"].removeprefix("models/")
        against_plain_loop(build, own if own.is_dir() else pathlib.Path(folder) / "painter")
