#!/usr/bin/env python3
"""The project's own checks: layers, banned calls, file hygiene, formatting and clang-tidy.

usage: run.py [--build DIR] [--only NAME[,NAME…]]

Without --build everything but clang-tidy runs; ctest runs it so. With a build folder clang-tidy
checks every source in its compile_commands.json that changed since it was last found clean.
Exit code 1: something was found.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
CODE = (".h", ".cc")


def tracked_files():
    output = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=TOP, capture_output=True, check=True).stdout.decode()
    return sorted(p for p in output.split("\0") if p and (TOP / p).is_file())


def read(path):
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


def without_comments(text, strings=True):
    """Blanks comments, and strings when asked, keeping line numbers."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'R" and not strings:
            return found
        return "".join(c if c == "\n" else " " for c in found)

    return re.sub(pattern, blank, text, flags=re.S)


def check_layers(files):
    table = json.loads(read("tests/lint/layers.json"))
    groups, layers = table["groups"], table["layers"]
    by_length = sorted(layers, key=len, reverse=True)
    for path in files:
        if not path.endswith(CODE):
            continue
        layer = next((l for l in by_length if path.startswith(l)), None)
        if layer is None:
            yield f"{path}: lies in no layer of tests/lint/layers.json"
            continue
        rule = layers[layer]
        if rule["folders"] == ["*"]:
            continue
        for number, line in enumerate(without_comments(read(path), strings=False).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            header = match.group(2)
            if header.startswith("intelligence/") and not header.endswith(".pb.h"):
                header = "clients/cpp/include/" + header
            group = next((g for g, starts in groups.items() if any(header.startswith(s) for s in starts)), None)
            if group is not None:
                if group not in rule["outside"]:
                    yield f"{path}:{number}: {layer} may not include {header} ({group})"
                continue
            if re.match(r"(runtime|services|daemon|clients|protos|tests)/", header):
                own = os.path.dirname(path) if layer.endswith("/") else layer
                if layer == "services/":
                    own = "/".join(path.split("/")[:2])
                allowed = [own] + rule["folders"]
                if not any(header == a or header.startswith(a.rstrip("/") + "/") for a in allowed):
                    yield f"{path}:{number}: {layer} may not include {header}"


def check_banned(files):
    rules = json.loads(read("tests/lint/banned.json"))["rules"]
    for path in files:
        if not path.endswith(CODE):
            continue
        matching = [r for r in rules
                    if any(path.startswith(p) for p in r["in"])
                    and not any(path.startswith(p) for p in r["not_in"])]
        if not matching:
            continue
        for number, line in enumerate(without_comments(read(path)).split("\n"), 1):
            for rule in matching:
                if re.search(rule["pattern"], line):
                    yield f"{path}:{number}: {rule['name']}: {rule['why']}"


def check_hygiene(files):
    for path in files:
        data = (TOP / path).read_bytes()
        if path.endswith(CODE):
            text = data.decode("utf-8", "replace")
            if path.endswith(".h") and "/include/intelligence/" not in path:
                guard = "INTELLIGENCED_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
                if f"#define {guard}" not in text:
                    yield f"{path}: the include guard should be {guard}"
            for number, line in enumerate(text.split("\n"), 1):
                if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                    yield f"{path}:{number}: say what is missing in the README or do it"
        if path.endswith((".sh", "/dev", ".ci/run")) or path == "dev":
            result = subprocess.run(["bash", "-n", TOP / path], capture_output=True, text=True)
            if result.returncode:
                yield f"{path}: {result.stderr.strip()}"
        # Weights that ship are the exception.
        if len(data) > (20_000_000 if re.match(r"packaging/models/[^/]+/model/.*\.onnx$", path) else 2_000_000):
            yield f"{path}: {len(data)} bytes is too much for a source repository"


def check_format(files):
    code = [p for p in files if p.endswith(CODE)]
    for start in range(0, len(code), 50):
        result = subprocess.run(["clang-format", "--dry-run", "-ferror-limit=1", *code[start:start + 50]],
                                cwd=TOP, capture_output=True, text=True)
        for line in result.stderr.splitlines():
            if "warning:" in line or "error:" in line:
                yield line.split(": warning")[0] + ": not formatted (./dev fmt)"


def tidy_cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base) / "intelligenced" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_tidy(build):
    """Runs clang-tidy on sources whose preprocessed project text changed since they were clean."""
    commands = json.loads((build / "compile_commands.json").read_text())
    sources = {}
    for entry in commands:
        path = os.path.relpath(entry["file"], TOP)
        if not path.startswith(("..", "build")):
            sources[path] = entry
    settings = read(".clang-tidy") + subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout
    # A source's key: itself and every header of the project that it can see, transitively.
    texts, includes = {}, {}

    def closure(path, seen):
        if path in seen or not (TOP / path).is_file():
            return
        seen.add(path)
        if path not in texts:
            texts[path] = read(path)
            includes[path] = re.findall(r'#include "([^"]+)"', texts[path])
        for header in includes[path]:
            closure(header, seen)
            closure("clients/cpp/include/" + header, seen)

    cache, todo = tidy_cache(), []
    for path in sorted(sources):
        seen = set()
        closure(path, seen)
        digest = hashlib.sha256(settings.encode())
        for name in sorted(seen):
            digest.update(name.encode() + texts[name].encode())
        key = cache / digest.hexdigest()
        if not key.exists():
            todo.append((path, key))

    def tidy(item):
        path, key = item
        result = subprocess.run(["clang-tidy", "-p", str(build), "--quiet", path], cwd=TOP,
                                capture_output=True, text=True)
        if result.returncode == 0:
            key.touch()
            return []
        found = [l for l in result.stdout.splitlines() if re.search(r": (warning|error): ", l)]
        return found or [f"{path}: clang-tidy failed: {result.stderr.strip()[-300:]}"]

    if todo:
        print(f"clang-tidy: {len(todo)} of {len(sources)} sources to check", flush=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, found in enumerate(pool.map(tidy, todo), 1):
            if sys.stderr.isatty():
                print(f"\r{done}/{len(todo)}", end="", file=sys.stderr, flush=True)
            yield from found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, help="build folder for clang-tidy")
    parser.add_argument("--only", default="", help="layers, banned, hygiene, format, tidy")
    arguments = parser.parse_args()
    files = tracked_files()
    checks = {"layers": lambda: check_layers(files), "banned": lambda: check_banned(files),
              "hygiene": lambda: check_hygiene(files), "format": lambda: check_format(files)}
    if arguments.build:
        checks["tidy"] = lambda: check_tidy(arguments.build.resolve())
    chosen = [n for n in arguments.only.split(",") if n] or list(checks)
    unknown = set(chosen) - set(checks)
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    count = 0
    for name in chosen:
        found = list(dict.fromkeys(checks[name]()))
        for line in found:
            print(line)
        print(f"{name}: {'clean' if not found else f'{len(found)} found'}", flush=True)
        count += len(found)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
