#!/usr/bin/env python3
"""Actions end to end: the example app, which is not running, the daemon and mlctl."""

import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = pathlib.Path(os.environ["INTELLIGENCED_BUILD"])
PROVIDER = "org.intelligenced.NotesExample"


def declare(folder, actions):
    """The example app's declaration, where the daemon looks for such."""
    app = BUILD / "bin/notes-example"
    text = subprocess.run([app, "--declaration", "--folder", folder], check=True, capture_output=True, text=True)
    actions.mkdir(parents=True, exist_ok=True)
    (actions / "notes.toml").write_text(text.stdout)


class Actions(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(BUILD)
        self.addCleanup(self.close)
        self.notes = self.daemon.root / "notes"
        declare(self.notes, self.daemon.root / "store/actions")
        # Declarations are read when the daemon starts.
        self.daemon.process.send_signal(signal.SIGTERM)
        self.daemon.process.wait(30)
        self.daemon.start()

    def close(self):
        for pid in self.apps():
            os.kill(pid, signal.SIGTERM)
        self.daemon.close()

    def apps(self):
        """The example app's processes that this daemon started."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"notes-example") and str(self.notes).encode() in words:
                found.append(int(entry.name))
        return found

    def shopping(self):
        return (self.notes / "lists/shopping.txt").read_text()

    def terminal(self, *arguments, answer):
        """mlctl on a terminal whose person types `answer`; its exit code and what was shown."""
        master, slave = pty.openpty()
        process = subprocess.Popen(self.daemon.command(*arguments), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        os.write(master, answer.encode())
        shown = bytearray()

        def read():
            try:
                while data := os.read(master, 4096):
                    shown.extend(data)
            except OSError:
                pass

        reader = threading.Thread(target=read)
        reader.start()
        code = process.wait(60)
        reader.join(10)
        os.close(master)
        return code, shown.decode(errors="replace")

    def test_a_sentence_starts_the_app_and_changes_the_file(self):
        self.assertEqual(self.apps(), [])
        listed = [json.loads(line) for line in self.daemon.mlctl("actions", "list", "--json").stdout.splitlines()]
        self.assertGreaterEqual(len(listed), 12)
        self.assertTrue(all(action["startable"] and not action["available"] for action in listed))
        result = self.daemon.mlctl("ask", "add milk to my shopping list")
        self.assertEqual(result.stdout, "Added milk to Shopping.\n")
        self.assertIn("milk\n", self.shopping())
        self.assertEqual(len(self.apps()), 1)
        # The second time it runs already.
        self.daemon.mlctl("ask", "put", "bread", "on", "my", "shopping", "list")
        self.assertEqual(self.shopping(), "# Shopping\nmilk\nbread\n")
        result = json.loads(self.daemon.mlctl("actions", "run", "show-list", "list=shopping", "--json").stdout)
        self.assertEqual(result["value"], ["milk", "bread"])
        # Who ran what is noted, and no value.
        activity = self.daemon.mlctl("activity", "--json").stdout
        self.assertIn(f"{PROVIDER}/add-to-list", activity)
        self.assertNotIn("milk", activity)
        # And suggested another time.
        suggested = self.daemon.mlctl("actions", "suggest", "--json").stdout
        self.assertIn("add-to-list", suggested)
        self.daemon.mlctl("actions", "forget")
        self.assertEqual(self.daemon.mlctl("actions", "suggest", "--json").stdout, "")

    def test_what_cannot_be_undone_asks_a_person(self):
        self.daemon.mlctl("ask", "add milk to my shopping list")
        for arguments in (["ask", "delete my shopping list"], ["ask", "--yes", "delete my shopping list"],
                          ["actions", "run", "delete-list", "list=shopping", "--yes"]):
            refused = self.daemon.mlctl(*arguments, check=False)
            self.assertEqual(refused.returncode, 4, refused.stderr)
            self.assertIn("Nothing was done", refused.stderr)
            self.assertNotIn("the person said no", refused.stderr)
        refused = self.daemon.mlctl("ask", "--json", "delete my shopping list", check=False)
        self.assertEqual(json.loads(refused.stderr)["error"]["reason"], "ACTION_NOT_CONFIRMED")
        self.assertTrue((self.notes / "lists/shopping.txt").exists())
        code, shown = self.terminal("ask", "delete my shopping list", answer="n\n")
        self.assertEqual(code, 4, shown)
        self.assertIn("Delete a list in Notes: list “Shopping”?", shown)
        self.assertTrue((self.notes / "lists/shopping.txt").exists())
        code, shown = self.terminal("ask", "delete my shopping list", answer="y\n")
        self.assertEqual(code, 0, shown)
        self.assertFalse((self.notes / "lists/shopping.txt").exists())

    def test_harmless_confirmations_take_yes(self):
        self.daemon.mlctl("ask", "add milk to my shopping list")
        self.assertEqual(self.daemon.mlctl("ask", "clear my shopping list", check=False).returncode, 4)
        self.daemon.mlctl("ask", "--yes", "clear my shopping list")
        self.assertEqual(self.shopping(), "# Shopping\n")

    def test_missing_values_are_asked_for(self):
        refused = self.daemon.mlctl("actions", "run", "add-to-list", check=False)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("What should be added?", refused.stderr)
        refused = self.daemon.mlctl("ask", "--json", "remind me to call Ana", check=False)
        self.assertEqual(json.loads(refused.stderr)["error"]["metadata"], {"parameter": "when"})
        # In a person's words, on the command line and when it is asked for.
        self.daemon.mlctl("actions", "run", "create-reminder", "what=call Ana", "when=tomorrow at 9")
        twice = self.daemon.mlctl("actions", "run", "create-reminder", "what=a", "what=b", check=False)
        self.assertEqual(twice.returncode, 2)
        self.assertIn("what is given twice", twice.stderr)
        wrong = self.daemon.mlctl("actions", "run", "create-reminder", "what=call Ana", "when=whenever", check=False)
        self.assertEqual(wrong.returncode, 4)
        self.assertIn("A value for when is needed", wrong.stderr)
        code, shown = self.terminal("ask", "remind me to call Bob", answer="whenever\ntomorrow at 9\n")
        self.assertEqual(code, 0, shown)
        self.assertIn("such as 2026-11-24 09:00", shown)
        self.assertRegex(shown, "I will remind you to call Bob at [0-9-]* 09:00")
        code, shown = self.terminal("actions", "run", "add-to-list", answer="eggs\n1\n")
        self.assertEqual(code, 0, shown)
        self.assertIn("eggs\n", self.shopping())

    def test_a_caller_without_a_grant_is_refused(self):
        # The same program under another name is another app: none of the person's clients.
        stranger = self.daemon.root / "assistant"
        shutil.copy(BUILD / "bin/mlctl", stranger)
        command = [stranger, "--socket", self.daemon.socket]
        run = [*command, "actions", "run", "add-to-list", "item=spam", "list=shopping"]

        def attempt(arguments):
            return subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

        refused = attempt(run)
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.assertIn("may not run actions", refused.stderr)
        self.assertEqual(self.apps(), [])
        # It cannot help itself.
        identity = f"exe:{stranger.resolve()}"
        refused = attempt([*command, "actions", "grant", identity, PROVIDER])
        self.assertEqual(refused.returncode, 4)
        self.assertIn("Only the person's clients change grants", refused.stderr)
        self.daemon.mlctl("actions", "grant", identity, PROVIDER)
        self.assertIn(identity, self.daemon.mlctl("actions", "grants", "--json").stdout)
        self.assertEqual(attempt(run).returncode, 0)
        self.assertIn("spam\n", self.shopping())
        # Destructive ones are still not its own to confirm.
        refused = attempt([*command, "actions", "run", "delete-list", "list=shopping", "--yes"])
        self.assertEqual(refused.returncode, 4)
        self.assertTrue((self.notes / "lists/shopping.txt").exists())
        # Grants survive a restart.
        self.daemon.wait_for(lambda: (self.daemon.root / "store/action-state/grants.json").exists())
        self.daemon.process.send_signal(signal.SIGTERM)
        self.daemon.process.wait(30)
        self.daemon.start()
        self.assertIn("always", self.daemon.mlctl("actions", "grants").stdout)
        misspelled = self.daemon.mlctl("actions", "revoke", identity + "x", PROVIDER)
        self.assertIn("There was no grant", misspelled.stderr)
        self.assertEqual(self.daemon.mlctl("actions", "grant", "assistant", PROVIDER, check=False).returncode, 4)
        revoked = self.daemon.mlctl("actions", "revoke", identity, PROVIDER)
        self.assertIn("asked about again", revoked.stderr)
        self.assertEqual(attempt(run).returncode, 4)

    def test_an_app_that_dies_is_said_to_have_died(self):
        self.daemon.mlctl("ask", "add milk to my shopping list")
        app = self.apps()[0]
        os.kill(app, signal.SIGKILL)
        self.daemon.wait_for(lambda: not self.apps())
        # It is started again.
        self.assertEqual(self.daemon.mlctl("ask", "add eggs to my shopping list").stdout, "Added eggs to Shopping.\n")

    def test_a_program_that_fails_at_once_is_not_waited_for(self):
        (self.daemon.root / "store/actions/broken.toml").write_text(
            "id = 'org.example.Broken'\ntitle = 'Broken'\n[start]\ncommand = ['/bin/sh', '-c', 'exit 3']\n"
            "timeout_seconds = 60\n[[actions]]\nid = 'mend'\ntitle = 'Mend'\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for(lambda: "org.example.Broken/mend" in self.daemon.mlctl("actions", "list", "--quiet").stdout)
        # Well before the minute that the file allows.
        refused = self.daemon.mlctl("actions", "run", "mend", check=False, timeout=50)
        self.assertEqual(refused.returncode, 6)
        self.assertIn("exited with status 3 before it connected", refused.stderr)

    def test_what_means_nothing_runs_nothing(self):
        for sentence in ("the weather was lovely in Lisbon", "colourless green ideas sleep furiously",
                         "don't add milk to my shopping list", "please do not delete my shopping list"):
            refused = self.daemon.mlctl("ask", sentence, check=False)
            self.assertEqual(refused.returncode, 4)
            found = self.daemon.mlctl("ask", "--dry-run", sentence)
            self.assertEqual(found.stdout, "")
            self.assertIn("No app offers to do that", found.stderr)
        self.assertEqual(self.apps(), [])
        refused = self.daemon.mlctl("actions", "run", "add-to-list", "item=" + "x" * 100000, "list=shopping", check=False)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("values[item]", refused.stderr)
        refused = self.daemon.mlctl("ask", "x" * 100000, check=False)
        self.assertEqual(refused.returncode, 4)

    def test_another_app_cannot_take_the_identifier(self):
        thief = self.daemon.root / "thief"
        shutil.copy(BUILD / "bin/notes-example", thief)
        result = subprocess.run([thief, "--folder", self.daemon.root / "stolen", "--socket", self.daemon.socket],
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("belongs to", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
