"""A daemon of one's own for a test or benchmark: an empty store, a socket in a temporary folder."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = TOP.parent / "shared" / "testdata"


class Daemon:
    """Starts with the object, ends with close() or the with block. `build` is a build folder."""

    def __init__(self, build, config=""):
        self.bin = pathlib.Path(build).resolve() / "bin"
        self.folder = tempfile.TemporaryDirectory(prefix="intelligenced-")
        self.root = pathlib.Path(self.folder.name)
        self.socket = str(self.root / "run/intelligenced.sock")
        (self.root / "run").mkdir(mode=0o700)
        (self.root / "intelligenced.toml").write_text(config)
        self.log = open(self.root / "log", "w", encoding="utf-8")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.bin / "intelligenced", "--config", self.root / "intelligenced.toml", "--socket", self.socket,
             "--store", self.root / "store"], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while self.mlctl("status", check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the daemon did not start:\n" + (self.root / "log").read_text()[-3000:])
            time.sleep(0.02)

    def command(self, *arguments):
        return [str(self.bin / "mlctl"), "--socket", self.socket, *map(str, arguments)]

    def mlctl(self, *arguments, text=None, check=True, **options):
        """Runs mlctl to its end; text goes to its standard input."""
        if text is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True,
                                check=False, **options)
        if check and result.returncode:
            raise RuntimeError(f"mlctl {' '.join(map(str, arguments))}: exit {result.returncode}\n{result.stderr}")
        return result

    def spawn(self, *arguments, **options):
        """Starts mlctl and returns the process."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(*arguments), **options)

    def models(self):
        """What `mlctl ps --json` says: one object a line."""
        return [json.loads(line) for line in self.mlctl("ps", "--json").stdout.splitlines()]

    def model(self, name):
        return next((m for m in self.models() if m["name"] == f"models/{name}"), None)

    def wait_for(self, condition, seconds=20):
        """Polls until condition() is true and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError("the condition did not come true")
            time.sleep(0.01)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.log.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def import_language_model(daemon):
    """(name, file): stories260K where the test data is, else the built-in tiny-prose."""
    stories = TESTDATA / "llm" / "stories260K.gguf"
    if stories.exists():
        daemon.mlctl("models", "import", stories, "--name", "stories")
        return "stories", str(stories)
    return "tiny-prose", str(daemon.bin.parent / "share/intelligenced/models/tiny-prose.gguf")


def kib(pid, name, file="smaps_rollup"):
    """A value of /proc/PID/FILE in KiB."""
    for line in open(f"/proc/{pid}/{file}", encoding="ascii"):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(name)
