"""The language model service against llama.cpp's own server, on one file, with the same threads, in turn.

Prints a table: for each figure our median, llama-server's, the ratio and the aim. The model has random weights and a
real shape (0.4 B parameters), so speed is real and text is noise. llama-server runs as Debian ships it, with eight slots.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from support.daemon import TOP, Daemon

NAME = "random"
SLOTS = 8
WORDS = ("the boat went over the sea and a man with a red hat said that there are nine dogs on the hill who want to see "
         "rain in the morning before they go home again to eat some bread with milk and sleep near a warm fire ").split()
# Every round has a tool prompt of its own: type, length and format of the summary of a conversation.
TOOLS = [(kind, length, form) for form in (1, 2) for length in (1, 2, 3) for kind in (1, 2)]


def words(count, seed):
    """Text that begins differently for every seed."""
    return " ".join([f"number {seed}"] + [WORDS[(seed * 7 + i * (1 + seed % 5)) % len(WORDS)] for i in range(count)])


class Result:
    """Times of one request, in seconds from when it was due."""

    def __init__(self, due, end, deltas, inputs, cached, outputs):
        self.first = (deltas[0] if deltas else end) - due
        self.end = end
        self.deltas = deltas
        self.inputs, self.cached, self.outputs = inputs, cached, outputs

    def decode_rate(self):
        return (self.outputs - 1) / (self.deltas[-1] - self.deltas[0])

    def gaps(self):
        return [b - a for a, b in zip(self.deltas, self.deltas[1:])]


def request(at, messages=None, tokens=0, request_class=1, summarize=None):
    """What is asked, for both servers. summarize: (text, type, length, format)."""
    return {"at": at, "messages": messages, "tokens": tokens, "class": request_class, "summarize": summarize}


def ask(text):
    return [["user", text]]


class Ours:
    name = "intelligenced"

    def __init__(self, build, file, config=""):
        self.daemon = Daemon(build, config)
        self.daemon.mlctl("models", "import", file, "--name", NAME)
        self.apps = []

    def run(self, requests):
        """One app for each request; results in their order."""
        while len(self.apps) < len(requests):
            # The executable is the app's identity: a copy is another client.
            app = self.daemon.root / f"app{len(self.apps)}"
            shutil.copy(self.daemon.bin / "llm_load", app)
            self.apps.append(app)
        running = []
        for app in self.apps[:len(requests)]:
            process = subprocess.Popen([app, self.daemon.socket, NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
            process.stdout.readline()
            running.append(process)
        start = time.monotonic_ns() + 50_000_000
        due = []
        for process, wanted in zip(running, requests):
            at = start + int(wanted["at"] * 1e9)
            due.append(at)
            line = {"id": 0, "at": at, "class": wanted["class"]}
            if wanted["summarize"]:
                line.update(zip(("text", "type", "length", "format"), wanted["summarize"]))
            else:
                line.update(messages=wanted["messages"], max_tokens=wanted["tokens"])
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.close()
        results = []
        for process, at in zip(running, due):
            got = json.loads(process.stdout.readline())
            process.wait()
            if "error" in got:
                raise SystemExit(f"intelligenced: {got['error']}")
            results.append(Result(at / 1e9, got["end"] / 1e9, [t / 1e9 for t in got["deltas"]], got["input_tokens"],
                                  got["cached_tokens"], got["output_tokens"]))
        return results

    def load(self):
        """From a request for a model that is not loaded to its first token."""
        self.daemon.mlctl("models", "unload", NAME, check=False)
        return self.run([request(0, ask("hello"), 4)])[0].first

    def close(self):
        self.daemon.close()


class LlamaServer:
    name = "llama-server"

    def __init__(self, build, file, threads):
        self.bin, self.file, self.threads = build / "bin", file, threads
        self.process = None
        self.log = tempfile.TemporaryFile()
        self.start()

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            ["llama-server", "-m", self.file, "--host", "127.0.0.1", "--port", str(self.port), "-np", str(SLOTS), "-c",
             str(4096 * SLOTS), "-t", str(self.threads), "-tb", str(self.threads)], stdout=self.log, stderr=self.log)
        while True:
            if self.process.poll() is not None:
                raise SystemExit("llama-server did not start")
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self.port)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.002)

    def messages(self, wanted):
        if not wanted["summarize"]:
            return [{"role": role, "content": text} for role, text in wanted["messages"]]
        return json.loads(subprocess.run([self.bin / "llm_load", "--prompt", *map(str, wanted["summarize"])], check=True,
                                         capture_output=True, text=True).stdout)

    def run(self, requests):
        bodies = [json.dumps({"messages": self.messages(wanted), "max_tokens": wanted["tokens"], "temperature": 0,
                              "stream": True, "ignore_eos": True, "stream_options": {"include_usage": True}})
                  for wanted in requests]
        start = time.monotonic() + 0.05
        results = [None] * len(requests)

        def one(index):
            due = start + requests[index]["at"]
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.connect()
            time.sleep(max(0, due - time.monotonic()))
            connection.request("POST", "/v1/chat/completions", bodies[index], {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise SystemExit(f"llama-server: {response.read()[:300]}")
            deltas, usage, cached = [], {}, 0
            for line in response:
                if not line.startswith(b"data: {"):
                    continue
                got = json.loads(line[6:])
                usage = got.get("usage") or usage
                cached = got.get("timings", {}).get("cache_n", cached)
                if any(choice.get("delta", {}).get("content") for choice in got.get("choices", [])):
                    deltas.append(time.monotonic())
            results[index] = Result(due, time.monotonic(), deltas, usage.get("prompt_tokens", 0), cached,
                                    usage.get("completion_tokens", 0))

        threads = [threading.Thread(target=one, args=[index]) for index in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if None in results:
            raise SystemExit("llama-server did not answer every request")
        return results

    def load(self):
        """From starting the process, model in the page cache, to the first token of its first request."""
        self.close()
        begin = time.monotonic()
        self.start()
        result = self.run([request(0, ask("hello"), 4)])[0]
        return result.deltas[0] - begin - 0.05

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Figures:
    """Values of each figure by server, and what they should be."""

    def __init__(self):
        self.values = {}
        self.notes = {}

    def add(self, figure, server, value):
        self.values.setdefault(figure, {}).setdefault(server.name, []).append(value)

    def print(self):
        aims = {
            "one client, decode, tokens/s": (1, ">= 0.98"), "one client, prefill of 500, tokens/s": (1, ">= 1.0"),
            "  the same with reproducible = false": (1, ""),
            "one client, first token, ms": (1000, "<= 1.05"),
            "4 clients, tokens/s": (1, ">= 1.3"), "4 clients, first token, ms": (1000, "<= 0.5"),
            "8 clients, tokens/s": (1, ">= 1.5"), "8 clients, first token, ms": (1000, "<= 0.5"),
            "4 clients, prompt in use, tokens/s": (1, ""), "4 clients, prompt in use, first token, ms": (1000, ""),
            "8 clients, prompt in use, tokens/s": (1, ""), "8 clients, prompt in use, first token, ms": (1000, ""),
            "behind 2,000 tokens, first token, ms": (1000, "<= 0.1"),
            "  to its time on an idle server": (1, "ours <= 2.5"),
            "beside 2,000 tokens, longest gap, ms": (1000, "<= 0.05"),
            "  to its usual gap": (1, "ours <= 4"),
            "beside busy programs, decode, tokens/s": (1, ">= 1"),
            "load to first token, ms": (1000, "<= 1.1"),
        }
        print(f"{'':44}{Ours.name:>15}{LlamaServer.name:>15}{'ratio':>9}  aim")
        for figure, (scale, aim) in aims.items():
            if figure not in self.values:
                continue
            medians = [statistics.median(self.values[figure][name]) * scale for name in (Ours.name, LlamaServer.name)]
            print(f"{figure:44}{medians[0]:15.1f}{medians[1]:15.1f}{medians[0] / medians[1]:9.3f}  {aim}")
        for note, values in self.notes.items():
            print(f"{note}: {', '.join(f'{name} {statistics.median(v):.0f}' for name, v in values.items())}")

    def note(self, text, server, value):
        self.notes.setdefault(text, {}).setdefault(server.name, []).append(value)


def one_client(server, figures, seed):
    short = server.run([request(0, ask(words(8, seed)), 64)])[0]
    figures.add("one client, first token, ms", server, short.first)
    figures.add("one client, decode, tokens/s", server, short.decode_rate())
    long = server.run([request(0, ask(words(230, seed + 1)), 2)])[0]
    figures.add("one client, prefill of 500, tokens/s", server, (long.inputs - long.cached) / long.first)
    figures.note("tokens of the long prompt", server, long.inputs)


def one_prompt(server, figures, seed):
    """What it costs that a text is the same whoever else is served: the prefill of one client without that."""
    long = server.run([request(0, ask(words(230, seed + 1)), 2)])[0]
    figures.add("  the same with reproducible = false", server, (long.inputs - long.cached) / long.first)


def many_clients(server, figures, count, tool, seed, outputs, label):
    """Outputs: the tokens of each answer, which the tool decides and llama-server then has to give too."""
    wanted = [request(0, summarize=(words(30, seed + i), *tool), tokens=outputs.get(i, 0)) for i in range(count)]
    results = server.run(wanted)
    for i, result in enumerate(results):
        outputs.setdefault(i, result.outputs)
    begin = min(result.deltas[0] - result.first for result in results)
    figures.add(f"{label}, tokens/s", server,
                sum(result.outputs for result in results) / (max(result.end for result in results) - begin))
    figures.add(f"{label}, first token, ms", server, statistics.median(result.first for result in results))
    figures.note(f"{label}, tokens of a prompt", server, statistics.median(r.inputs for r in results))
    figures.note(f"{label}, of them from a cache", server, statistics.median(r.cached for r in results))
    figures.note(f"{label}, tokens of an answer", server, statistics.median(r.outputs for r in results))


def beside_busy_programs(server, figures, seed):
    """As many other programs as there are processors want all of them."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        result = server.run([request(0, ask(words(8, seed)), 24)])[0]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    figures.add("beside busy programs, decode, tokens/s", server, result.decode_rate())


