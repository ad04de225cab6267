#!/usr/bin/env python3
"""Runs a command with a daemon of its own: run_with_daemon.py BUILD COMMAND…

INTELLIGENCED_SOCKET in the command's environment names the daemon's socket.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

with Daemon(sys.argv[1]) as daemon:
    result = subprocess.run(sys.argv[2:], env={**os.environ, "INTELLIGENCED_SOCKET": daemon.socket}, check=False)
    if daemon.process.poll() is not None:
        print("the daemon ended:\n" + (daemon.root / "log").read_text()[-3000:])
        sys.exit(1)
sys.exit(result.returncode)
