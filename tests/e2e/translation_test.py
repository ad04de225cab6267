"""Translation through mlctl by the system's Apertium."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
MODES = pathlib.Path("/usr/share/apertium/modes")
SENTENCES = ["The red house is empty.", "I saw him yesterday", "Where are the keys?", "A zorglub sleeps."]


def command(text, *options, pair="eng-spa"):
    return subprocess.run(["apertium", *options, pair], input=text, capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout


def batch_lines(texts):
    return "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))


class TranslationCase(unittest.TestCase):
    config = ""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("apertium") or not (MODES / "eng-spa.mode").exists():
            raise unittest.SkipTest("Apertium is not installed")
        cls.daemon = Daemon(BUILD, cls.config)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def translate(self, *arguments, **options):
        return self.daemon.mlctl("translate", "--from", "en", "--to", "es", *arguments, **options)


class TranslationTest(TranslationCase):
    def test_equals_the_command(self):
        for sentence in SENTENCES:
            # White space at both ends is the source's: the command puts some before "Le vi ayer".
            self.assertEqual(self.translate(text=sentence).stdout, command(sentence, "-u").strip(), sentence)
        self.assertEqual(self.translate("--mark-unknown", text=SENTENCES[3]).stdout, command(SENTENCES[3]))

    def test_batch_answers_each_line_once(self):
        lines = batch_lines([SENTENCES[i % 4] for i in range(300)])
        expected = [command(s, "-u").strip() for s in SENTENCES]
        for order in ([], ["--in-order"]):
            answers = [json.loads(line) for line in self.translate("--batch", *order, text=lines).stdout.splitlines()]
            ids = [int(a["id"]) for a in answers]
            self.assertEqual(ids if order else sorted(ids), list(range(300)))
            for answer in answers:
                self.assertEqual(answer["text"], expected[int(answer["id"]) % 4])

    def test_a_language_between_is_said(self):
        pairs = [json.loads(line) for line in self.daemon.mlctl("languages", "--available", "--json").stdout.splitlines()]
        through = [p for p in pairs if p["pivot_language"]]
        self.assertTrue(through)
        pair = through[0]
        answer = json.loads(self.daemon.mlctl("translate", "--json", "--from", pair["source_language"], "--to",
                                              pair["target_language"], "--text", "casa").stdout)
        self.assertEqual(answer["route"]["pivot_language"], pair["pivot_language"])
        self.assertEqual(len(answer["route"]["steps"]), 2)

    def test_a_bad_line_is_named(self):
        answer = self.translate("--batch", text='{"id": 1, "text": "Good."}\nnonsense\n', check=False)
        self.assertEqual(answer.returncode, 7)
        self.assertIn("line 2", answer.stderr)
        self.assertEqual(len(answer.stdout.splitlines()), 1)

    def kill_in_mid_batch(self, victim):
        """Sends 3,000 lines and kills what victim(worker's pid) names when 300 answers have come."""
        self.translate(text="Good morning.")
        process = self.daemon.spawn("translate", "--from", "en", "--to", "es", "--batch", stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)

        def feed():
            process.stdin.write(batch_lines([SENTENCES[0]] * 3000))
            process.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        ids = []
        for line in process.stdout:
            answer = json.loads(line)
            ids.append(int(answer["id"]))
            self.assertEqual(answer.get("text"), command_of_first, line)
            if len(ids) == 300:
                os.kill(victim(self.daemon.model("apertium")["worker_pid"]), signal.SIGKILL)
        feeder.join()
        self.assertEqual(process.wait(), 0)
        self.assertEqual(sorted(ids), list(range(3000)))

    def test_a_killed_program_loses_nothing(self):
        def child(worker):
            return int(pathlib.Path(f"/proc/{worker}/task/{worker}/children").read_text().split()[2])
        self.kill_in_mid_batch(child)

    def test_a_killed_worker_loses_nothing(self):
        self.kill_in_mid_batch(lambda worker: worker)

    def test_files_keep_their_structure(self):
        folder = self.daemon.root
        (folder / "film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nThe <i>red</i> house\nis empty.\n")
        out = self.translate(folder / "film.srt").stdout
        self.assertTrue(out.startswith("1\n00:00:01,000 --> 00:00:02,000\n"), out)
        self.assertEqual(len(out.splitlines()), 4)
        self.assertIn("<i>", out)
        po = folder / "es.po"
        po.write_text('#, c-format\nmsgid "The file %s was not found."\nmsgstr ""\n\nmsgid "x"\nmsgstr "y"\n')
        self.translate("--in-place", po)
        self.assertIn("#, fuzzy, c-format", po.read_text())
        self.assertIn("%s", po.read_text().split("msgstr")[1])
        self.assertIn('msgid "x"\nmsgstr "y"', po.read_text())

    def test_languages_say_what_is_there(self):
        pairs = [json.loads(line) for line in self.daemon.mlctl("languages", "--json").stdout.splitlines()]
        direct = {(p["source_language"], p["target_language"]): p for p in pairs}
        self.assertEqual(direct["en", "es"]["availability"], "AVAILABLE")
        self.assertIn(("es", "pt-BR"), direct)


class BadInputTest(TranslationCase):
    def refused(self, *arguments, **options):
        answer = self.daemon.mlctl("translate", *arguments, check=False, **options)
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual(answer.stdout, "")
        return answer.stderr

    def test_languages_that_are_none_or_that_nobody_has(self):
        self.assertIn("tlh", self.refused("--from", "en", "--to", "tlh", text="Good."))
        self.assertIn("language", self.refused("--from", "en", "--to", "no tag!", text="Good."))
        self.assertIn("language", self.refused("--from", "12", "--to", "es", text="Good."))

    def test_empty_and_blank(self):
        for text in ("", "\n", " \t\n\n", "42", "…!?"):
            self.assertEqual(self.translate(text=text).stdout, text)

    def test_a_megabyte(self):
        text = "The cat sleeps in the house.\n" * (2**20 // 29)
        line = command("The cat sleeps in the house.\n", "-u")
        self.assertEqual(self.translate(text=text[: 29 * 4000]).stdout, line * 4000)
        item = json.dumps({"id": "big", "text": text[: 29 * 2000]}) + "\n"
        answer = json.loads(self.translate("--batch", text=item).stdout)
        self.assertEqual(answer["text"], line * 2000)
        too_large = json.dumps({"id": "big", "text": "x" * (2**20 + 1)}) + "\n"
        answer = self.translate("--batch", text=too_large + '{"id": "next", "text": "Good."}\n', check=False)
        by_id = {a["id"]: a for a in map(json.loads, answer.stdout.splitlines())}
        self.assertEqual(by_id["big"]["error"]["reason"], "INPUT_TOO_LARGE")
        self.assertIn("text", by_id["next"])

    def test_a_word_of_a_megabyte(self):
        text = "The house. " + "a" * 1_000_000 + "\nThe house.\n"
        house = command("The house.", "-u")
        out = self.translate(text=text).stdout
        self.assertTrue(out.startswith(house), out[:40])
        self.assertTrue(out.endswith("\n" + house + "\n"), out[-40:])
        self.assertIn("a" * 1_000_000, out)

    def test_what_is_no_utf8(self):
        bad = self.daemon.root / "bad.txt"
        bad.write_bytes(b"good \xff bad")
        self.assertIn("UTF-8", self.refused("--from", "en", "--to", "es", bad))
        lines = self.daemon.root / "bad.jsonl"
        lines.write_bytes(b'{"id": 1, "text": "Good."}\n{"id": 2, "text": "\xff"}\n')
        answer = self.translate("--batch", lines, check=False)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("line 2", answer.stderr)

    def test_markup_that_never_ends_comes_back(self):
        for text in ("<p>The <b>red house", "The house <a href=\"x", "<", "</b></b></b>", "<!-- The house", "<p" * 500):
            out = self.translate("--html", text=text).stdout
            for tag in ("<p>", "<b>", "<a href=\"x", "</b></b></b>", "<!-- The house"):
                self.assertEqual(tag in out, tag in text, out)
        for text in ("**The house", "[The house](http://x", "```\nThe house", "`"):
            self.assertTrue(self.translate("--markdown", text=text).stdout)

    def test_what_is_not_seen_comes_back(self):
        text = "\u202eThe house\u202c \u200bof\u2066 the dog\u2069.\ufeff"
        out = self.translate(text=text).stdout
        for character in "\u202e\u202c\u200b\u2066\u2069\ufeff":
            self.assertIn(character, out)

    def test_a_client_that_stops_reading_costs_nobody(self):
        process = self.daemon.spawn("translate", "--from", "en", "--to", "es", "--batch", stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        feeder = threading.Thread(target=lambda: self.feed(process, batch_lines([SENTENCES[0]] * 20_000)))
        feeder.start()
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        self.assertEqual(self.translate(text=SENTENCES[0]).stdout, command_of_first)
        os.kill(process.pid, signal.SIGCONT)
        process.stdout.close()
        process.kill()
        process.wait()
        feeder.join()
        self.daemon.wait_for(lambda: not (self.daemon.model("apertium") or {}).get("leases", 0))
        self.assertEqual(self.translate(text=SENTENCES[0]).stdout, command_of_first)

    @staticmethod
    def feed(process, lines):
        try:
            process.stdin.write(lines)
            process.stdin.close()
        except OSError:
            pass


class PackagesTest(TranslationCase):
    """Pairs whose packages come and go while the daemon runs, in a folder of the test's own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        root = pathlib.Path(cls.folder.name)
        cls.modes = root / "modes"
        cls.modes.mkdir()
        (root / "models").mkdir()
        manifest = json.loads((TOP / "packaging/models/builtin/apertium.json").read_text())
        manifest["files"][0]["path"] = str(cls.modes)
        (root / "models/apertium.json").write_text(json.dumps(manifest))
        cls.config = f'[models]\nbuilt_in = ["{root}/models"]\n'
        super().setUpClass()

    def pairs(self):
        lines = self.daemon.mlctl("languages", "--available", "--direct", "--quiet").stdout
        return set(lines.split())

    def test_pairs_come_and_go(self):
        self.assertEqual(self.pairs(), set())
        shutil.copy(MODES / "eng-spa.mode", self.modes)
        self.assertEqual(self.translate(text=SENTENCES[0]).stdout, command_of_first)
        self.assertEqual(self.pairs(), {"en>es"})
        # The worker that is resident learns of it too.
        worker = self.daemon.model("apertium")["worker_pid"]
        shutil.copy(MODES / "spa-cat.mode", self.modes)
        self.assertEqual(self.pairs(), {"en>es", "es>ca"})
        out = self.daemon.mlctl("translate", "--from", "es", "--to", "ca", text="La casa roja.").stdout
        self.assertEqual(out, command("La casa roja.", "-u", pair="spa-cat"))
        self.assertEqual(self.daemon.model("apertium")["worker_pid"], worker)
        (self.modes / "spa-cat.mode").unlink()
        self.assertEqual(self.pairs(), {"en>es"})


if shutil.which("apertium") and (MODES / "eng-spa.mode").exists():
    command_of_first = command(SENTENCES[0], "-u")

if __name__ == "__main__":
    unittest.main()
