"""A model that draws, of random weights, as a built-in model of a daemon: what it paints means nothing."""

import json
import pathlib
import subprocess
import sys

from support.daemon import TOP

FILES = {"model-index": "model_index.json", "vocabulary": "tokenizer/vocab.json", "merges": "tokenizer/merges.txt",
         "tokenizer-config": "tokenizer/tokenizer_config.json", "text-encoder": "text_encoder/model.onnx",
         "unet": "unet/model.onnx", "unet-config": "unet/config.json", "scheduler-config": "scheduler/scheduler_config.json"}


def random_painter(build, folder):
    """Writes it into a folder and returns the configuration of a daemon that has it beside its own models."""
    folder = pathlib.Path(folder)
    subprocess.run([sys.executable, TOP / "packaging/models/random_diffusion.py", folder / "painter", "pixel"], check=True,
                   stdout=subprocess.DEVNULL)
    manifest = {"name": "random-painter", "version": "1", "engine": "onnx", "family": "diffusion", "built_in": True,
                "license": "Apache-2.0", "capabilities": ["image.generate", "image.upscale"], "parameters": {},
                "files": [{"role": role, "name": name.replace("/", "-"), "path": str(folder / "painter" / name),
                           "size_bytes": 0} for role, name in FILES.items()]}
    (folder / "random-painter.json").write_text(json.dumps(manifest))
    own = pathlib.Path(build).resolve() / "share/intelligenced/models"
    return f'[models]\nbuilt_in = ["{own}", "{folder}"]\n'
