"""The built-in vision model against the tools it is made of, on the same pictures."""

import base64
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy
import zxingcpp
from PIL import Image

from bench.mixed_load import proofread_beside
from support.daemon import TESTDATA, Daemon

SCANS = TESTDATA / "ocr_images" / "tesseract"
# Pages with their text beside them.
PAGES = {"phototest.tif": "phototest.gold.txt", "8071_093.3B.tif": "8071_093.3B.txt", "8087_054.3B.tif": "8087_054.3B.txt",
         "eurotext.tif": "eurotext.txt"}


def errors(text, truth):
    """Levenshtein's distance between texts whose white space is one blank."""
    a, b = " ".join(text.split()), " ".join(truth.split())
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1], len(b)


def timed(run):
    start = time.monotonic()
    result = run()
    return result, time.monotonic() - start


def read_pages(daemon):
    for name, truth in PAGES.items():
        page = SCANS / name
        gold = (SCANS / truth).read_text()
        daemon.mlctl("ocr", page)  # the model is resident, the file in memory
        ours, peers, lean = [], [], []
        for _ in range(3):
            text, seconds = timed(lambda: daemon.mlctl("ocr", page).stdout)
            ours.append(seconds)
            peer, seconds = timed(lambda: subprocess.run(["tesseract", page, "-"], capture_output=True, text=True,
                                                         check=True).stdout)
            peers.append(seconds)
            # Without OpenMP, which most of its time goes to where there are few cores.
            _, seconds = timed(lambda: subprocess.run(["tesseract", page, "-"], capture_output=True, check=True,
                                                      env={**os.environ, "OMP_THREAD_LIMIT": "1"}))
            lean.append(seconds)
        (wrong, length), (peer_wrong, _) = errors(text, gold), errors(peer, gold)
        ours, peers, lean = (statistics.median(times) for times in (ours, peers, lean))
        print(f"{name}: character errors {wrong / length:.2%}, tesseract {peer_wrong / length:.2%}; "
              f"{ours:.2f} s, tesseract {peers:.2f} s, ratio {ours / peers:.2f} (aim: 1.05); on one thread {lean:.2f} s, "
              f"ratio {ours / lean:.2f}")
    page = SCANS / "8087_054.3B.tif"
    ours = together_and_apart(lambda: daemon.spawn("ocr", page))
    # What the processors can give: Tesseract's own program, one thread each.
    peer = together_and_apart(lambda: subprocess.Popen(["tesseract", page, "-"], stdout=subprocess.DEVNULL,
                                                       stderr=subprocess.DEVNULL,
                                                       env={**os.environ, "OMP_THREAD_LIMIT": "1"}))
    print(f"four pages from four clients {ours:.2f} times as fast as one after another (aim: 1.7 on 2 cores); "
          f"four tesseract programs of one thread {peer:.2f} times")


def together_and_apart(start):
    """Four of them: the time one after another to the time at once."""
    _, apart = timed(lambda: [start().wait() for _ in range(4)])

    def at_once():
        for process in [start() for _ in range(4)]:
            process.wait()
    _, together = timed(at_once)
    return apart / together


