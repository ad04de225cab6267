"""Servers of the Model Context Protocol as providers of actions of a test's daemon."""

import os
import pathlib
import signal
import time


def declare(daemon, provider, command, environment=None, wait=False):
    """A declaration with [mcp], and the daemon told. `wait`: until the provider has been started and has ended."""
    folder = daemon.root / "store/actions"
    folder.mkdir(parents=True, exist_ok=True)
    words = ", ".join(f"'{word}'" for word in command)
    variables = ", ".join(f"{name} = '{value}'" for name, value in (environment or {}).items())
    (folder / f"{provider}.toml").write_text(
        f"id = '{provider}'\ntitle = 'Tools'\n[mcp]\ncommand = [{words}]\nenvironment = {{ {variables} }}\n")
    daemon.process.send_signal(signal.SIGHUP)
    if wait:
        daemon.wait_for(lambda: f"-mcp-provider for its actions" in (daemon.root / "log").read_text())
        daemon.wait_for(lambda: not providers(provider, daemon.socket))


def providers(provider, socket):
    """The processes that speak for the provider to the daemon at `socket`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else [b""]
            if not words[0].endswith(b"intelligenced-mcp-provider") or f"--id={provider}".encode() not in words:
                continue
            if f"INTELLIGENCED_SOCKET={socket}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def end_provider(provider, socket):
    """Ends them, and waits until they have gone with their servers."""
    for pid in providers(provider, socket):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while providers(provider, socket):
        if time.monotonic() > deadline:
            raise TimeoutError("the provider did not end")
        time.sleep(0.02)
