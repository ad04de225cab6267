"""The checks find what they are for: each rule is tried on text that breaks it."""

import contextlib
import pathlib
import tempfile
import unittest

import run


@contextlib.contextmanager
def tree(files):
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        for name in ("tests/lint/layers.json", "tests/lint/banned.json"):
            files.setdefault(name, (pathlib.Path(run.__file__).parents[2] / name).read_text())
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        before, run.TOP = run.TOP, top
        try:
            yield sorted(files)
        finally:
            run.TOP = before


class Layers(unittest.TestCase):
    def found(self, path, include):
        with tree({path: f"#include {include}\n"}) as files:
            return list(run.check_layers(files))

    def test_upward_include_is_found(self):
        self.assertTrue(self.found("runtime/base/a.h", '"runtime/engine/engine.h"'))
        self.assertTrue(self.found("runtime/scheduler/a.cc", '"runtime/models/manifest.h"'))
        self.assertTrue(self.found("services/system/a.cc", '"services/models/service.h"'))

    def test_library_in_the_wrong_layer_is_found(self):
        self.assertTrue(self.found("runtime/core/a.cc", '"grpcpp/server.h"'))
        self.assertTrue(self.found("clients/cpp/include/intelligence/a.h", '"grpcpp/channel.h"'))
        self.assertTrue(self.found("daemon/a.cc", "<llama.h>"))

    def test_what_the_table_allows_passes(self):
        self.assertFalse(self.found("runtime/engine/a.h", '"runtime/base/clock.h"'))
        self.assertFalse(self.found("services/system/a.cc", '"services/rpc/x.h"'))
        self.assertFalse(self.found("runtime/base/a.cc", "<vector>"))

    def test_a_file_outside_every_layer_is_found(self):
        self.assertTrue(self.found("elsewhere/a.cc", "<vector>"))


class Banned(unittest.TestCase):
    def found(self, path, code):
        with tree({path: code}) as files:
            return list(run.check_banned(files))

    def test_each_rule_finds_its_call(self):
        self.assertTrue(self.found("services/a.cc", "auto t = absl::Now();"))
        self.assertTrue(self.found("runtime/a.cc", 'getenv("HOME");'))
        self.assertTrue(self.found("tests/unit/a.cc", "std::this_thread::sleep_for(x);"))
        self.assertTrue(self.found("runtime/a.cc", "std::cout << 1;"))
        self.assertTrue(self.found("daemon/a.cc", 'system("ls");'))
        self.assertTrue(self.found("services/a.cc", "throw 1;"))

    def test_comments_strings_and_allowed_files_pass(self):
        self.assertFalse(self.found("services/a.cc", "// absl::Now() is banned\n"))
        self.assertFalse(self.found("services/a.cc", 'auto s = "throw";'))
        self.assertFalse(self.found("runtime/base/clock.cc", "absl::Now();"))


class Hygiene(unittest.TestCase):
    def found(self, path, size):
        with tree({path: "x" * size}) as files:
            return list(run.check_hygiene(files))

    def test_large_files_are_found_but_for_weights_that_ship(self):
        self.assertFalse(self.found("tests/data/a.bin", 2_000_000))
        self.assertTrue(self.found("tests/data/a.bin", 2_000_001))
        self.assertFalse(self.found("packaging/models/a/model/b/c.onnx", 2_000_001))
        self.assertTrue(self.found("packaging/models/a/model/b/c.onnx", 20_000_001))
        self.assertTrue(self.found("packaging/models/a/c.onnx", 2_000_001))


if __name__ == "__main__":
    unittest.main()
