"""mlctl vision and mlctl ocr with the built-in model, on pictures that are drawn here and, where they are, on real ones."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.daemon import TOP, Daemon  # noqa: E402

BUILD = os.environ["INTELLIGENCED_BUILD"]
TESTDATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "testdata"
LINES = ["The harbour was empty that morning.", "Only a single boat lay at the pier,", "and nobody knew whose it was."]


def page(lines=LINES, size=(1200, 400)):
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        draw.text((60, 60 + 80 * i), line, fill=0, font=ImageFont.load_default(48))
    return image


def barcode(text):
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    return Image.fromarray(numpy.array(code.to_image(scale=6))).convert("RGB")


class VisionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD)
        cls.folder = tempfile.TemporaryDirectory()
        cls.page = pathlib.Path(cls.folder.name) / "page.png"
        page().save(cls.page)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    def save(self, image, name, **options):
        path = pathlib.Path(self.folder.name) / name
        image.save(path, **options)
        return path

    def test_ocr_reads_every_format(self):
        exif = Image.Exif()
        exif[0x112] = 6
        files = [self.page, self.save(page(), "page.jpg", quality=90), self.save(page(), "page.webp"),
                 self.save(page(), "page.bmp"), self.save(page(), "page.tif", compression="tiff_lzw"),
                 self.save(page().transpose(Image.Transpose.ROTATE_90), "turned.jpg", quality=90, exif=exif)]
        for file in files:
            self.assertEqual(self.daemon.mlctl("ocr", file).stdout.split("\n")[:3], LINES, file)

    def test_ocr_gives_places(self):
        hocr = self.daemon.mlctl("ocr", "--format", "hocr", self.page).stdout
        self.assertIn("bbox 0 0 1200 400", hocr)
        self.assertIn(">harbour</span>", hocr)
        rows = self.daemon.mlctl("ocr", "--format", "tsv", self.page).stdout.splitlines()
        boat = next(row.split("\t") for row in rows if row.endswith("\tboat"))
        self.assertAlmostEqual(int(boat[7]), 140, delta=25)

    def test_several_questions_one_decode(self):
        image = page().convert("RGB")
        image.paste(barcode("https://example.org/"), (900, 150))
        out = pathlib.Path(self.folder.name) / "found.png"
        answer = json.loads(self.daemon.mlctl(
            "vision", self.save(image, "both.png"), "--text", "--barcodes", "--scores", "--print", "--horizon",
            "--json", "--annotate", out).stdout)
        self.assertEqual(answer["decodes"], 1)
        self.assertEqual([one["request"] for one in answer["results"]],
                         ["recognize_text", "detect_barcodes", "detect_horizon", "generate_image_feature_print",
                          "calculate_image_aesthetics_scores"])
        self.assertIn("harbour", answer["results"][0]["text"])
        self.assertEqual(answer["results"][1]["barcodes"][0]["payload"], "https://example.org/")
        self.assertTrue(answer["results"][4]["is_utility"])
        self.assertEqual(answer["results"][0]["model"], "models/vision-classic")
        with Image.open(out) as drawn:
            self.assertEqual(drawn.size, (1200, 400))

    def test_the_face_of_the_tour_is_found(self):
        face = TOP / "packaging/tour/face.png"
        faces = json.loads(self.daemon.mlctl("vision", face, "--faces", "--json").stdout)["results"][0]["faces"]
        self.assertEqual(len(faces), 1)
        box = faces[0]["box"]
        self.assertTrue(0.15 < box["x"] < 0.35 and 0.1 < box["y"] < 0.35 and 0.35 < box["width"] < 0.75, box)
        ticket = TOP / "packaging/tour/ticket.png"
        self.assertEqual(json.loads(self.daemon.mlctl("vision", ticket, "--faces", "--json").stdout)["results"][0]["faces"],
                         [])

    def test_bad_pictures_are_refused_and_the_worker_lives(self):
        bad = pathlib.Path(self.folder.name) / "bad.jpg"
        data = io.BytesIO()
        page().save(data, "JPEG")
        for content in (b"", b"\xff\xd8\xff", data.getvalue()[:2000], b"GIF89a", b"II*\0" + b"\xff" * 64):
            bad.write_bytes(content)
            answer = self.daemon.mlctl("ocr", bad, check=False)
            self.assertEqual(answer.returncode, 4, answer.stderr)
        self.assertIn("harbour", self.daemon.mlctl("ocr", self.page).stdout)

    def test_what_is_not_there_says_what_to_install(self):
        answer = self.daemon.mlctl("ocr", "--language", "tlh", self.page, check=False)
        self.assertEqual(answer.returncode, 4)
        self.assertIn("tesseract-ocr-", answer.stderr)

    def test_reads_as_the_tesseract_command(self):
        scans = TESTDATA / "ocr_images" / "tesseract"
        if not scans.is_dir():
            self.skipTest("no test data")
        for name in ("phototest.tif", "8071_093.3B.tif"):
            peer = subprocess.run(["tesseract", scans / name, "-"], capture_output=True, text=True, check=True)
            self.assertEqual(self.daemon.mlctl("ocr", scans / name).stdout.strip(), peer.stdout.strip().strip("\f"), name)


if __name__ == "__main__":
    unittest.main()
