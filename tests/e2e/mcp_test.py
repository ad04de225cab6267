#!/usr/bin/env python3
"""`mlctl mcp` under the official SDK of the Model Context Protocol, and a server of its authors as a provider of
actions, both from the npm registry.

Left out (exit code 77) where node is not there or the registry cannot be reached.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402
from support.mcp import declare, end_provider  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "mcp"
BUILD = pathlib.Path(os.environ["INTELLIGENCED_BUILD"])
SKIPPED = 77
NOTES = "org.intelligenced.NotesExample"
FILES = "org.example.Files"
PACKAGES = ["@modelcontextprotocol/sdk@1", "@modelcontextprotocol/server-filesystem"]


def install(folder):
    """The packages, in the build folder. False where the registry does not give them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if all((folder / "node_modules" / name.removesuffix("@1")).exists() for name in PACKAGES):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0",
                               *PACKAGES], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False
    print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0


def end_apps(notes):
    """Ends the example app that this test's daemon started, by its folder."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else [b""]
            if words[0].endswith(b"notes-example") and str(notes).encode() in words:
                os.kill(int(entry.name), signal.SIGTERM)
        except OSError:
            continue


def declare_notes(daemon, notes):
    text = subprocess.run([BUILD / "bin/notes-example", "--declaration", "--folder", notes], check=True,
                          capture_output=True, text=True).stdout
    (daemon.root / "store/actions").mkdir(parents=True, exist_ok=True)
    (daemon.root / "store/actions/notes.toml").write_text(text)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: NOTES in daemon.mlctl("actions", "list").stdout)


def run_client(daemon, folder):
    """The SDK's client to its end; the person gives it its grant when it waits for that."""
    client = subprocess.Popen(["node", folder / "client.mjs", daemon.bin / "mlctl", daemon.socket], cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in client.stderr:
            print(line, end="", file=sys.stderr)
            if line == "waiting\n":
                daemon.mlctl("actions", "grant", f"exe:{daemon.bin / 'mlctl'}#mcp:e2e", NOTES)
        out = client.stdout.read()
        assert client.wait(120) == 0, out
    finally:
        client.kill()
    return json.loads(out)


def check_services(seen):
    assert seen["server"]["name"] == "intelligenced"
    for tool in ("proofread", "rewrite", "summarize", "translate", "read_picture"):
        assert tool in seen["tools"], seen["tools"]
    assert not seen["proofread"].get("isError"), seen["proofread"]
    assert "sentence" in seen["proofread"]["content"][0]["text"], seen["proofread"]
    assert seen["proofread"]["structuredContent"]["corrections"], seen["proofread"]
    assert seen["wrong"]["isError"]
    assert seen["unknown"] == -32602
    assert "not wanted" in seen["cancelled"]


def check_actions(seen, notes):
    assert not seen["added"].get("isError"), seen["added"]
    assert seen["askedForTheGrant"] == 0, seen["questions"]
    assert seen["declined"]["isError"], seen["declined"]
    assert not seen["erased"].get("isError"), seen["erased"]
    assert seen["questions"] == ["Delete a list in Notes: list “Shopping”?"] * 2, seen["questions"]
    assert not (notes / "lists/shopping.txt").exists()


def check_server(daemon, folder):
    """The official server of files: its tools are there, typed, and work on real files."""
    files = daemon.root / "files"
    files.mkdir()
    (files / "poem.txt").write_text("Nothing gold can stay.\n")
    server = folder / "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
    declare(daemon, FILES, [shutil.which("node"), server, files])

    def actions():
        lines = daemon.mlctl("actions", "list", "--json").stdout.splitlines()
        return {one["name"].rpartition("/")[2]: one for one in map(json.loads, lines) if one["name"].startswith(FILES)}

    daemon.wait_for(actions, 60)
    offered = actions()
    print(f"{len(offered)} tools: {' '.join(offered)}")
    assert not offered["read_text_file"]["requires_confirmation"], offered["read_text_file"]
    assert offered["write_file"]["is_destructive"], offered["write_file"]

    def run(*arguments):
        return daemon.mlctl("actions", "run", *arguments, "--json", check=False)

    read = run("read_text_file", f"path={files / 'poem.txt'}")
    assert read.returncode == 0 and "Nothing gold can stay." in read.stdout, read
    # Found by what a person says, although the server declares no phrases.
    for sentence in (f"read the text file {files / 'poem.txt'}", f"list the directory {files}"):
        asked = daemon.mlctl("ask", sentence, check=False)
        assert asked.returncode == 0, asked
        assert "Nothing gold can stay." in asked.stdout or "poem.txt" in asked.stdout, asked
    made = run("create_directory", f"path={files / 'new'}", "--yes")
    assert made.returncode == 0 and (files / "new").is_dir(), made
    # What cannot be undone is a person's to confirm, and there is none here.
    refused = run("write_file", f"path={files / 'poem.txt'}", "content=x", "--yes")
    assert refused.returncode == 4 and (files / "poem.txt").read_text().startswith("Nothing"), refused
    outside = run("read_text_file", "path=/etc/passwd")
    assert outside.returncode != 0 and "root:" not in outside.stdout, outside


def main():
    folder = BUILD / "tests/e2e/mcp"
    if not install(folder):
        print("left out: the packages cannot be had from the npm registry", file=sys.stderr)
        return SKIPPED
    shutil.copy(HERE / "client.mjs", folder)
    with Daemon(BUILD) as daemon:
        notes = daemon.root / "notes"
        try:
            declare_notes(daemon, notes)
            seen = run_client(daemon, folder)
            print(json.dumps(seen)[:2000])
            check_services(seen)
            check_actions(seen, notes)
            check_server(daemon, folder)
        finally:
            end_apps(notes)
            end_provider(FILES, daemon.socket)
    return 0


if __name__ == "__main__":
    sys.exit(main())
