"""Networks through mlctl: one of one's own on tensors, bad ones, measured ones, and what published ones see."""

import base64
import json
import os
import pathlib
import sys
import tempfile
import unittest

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TESTDATA, Daemon  # noqa: E402
from support import onnx_file as onnx  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
# Pictures with what was found drawn on them, to be looked at.
ARTEFACTS = pathlib.Path(BUILD) / "artefacts" / "vision"
MEDIAPIPE = TESTDATA / "models/vision/mediapipe"
MEDIAPIPE_ONNX = TESTDATA / "models/vision/mediapipe_onnx"


def own_network():
    """y = x·w + x."""
    return onnx.model([onnx.node("MatMul", ["x", "w"], ["xw"]), onnx.node("Add", ["xw", "x"], ["y"])],
                      [onnx.port("x", ["batch", 3]), onnx.port("w", [3, 3])], [onnx.port("y", ["batch", 3])])


# Name, family, networks by role, capability.
PUBLISHED = [
    ("pose", "mediapipe-pose", {"model": MEDIAPIPE / "pose_landmark_lite.tflite",
                                "pose-detector": MEDIAPIPE / "pose_detection.tflite"},
     "vision.detect-human-body-pose"),
    ("hands", "mediapipe-handpose", {"model": MEDIAPIPE_ONNX / "hand_landmark_lite.onnx",
                                     "palm-detector": MEDIAPIPE_ONNX / "palm_detection_lite.onnx"},
     "vision.detect-human-hand-pose"),
    ("mesh", "face-mesh", {"model": MEDIAPIPE_ONNX / "face_landmark.onnx",
                           "face-detector": MEDIAPIPE_ONNX / "face_detection_short_range.onnx",
                           "iris": MEDIAPIPE_ONNX / "iris_landmark.onnx"},
     "vision.detect-face-landmarks"),
    ("selfie", "selfie-segmentation", {"model": MEDIAPIPE_ONNX / "selfie_segmentation_landscape.onnx"},
     "vision.generate-person-segmentation"),
]


class NetworkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        manifests = cls.path / "models"
        manifests.mkdir()
        for name, family, files, capability in PUBLISHED:
            if all(file.exists() for file in files.values()):
                (manifests / f"{name}.json").write_text(json.dumps({
                    "name": name, "title": name, "engine": "onnx", "family": family, "built_in": True, "rank": 50,
                    "capabilities": [capability],
                    "files": [{"role": role, "name": file.name, "path": str(file)} for role, file in files.items()]}))
        (manifests / "rules.json").write_text(json.dumps({
            "name": "rules", "title": "rules", "engine": "text", "built_in": True, "files": [],
            "capabilities": ["writing.proofread"]}))
        cls.daemon = Daemon(BUILD, config=f"[models]\nbuilt_in = [\"{manifests}\"]\n")
        (cls.path / "own.onnx").write_bytes(own_network())
        cls.daemon.mlctl("models", "import", cls.path / "own.onnx", "--name", "own")
        rng = numpy.random.default_rng(5)
        cls.x = rng.standard_normal((4, 3)).astype(numpy.float32)
        cls.w = rng.standard_normal((3, 3)).astype(numpy.float32)
        numpy.save(cls.path / "x.npy", cls.x)
        numpy.save(cls.path / "w.npy", cls.w)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def run_own(self, **options):
        return self.daemon.mlctl("tensor", "run", "own", "--input", f"x={self.path}/x.npy", "--input",
                                 f"w={self.path}/w.npy", "--output-dir", self.path / "out", **options)

    def test_signature(self):
        shown = self.daemon.mlctl("tensor", "signature", "own").stdout
        self.assertIn("batch×3", shown)
        signature = json.loads(self.daemon.mlctl("tensor", "signature", "own", "--json").stdout)
        self.assertEqual([one["name"] for one in signature["inputs"]], ["x", "w"])

    def test_files_in_files_out(self):
        self.run_own()
        y = numpy.load(self.path / "out/y.npy")
        numpy.testing.assert_allclose(y, self.x @ self.w + self.x, rtol=1e-5)

    def test_json_in_json_out(self):
        request = {"inputs": [{"name": "x", "values": [[1, 2, 3]]},
                              {"name": "w", "values": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}]}
        answer = json.loads(self.daemon.mlctl("tensor", "run", "own", "--json", text=json.dumps(request)).stdout)
        self.assertEqual(answer["outputs"][0]["values"], [2, 4, 6])
        self.assertEqual(answer["usage"]["model"], "models/own")

    def test_what_does_not_fit_is_named(self):
        for request, words in (
                ({"inputs": [{"name": "x", "values": [[1, 2, 3]]}]}, "w is missing"),
                ({"inputs": [{"name": "q", "values": [1]}]}, "no input q"),
                ({"inputs": [{"name": "x", "values": [[1, 2]]}]}, "takes FLOAT32 ?×3")):
            answer = self.daemon.mlctl("tensor", "run", "own", text=json.dumps(request), check=False)
            self.assertEqual(answer.returncode, 4, answer.stderr)
            self.assertIn(words, answer.stderr)
        answer = self.daemon.mlctl("tensor", "signature", "rules", check=False)
        self.assertEqual(answer.returncode, 4)
        self.assertIn("no network", answer.stderr)

    def test_bad_networks_are_refused_and_nobody_else_notices(self):
        ports = [onnx.port("x", [1])], [onnx.port("y", [1])]
        whole = onnx.model([onnx.node("Relu", ["x"], ["y"])], *ports)
        bad = {
            "external": (onnx.model([onnx.node("Add", ["x", "w"], ["y"])], *ports,
                                    weights=[onnx.external_weight("w", "../../../etc/hostname")]), "other files"),
            "custom": (onnx.model([onnx.node("Mystery", ["x"], ["y"], "org.example")], *ports,
                                  domains=["org.example"]), "org.example"),
            "cut": (whole[:len(whole) // 2], "not a whole"),
            "hostile": (onnx.number(1, 8) + onnx.varint(7 << 3 | 2) + onnx.varint(2**63 - 1) + b"x", "not a whole"),
        }
        for name, (content, words) in bad.items():
            file = self.path / f"{name}.onnx"
            file.write_bytes(content)
            answer = self.daemon.mlctl("models", "import", file, "--name", name, check=False)
            self.assertNotEqual(answer.returncode, 0, name)
            self.assertIn(words, answer.stderr, name)
        # What only the library finds out.
        late = {
            "unknown": (onnx.model([onnx.node("NoSuchOperator", ["x"], ["y"])], *ports), "NoSuchOperator"),
            "shapes": (onnx.model([onnx.node("MatMul", ["x", "w"], ["y"])],
                                  [onnx.port("x", [2, 3]), onnx.port("w", [4, 5])], [onnx.port("y", [2, 5])]), "MatMul"),
        }
        for name, (content, words) in late.items():
            file = self.path / f"{name}.onnx"
            file.write_bytes(content)
            self.daemon.mlctl("models", "import", file, "--name", name)
            answer = self.daemon.mlctl("tensor", "signature", name, check=False)
            self.assertEqual(answer.returncode, 6, answer.stderr)
            self.assertIn(words, answer.stderr, name)
        self.run_own()

    def test_a_single_tflite_file(self):
        mesh, face = MEDIAPIPE / "face_landmark.tflite", TESTDATA / "images/mediapipe/sergey.png"
        if not mesh.exists() or not face.exists():
            self.skipTest("no test data")
        answer = self.daemon.mlctl("models", "import", mesh, "--name", "lite", check=False)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("--family", answer.stderr)
        self.daemon.mlctl("models", "import", mesh, "--name", "lite", "--family", "face-mesh")
        found = json.loads(self.daemon.mlctl("vision", face, "--landmarks", "--model", "lite", "--json",
                                             "--region", "0.3,0.1,0.4,0.6").stdout)
        self.assertEqual(found["results"][0]["model"], "models/lite")
        # One that is of another family says so when it is asked.
        self.daemon.mlctl("models", "import", mesh, "--name", "wrong", "--family", "yunet")
        answer = self.daemon.mlctl("vision", face, "--faces", "--model", "wrong", check=False)
        self.assertEqual(answer.returncode, 6, answer.stderr)
        self.assertIn("yunet", answer.stderr)

    def test_a_network_that_wants_all_memory(self):
        greedy = onnx.model([onnx.node("Expand", ["x", "shape"], ["y"])],
                            [onnx.port("x", [1]), onnx.port("shape", [1], 7)], [onnx.port("y", ["n"])])
        (self.path / "greedy.onnx").write_bytes(greedy)
        self.daemon.mlctl("models", "import", self.path / "greedy.onnx", "--name", "greedy")
        def request(count):
            return json.dumps({"inputs": [{"name": "x", "values": [1]},
                                          {"name": "shape", "type": "INT64", "values": [count]}]})
        for count in (2**60, 2**38, 2**28):
            answer = self.daemon.mlctl("tensor", "run", "greedy", text=request(count), check=False)
            self.assertIn(answer.returncode, (3, 4, 6), answer.stderr)
            self.assertTrue(answer.stderr.strip())
        answer = json.loads(self.daemon.mlctl("tensor", "run", "greedy", "--json", text=request(3)).stdout)
        self.assertEqual(answer["outputs"][0]["values"], [1, 1, 1])

    def test_report(self):
        yunet = TESTDATA / "models/vision/yunet/yunet_n_640_640.onnx"
        if not yunet.exists():
            self.skipTest("no test data")
        self.daemon.mlctl("models", "import", yunet, "--name", "yunet")
        report = json.loads(self.daemon.mlctl("models", "report", "yunet", "--json").stdout)
        self.assertGreater(report["run_time_seconds"], 0)
        self.assertGreater(report["working_bytes"], 0)
        self.assertEqual(report["partitions"][0]["provider"], "CPUExecutionProvider")
        kinds = [one for one in report["operations"] if one["phase"] == "run"]
        self.assertAlmostEqual(sum(one["share"] for one in kinds), 1, places=3)
        self.assertIn("Conv", kinds[0]["operation"])
        nodes = sum(one["count"] for one in kinds)
        self.assertEqual(nodes, report["partitions"][0]["operations"])
        self.assertIn("CPUExecutionProvider", self.daemon.mlctl("models", "report", "yunet").stdout)
        self.assertIsNone(self.daemon.model("yunet"), "measuring does not make a model resident")

    def test_what_published_networks_see(self):
        # A man from the side, with a camera; a face from the front.
        camera, face = TESTDATA / "images/skimage/camera.png", TESTDATA / "images/mediapipe/sergey.png"
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        seen = {}
        for model, flag, picture in (("pose", "--body", camera), ("hands", "--hands", camera),
                                     ("mesh", "--landmarks", face), ("selfie", "--segment", face)):
            if not picture.exists() or self.daemon.mlctl("models", "show", model, check=False).returncode:
                continue
            seen[model] = json.loads(self.daemon.mlctl(
                "vision", picture, flag, "--model", model, "--json", "--annotate",
                ARTEFACTS / f"{model}.png").stdout)["results"][0]
        if not seen:
            self.skipTest("no test data")
        if "pose" in seen:
            joints = {one["name"]: one["position"] for one in seen["pose"]["poses"][0]["joints"]}
            self.assertEqual(len(joints), 33)
            self.assertAlmostEqual(joints["nose"]["x"], 0.5, delta=0.1)
            self.assertAlmostEqual(joints["nose"]["y"], 0.27, delta=0.1)
            self.assertGreater(joints["left_hip"]["y"], joints["left_shoulder"]["y"])
        if "mesh" in seen:
            points = {one["name"]: one["position"] for one in seen["mesh"]["faces"][0]["landmarks"]}
            self.assertAlmostEqual(points["nose_tip"]["x"], 292 / 600, delta=0.03)
            self.assertAlmostEqual(points["nose_tip"]["y"], 325 / 600, delta=0.04)
        if "selfie" in seen:
            mask = numpy.frombuffer(base64.b64decode(seen["selfie"]["mask"]["values"]), numpy.uint8).reshape(
                seen["selfie"]["mask"]["height"], seen["selfie"]["mask"]["width"])
            middle, corner = mask[mask.shape[0] // 2, mask.shape[1] // 2], mask[2, 2]
            self.assertGreater(middle, 200)
            self.assertLess(corner, 60)


if __name__ == "__main__":
    unittest.main()
