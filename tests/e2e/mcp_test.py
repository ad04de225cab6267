#!/usr/bin/env python3
"""`mlctl mcp` under the official SDK of the Model Context Protocol, from the npm registry.

Left out (exit code 77) where node is not there or the registry cannot be reached.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "mcp"
BUILD = pathlib.Path(os.environ["INTELLIGENCED_BUILD"])
SKIPPED = 77


def install(folder):
    """The SDK, in the build folder. False where the registry does not give it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not (folder / "node_modules/@modelcontextprotocol/sdk").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0",
                                   "@modelcontextprotocol/sdk@1"], cwd=folder, capture_output=True, text=True,
                                  timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode != 0:
            print(done.stderr[-2000:], file=sys.stderr)
            return False
    return True


def main():
    folder = BUILD / "tests/e2e/mcp"
    if not install(folder):
        print("left out: the SDK cannot be had from the npm registry", file=sys.stderr)
        return SKIPPED
    shutil.copy(HERE / "client.mjs", folder)
    with Daemon(BUILD) as daemon:
        done = subprocess.run(["node", folder / "client.mjs", daemon.bin / "mlctl", daemon.socket], cwd=folder,
                              capture_output=True, text=True, timeout=120, check=False)
    print(done.stderr, file=sys.stderr)
    assert done.returncode == 0, done.stdout
    seen = json.loads(done.stdout)
    print(json.dumps(seen)[:2000])
    assert seen["server"]["name"] == "intelligenced"
    for tool in ("proofread", "rewrite", "summarize", "translate", "read_picture"):
        assert tool in seen["tools"], seen["tools"]
    assert not seen["proofread"].get("isError"), seen["proofread"]
    assert "sentence" in seen["proofread"]["content"][0]["text"], seen["proofread"]
    assert seen["proofread"]["structuredContent"]["corrections"], seen["proofread"]
    assert seen["wrong"]["isError"]
    assert seen["unknown"] == -32602
    assert "not wanted" in seen["cancelled"]
    return 0


if __name__ == "__main__":
    sys.exit(main())
