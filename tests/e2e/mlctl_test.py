"""mlctl as people use it, against a real daemon with the built-in models."""

import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
WRONG = "Their is a eror in this sentance, and and it dont look good.\n"
RIGHT = "There is an error in this sentence, and it doesn't look good.\n"


class MlctlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def test_proofread_in_a_pipe_prints_the_corrected_text(self):
        self.assertEqual(self.daemon.mlctl("proofread", text=WRONG).stdout, RIGHT)

    def test_json_ranges_give_the_corrected_text(self):
        answer = json.loads(self.daemon.mlctl("proofread", "--json", text=WRONG).stdout)
        data = WRONG.encode()
        for c in reversed(answer["corrections"]):
            self.assertEqual(data[c["start"]:c["end"]].decode(), c["original"])
            data = data[:c["start"]] + c["replacement"].encode() + data[c["end"]:]
        self.assertEqual(data.decode(), answer["corrected_text"])
        self.assertEqual(answer["corrected_text"], RIGHT)

    def test_check_is_for_hooks(self):
        self.assertEqual(self.daemon.mlctl("proofread", "--check", text=WRONG, check=False).returncode, 1)
        self.assertEqual(self.daemon.mlctl("proofread", "--check", text=RIGHT, check=False).returncode, 0)

    def test_in_place_changes_the_file_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "letter.txt"
            file.write_text(WRONG)
            file.chmod(0o640)
            self.daemon.mlctl("proofread", "--in-place", file)
            self.assertEqual(file.read_text(), RIGHT)
            self.assertEqual(file.stat().st_mode & 0o777, 0o640)
            self.assertEqual(os.listdir(folder), ["letter.txt"])

    def test_code_links_and_protected_text_stay(self):
        text = "Teh `teh` at https://teh.example/teh stays.\n"
        self.assertEqual(self.daemon.mlctl("proofread", text=text).stdout,
                         "The `teh` at https://teh.example/teh stays.\n")

    def test_rewrite_and_summarize(self):
        self.assertEqual(self.daemon.mlctl("rewrite", "--style", "concise", text="We met in order to talk.\n").stdout.strip(),
                         "We met to talk.")
        article = (pathlib.Path(__file__).parents[2] / "packaging/tour/article.md").read_text()
        points = self.daemon.mlctl("summarize", "--type", "key-points", text=article).stdout.strip().splitlines()
        self.assertTrue(1 <= len(points) <= 3, points)
        headline = self.daemon.mlctl("summarize", "--type", "headline", text=article).stdout.split()
        self.assertTrue(1 <= len(headline) <= 12, headline)

    def test_what_rules_cannot_do_says_what_to_install(self):
        result = self.daemon.mlctl("compose", "Write a letter to the bank", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("mlctl models install", result.stderr)
        result = self.daemon.mlctl("rewrite", "--style", "elaborate", text="Short.\n", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("mlctl models", result.stderr)

    def test_unknown_model_and_wrong_model(self):
        result = self.daemon.mlctl("generate", "--model", "no-such-model", "x", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no-such-model", result.stderr)
        result = self.daemon.mlctl("proofread", "--model", "tiny-prose", text=WRONG, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("writing.proofread", result.stderr)

    def test_invalid_input(self):
        for data, words in ((b"", "required"), (b"caf\xe9 \xff", "UTF-8")):
            result = subprocess.run(self.daemon.command("proofread"), input=data, capture_output=True, check=False)
            self.assertNotEqual(result.returncode, 0, data)
            self.assertIn(words, result.stderr.decode())

    def test_too_large_text_is_refused_with_both_sizes(self):
        result = self.daemon.mlctl("proofread", text="word " * 2_000_000, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, "(?i)large|limit|at most")

    def test_generate_streams_and_is_reproducible(self):
        arguments = ("generate", "--model", "tiny-prose", "--seed", "7", "--max-output-tokens", "40", "The sea")
        first = self.daemon.mlctl(*arguments).stdout
        self.assertTrue(first.strip())
        self.assertEqual(self.daemon.mlctl(*arguments).stdout, first)

    def test_generate_inside_a_schema(self):
        schema = {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}, "years": {
            "type": "array", "items": {"type": "integer", "minimum": 1800, "maximum": 1999}, "minItems": 2, "maxItems": 2}},
                  "required": ["colour", "years"]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(schema, file)
            file.flush()
            arguments = ("generate", "--model", "tiny-prose", "--seed", "7", "--schema", file.name, "The sea")
            value = json.loads(self.daemon.mlctl(*arguments).stdout)
            self.assertIn(value["colour"], ("red", "green"))
            self.assertTrue(all(1800 <= year <= 1999 for year in value["years"]), value)
            result = json.loads(self.daemon.mlctl(*arguments, "--json").stdout)
            self.assertEqual(json.loads(result["text"]), value)
            cut = self.daemon.mlctl(*arguments, "--max-output-tokens", "4", check=False)
            self.assertEqual(cut.returncode, 1)
            json.loads(cut.stdout)
        refused = self.daemon.mlctl("generate", "--model", "tiny-prose", "--schema", "-", "x", check=False,
                                    text='{"properties": {"a": {"not": {}}}}')
        self.assertEqual(refused.returncode, 4)
        self.assertIn("#/properties/a", refused.stderr)

    def test_control_c_cancels_the_call(self):
        process = self.daemon.spawn("generate", "--model", "tiny-prose", "--max-output-tokens", "100000", "x",
                                    stdout=subprocess.PIPE)
        self.assertTrue(process.stdout.read(1))
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        self.assertEqual(process.wait(10), 130)
        process.stderr.close()
        process.stdout.close()
        self.daemon.wait_for(lambda: not self.daemon.model("tiny-prose") or not self.daemon.model("tiny-prose")["leases"])

    def test_a_closed_pipe_ends_quietly(self):
        process = self.daemon.spawn("generate", "--model", "tiny-prose", "--max-output-tokens", "100000", "x",
                                    stdout=subprocess.PIPE)
        process.stdout.read(1)
        process.stdout.close()
        process.wait(20)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_deadline(self):
        result = self.daemon.mlctl("--deadline", "1ms", "summarize", text="One. Two. Three.\n" * 1000, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, "(?i)deadline|time|within")

    def test_colour_only_on_a_terminal(self):
        self.assertNotIn("\x1b[", self.daemon.mlctl("proofread", text=WRONG).stdout)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(WRONG)
            file.flush()
            controller, terminal = pty.openpty()
            subprocess.run(self.daemon.command("proofread", file.name), stdin=subprocess.DEVNULL, stdout=terminal,
                           stderr=subprocess.DEVNULL, check=True, env={**os.environ, "TERM": "xterm"})
            os.close(terminal)
            shown = b""
            try:
                while chunk := os.read(controller, 65536):
                    shown += chunk
            except OSError:
                pass
            os.close(controller)
        self.assertIn(b"\x1b[", shown)

    def test_models_pin_load_unload_default(self):
        self.daemon.mlctl("models", "pin", "writing-rules")
        self.assertTrue(json.loads(self.daemon.mlctl("models", "show", "writing-rules", "--json").stdout)["pinned"])
        self.daemon.mlctl("models", "unpin", "writing-rules")
        self.daemon.mlctl("models", "load", "tiny-prose")
        pid = self.daemon.model("tiny-prose")["worker_pid"]
        self.assertTrue(pathlib.Path(f"/proc/{pid}").exists())
        self.daemon.mlctl("models", "unload", "tiny-prose")
        self.daemon.wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists())
        self.assertNotEqual(self.daemon.mlctl("models", "remove", "tiny-prose", check=False).returncode, 0)

    def test_import_remove_and_bad_files(self):
        model = pathlib.Path(BUILD) / "share/intelligenced/models/tiny-prose.gguf"
        self.daemon.mlctl("models", "import", model, "--name", "copy")
        self.assertIn("copy", self.daemon.mlctl("models", "list").stdout)
        self.assertTrue(self.daemon.mlctl("generate", "--model", "copy", "--max-output-tokens", "5", "x").stdout)
        self.assertNotEqual(self.daemon.mlctl("models", "import", model, "--name", "copy", check=False).returncode, 0)
        self.daemon.mlctl("models", "unload", "copy")
        self.daemon.mlctl("models", "remove", "copy")
        self.assertNotIn("copy", self.daemon.mlctl("models", "list").stdout)
        with tempfile.TemporaryDirectory() as folder:
            data = model.read_bytes()
            for name, content in (("truncated", data[:len(data) // 2]), ("empty", b""), ("text", b"no model at all\n" * 99)):
                file = pathlib.Path(folder) / f"{name}.gguf"
                file.write_bytes(content)
                result = self.daemon.mlctl("models", "import", file, "--name", name, check=False)
                if result.returncode == 0:  # a truncated file may only show when it is loaded
                    result = self.daemon.mlctl("generate", "--model", name, "x", check=False)
                self.assertNotEqual(result.returncode, 0, name)
                self.assertTrue(result.stderr.strip(), name)
        self.assertTrue(self.daemon.mlctl("proofread", text=WRONG).stdout)

    def test_every_command_has_help_with_an_example(self):
        listing = self.daemon.mlctl("--help").stdout
        for command in ("status", "ps", "top", "models", "generate", "chat", "sessions", "proofread", "rewrite",
                        "summarize", "compose", "activity", "config", "doctor"):
            self.assertIn(command, listing)
            self.assertRegex(self.daemon.mlctl(command, "--help").stdout, "(?i)example", command)

    def test_status_doctor_activity(self):
        self.daemon.mlctl("proofread", text=WRONG)
        status = json.loads(self.daemon.mlctl("status", "--json").stdout)
        self.assertEqual(status["pid"], self.daemon.process.pid)
        activity = self.daemon.mlctl("activity", "--json").stdout
        self.assertIn("ProofreadText", activity)
        self.assertNotIn("sentance", activity)
        self.assertIn("worker", self.daemon.mlctl("doctor", check=False).stdout)


class NoDaemonTest(unittest.TestCase):
    def test_says_how_to_start_it(self):
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([f"{BUILD}/bin/mlctl", "--socket", f"{folder}/none.sock", "status"],
                                    capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn("start", result.stderr)


if __name__ == "__main__":
    unittest.main()
