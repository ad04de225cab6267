"""Conversations that the daemon keeps, through mlctl chat and mlctl sessions."""

import json
import os
import pathlib
import pty
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
FLAGS = ("--model", "chatty", "--temperature", "0", "--max-output-tokens", "8")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command):
        self.shown = b""
        self.pid, self.controller = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execv(command[0], command)

    def read_until(self, words):
        """Takes what comes up to and with the words."""
        words = words.encode()
        while words not in self.shown:
            self.shown += os.read(self.controller, 65536)
        before, _, self.shown = self.shown.partition(words)
        return before.decode()

    def type(self, text):
        os.write(self.controller, text.encode())

    def wait(self):
        """The exit code."""
        try:
            while os.read(self.controller, 65536):
                pass
        except OSError:
            pass
        os.close(self.controller)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class ChatTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(BUILD).resolve() / "share/intelligenced/models/tiny-prose.gguf"
        for name, parts in {
            # A real model, with a conversation's template.
            "chatty": {"engine": "llama", "parameters": {"chat_template": "chatml"},
                       "files": [{"role": "model", "name": "model.gguf", "path": str(file),
                                  "size_bytes": file.stat().st_size}]},
            # Speaks for 50 seconds.
            "slow": {"engine": "fake", "parameters": {"reply": "word " * 1000, "unit_us": "50000"}},
        }.items():
            pathlib.Path(cls.folder.name, f"{name}.json").write_text(json.dumps(
                {"name": name, "built_in": True, "capabilities": ["language.generate"], **parts}))
        cls.daemon = Daemon(BUILD, f'[models]\nbuilt_in = ["{cls.folder.name}"]\n')

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def sessions(self):
        return self.daemon.mlctl("sessions", "list", "--quiet").stdout.split()

    def test_a_turn_costs_what_is_new_in_it(self):
        text = "The sea was calm and the boat lay still in the evening.\nAnd then?\n"
        output = self.daemon.mlctl("chat", "--json", *FLAGS, text=text).stdout
        first, second = (json.loads(line) for line in output.splitlines())
        self.assertLess(first["usage"]["cached_tokens"], first["usage"]["input_tokens"])
        # The second turn's input begins with the first's input and answer.
        self.assertGreaterEqual(second["usage"]["cached_tokens"], first["usage"]["input_tokens"])
        session = second["session"]
        self.assertEqual(session["used_tokens"], second["usage"]["input_tokens"] + second["usage"]["output_tokens"])
        self.assertEqual(session["message_count"], 4)
        self.assertEqual(session["context_tokens"], second["context_tokens"])
        self.assertGreater(session["context_tokens"], session["used_tokens"])
        self.assertEqual(self.sessions(), [])

    def test_a_kept_session_goes_on(self):
        # A conversation in one go is the same as one that was left and gone on with.
        whole = self.daemon.mlctl("chat", *FLAGS, text="The sea was\nThe boat was\n").stdout
        kept = self.daemon.mlctl("chat", "--keep", *FLAGS, text="The sea was\n")
        name, = self.sessions()
        self.assertIn(f"mlctl chat --session {name}", kept.stderr)
        rest = self.daemon.mlctl("chat", "--session", name, *FLAGS[2:], text="The boat was\n").stdout
        self.assertEqual(kept.stdout + rest, whole)
        self.assertIn("chatty", self.daemon.mlctl("sessions", "list").stdout)
        shown = self.daemon.mlctl("sessions", "show", name).stdout
        self.assertRegex(shown, r"(?s)user\nThe sea was\n.*assistant\n.*user\nThe boat was\n.*assistant\n")
        self.daemon.mlctl("sessions", "delete", name)
        for command in (("sessions", "show", name), ("sessions", "delete", name), ("chat", "--session", name)):
            result = self.daemon.mlctl(*command, check=False, text="Hello\n")
            self.assertNotEqual(result.returncode, 0, command)
            self.assertIn("has expired, was deleted", result.stderr, command)

    def test_the_end_of_the_context_is_an_error_with_both_counts(self):
        result = self.daemon.mlctl("chat", *FLAGS, text="word " * 20000 + "\n", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"\d+ tokens; the model takes \d+ for input and output")

    def test_control_c_stops_the_answer_and_not_the_chat(self):
        terminal = Terminal(self.daemon.command("chat", "--model", "slow"))
        terminal.read_until("> ")
        terminal.type("Go on.\n")
        terminal.read_until("word word word")
        terminal.type("\x03")
        terminal.read_until("Stopped")
        terminal.read_until("> ")
        self.daemon.wait_for(lambda: not json.loads(
            self.daemon.mlctl("sessions", "list", "--json").stdout)["busy"])
        terminal.type("/tokens\n")
        terminal.read_until("tokens used")
        terminal.read_until("> ")
        terminal.type("\x03")  # stops nothing: there is nothing to stop
        terminal.read_until("> ")
        terminal.type("/help\n")
        terminal.read_until("Ctrl-D ends the chat.")
        terminal.read_until("> ")
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.sessions(), [])


if __name__ == "__main__":
    unittest.main()