def behind_a_long_prompt(server, figures, seed):
    idle = server.run([request(0, ask(words(8, seed)), 4)])[0]
    background = request(0, ask(words(930, seed + 1)), 2, request_class=3)
    long, late = server.run([background, request(0.5, ask(words(8, seed + 2)), 4)])
    figures.add("behind 2,000 tokens, first token, ms", server, late.first)
    figures.add("  to its time on an idle server", server, late.first / idle.first)
    figures.note("tokens of the background prompt", server, long.inputs)


def stream_beside_a_long_prompt(server, figures, seed):
    alone = server.run([request(0, ask(words(8, seed)), 100)])[0]
    background = request(1, ask(words(930, seed + 1)), 2, request_class=3)
    stream, _ = server.run([request(0, ask(words(8, seed + 2)), 300), background])
    longest = max(stream.gaps())
    figures.add("beside 2,000 tokens, longest gap, ms", server, longest)
    figures.add("  to its usual gap", server, longest / statistics.median(alone.gaps()))


def cores():
    with contextlib.suppress(OSError, ValueError):
        with open("/sys/devices/system/cpu/smt/active", encoding="ascii") as file:
            if int(file.read()) == 1:
                return max(1, os.cpu_count() // 2)
    return os.cpu_count()


def run(build, rounds=5, file=None, again=True):
    """`file`: another model than the 0.4 B one. `again`: also many clients of a tool that was used before."""
    if not shutil.which("llama-server"):
        print("llm: left out, llama-server (Debian package llama.cpp-tools) is not here")
        return
    folder = build / "bench"
    folder.mkdir(exist_ok=True)
    file = file or folder / "random-0.4b-q4_0.gguf"
    if not file.exists():
        part = folder / "part.gguf"
        subprocess.run([sys.executable, TOP / "packaging/models/random_llama.py", part], check=True)
        part.rename(file)
    figures = Figures()
    threads = cores()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(contextlib.closing(Ours(build, file)))
        loose = stack.enter_context(contextlib.closing(Ours(build, file, "[models.engine.llama]\nreproducible = false\n")))
        theirs = stack.enter_context(contextlib.closing(LlamaServer(build, file, threads)))
        both = (ours, theirs)
        print(f"{threads} threads, {rounds} rounds, medians; load average {os.getloadavg()[0]:.1f}", flush=True)
        for server in (*both, loose):
            server.run([request(0, ask("warm up"), 8)])
        for round_number in range(rounds):
            print(f"round {round_number + 1}", file=sys.stderr, flush=True)
            seed = 100 * (round_number + 1)
            outputs = {4: {}, 8: {}}
            more_outputs = {4: {}, 8: {}}
            # Side by side in time, one scenario after the other: the speed of a shared machine changes by the minute.
            for server in both:
                one_client(server, figures, seed)
            for server in (loose, theirs):
                one_prompt(server, figures, seed + 3)
            for index, count in enumerate((4, 8)):
                tool = TOOLS[(round_number * 2 + index) % len(TOOLS)]
                for server in both:
                    many_clients(server, figures, count, tool, seed + 20 + 10 * count, outputs[count],
                                 f"{count} clients")
                # Other texts; the tool's prompt has been seen by now.
                for server in both if again else ():
                    many_clients(server, figures, count, tool, seed + 25 + 10 * count, more_outputs[count],
                                 f"{count} clients, prompt in use")
            for scenario, offset in ((behind_a_long_prompt, 10), (stream_beside_a_long_prompt, 15),
                                     (beside_busy_programs, 18)):
                for server in both:
                    scenario(server, figures, seed + offset)
        for _ in range(rounds):
            for server in both:
                figures.add("load to first token, ms", server, server.load())
    figures.print()