def read_barcodes(daemon):
    folder = TESTDATA / "barcodes"
    files = sorted(p for p in folder.glob("*/*") if p.suffix in (".png", ".webp", ".jpg", ".bmp"))
    ours = {}
    for start in range(0, len(files), 60):
        answer = daemon.mlctl("vision", *files[start:start + 60], "--barcodes", "--json", check=False)
        for line in answer.stdout.splitlines():
            one = json.loads(line)
            ours[one["file"]] = sorted(base64.b64decode(b["payload_bytes"]) for b in one["results"][0]["barcodes"])
    read = peer_read = same = 0
    for file in files:
        image = Image.open(file)
        pixels = numpy.asarray(image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB"))
        if pixels.ndim == 3:  # it takes three channels for blue, green and red
            pixels = numpy.ascontiguousarray(pixels[:, :, ::-1])
        peer = sorted(bytes(b.bytes) for b in zxingcpp.read_barcodes(pixels))
        mine = ours.get(str(file), [])
        read, peer_read, same = read + len(mine), peer_read + len(peer), same + (mine == peer)
    print(f"barcodes in {len(files)} pictures: {read} read, ZXing's own reader {peer_read}; the same in {same} pictures")


def ask_together(daemon):
    picture = TESTDATA / "images" / "skimage" / "rocket.jpg"
    large = daemon.root / "large.jpg"
    Image.open(picture).resize((4000, 3000)).save(large, quality=90)
    flags = ["--barcodes", "--horizon", "--scores", "--print", "--attention"]
    daemon.mlctl("vision", large, *flags)
    answer, together = timed(lambda: json.loads(daemon.mlctl("vision", large, *flags, "--json").stdout))
    _, apart = timed(lambda: [daemon.mlctl("vision", large, flag) for flag in flags])
    print(f"12 megapixels, five requests: {answer['decodes']} decode, {together:.2f} s; as five calls {apart:.2f} s; "
          f"ratio {together / apart:.2f} (aim: 0.6)")


# What is compared with a straight run of the same network; the differences allowed are in the tests.
STRAIGHT = {"faces (boxes within 0.1 pixels)": "FacesTest.YunetsBestBox*:FacesTest.YunetFinds*",
            "mesh of a face (within 1e-3)": "PublishedFamiliesTest.Mesh*",
            "joints of hands (within 1e-3)": "PublishedFamiliesTest.Joints*:PublishedFamiliesTest.NoHands*",
            "joints of bodies (within 1e-3)": "PublishedBodyPoseTest.*",
            "masks of people": "PublishedFamiliesTest.TheMask*",
            "sessions, number for number": "*StraightRunTest*"}


def check_networks(build):
    program = pathlib.Path(build) / "bin" / "engines_onnx_test"
    if not program.exists():
        print("networks against straight runs: left out, engines_onnx_test is not built")
        return
    for what, filters in STRAIGHT.items():
        answer = subprocess.run([program, f"--gtest_filter={filters}"], capture_output=True, text=True, check=False)
        passed = re.search(r"PASSED +\] (\d+)", answer.stdout)
        skipped = re.search(r"SKIPPED +\] (\d+)", answer.stdout)
        print(f"{what} against a straight run of the network: {'equal' if answer.returncode == 0 else 'NOT equal'}, "
              f"{passed[1] if passed else 0} tests, {skipped[1] if skipped else 0} left out")


def detect_text(daemon):
    """A network whose run cannot be cut: how long it is, and what others notice of it."""
    network = TESTDATA / "models" / "ocr" / "ch_PP-OCRv3_det_infer.onnx"
    if not network.exists():
        print("PP-OCR: left out, the test data is not here")
        return
    daemon.mlctl("models", "import", network, "--name", "pp-ocr")
    command = ["vision", SCANS / "8087_054.3B.tif", "--text-places", "--model", "pp-ocr"]
    daemon.mlctl(*command)
    times = [json.loads(daemon.mlctl(*command, "--json").stdout)["usage"]["compute_time_seconds"] for _ in range(5)]
    print(f"lines of a page found by PP-OCR, in one run of at most 960×960 pixels: {statistics.median(times) * 1000:.0f} ms")
    proofread_beside(daemon, command, "find lines with PP-OCR", rounds=3)


def stream_frames(daemon):
    answer = subprocess.run([daemon.bin / "frame_stream", daemon.socket], check=True, capture_output=True, text=True)
    for one in json.loads(answer.stdout):
        print(f"{one['request']} over a stream of 640×480 raw frames: {one['frames_s']} a second; sent {one['sent_s']} a "
              f"second, of {one['sent']} frames {one['answered']} answered, {one['dropped']} dropped")


def bring_a_frame(daemon):
    print(subprocess.run([daemon.bin / "vision_input", daemon.socket], capture_output=True, text=True,
                         check=True).stdout, end="")


def vision(build):
    """Frames of a video; pages and barcodes against Tesseract's and ZXing's own programs; many questions at once; a frame
    by descriptor; what others notice; networks against straight runs."""
    with Daemon(build) as daemon:
        stream_frames(daemon)
        if not SCANS.exists():
            print("vision: pages and barcodes left out, the test data is not here")
            return
        read_pages(daemon)
        read_barcodes(daemon)
        ask_together(daemon)
        bring_a_frame(daemon)
        proofread_beside(daemon, ["ocr", SCANS / "phototest.tif"], "read pages", rounds=3)
        detect_text(daemon)
    check_networks(build)
    sys.stdout.flush()
