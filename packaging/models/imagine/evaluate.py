#!/usr/bin/env python3
"""Paints the held-out prompts with the exported model and has them judged.

usage: evaluate.py --work FOLDER --out FOLDER [--model model] [--steps 20] [--guidance 3] [--count 300]
       evaluate.py --write-prompts

--work holds the judge (judge.py). Written to --out: report.json, and sheet.png with the first prompts; sheet.txt says
which. The judge's own accuracy is that on the renderer's pictures of the same prompts. Needs Debian's python3-torch
and python3-onnxruntime.
"""

import argparse
import json
import os
import pathlib
import random

# Threads of OpenBLAS wait for one another by spinning: on a busy machine for minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from renderer import Renderer, sheet, write_png
from scenes import Maker
from tokenizer import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
# Of each kind of scene.
QUOTAS = {"single": 90, "count": 60, "and": 30, "left": 45, "above": 45, "inside": 30}
SHOWN = 48


def write_prompts(path):
    maker = Maker(random.Random("held out"))
    wanted = dict(QUOTAS)
    made = []
    while any(wanted.values()):
        scene = maker.scene(held=True)
        if wanted[scene["kind"]]:
            wanted[scene["kind"]] -= 1
            for thing in scene["things"]:
                thing.update({key: round(thing[key], 2) for key in ("x", "y", "r")})
            made.append({"prompt": maker.caption(scene, all_colours=True), "scene": scene})
    path.write_text("".join(json.dumps(one) + "\n" for one in made), encoding="utf-8")


class Model:
    """The exported files, stepped as DDIM or DPM++ 2M say."""

    def __init__(self, folder):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1

        def session(name):
            return onnxruntime.InferenceSession(str(folder / name / "model.onnx"), options,
                                                providers=["CPUExecutionProvider"])
        self.text, self.unet = session("text_encoder"), session("unet")
        self.tokenizer = Tokenizer()
        config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        self.times = config["num_train_timesteps"]
        self.shares = np.cumprod(1 - np.linspace(config["beta_start"], config["beta_end"], self.times))

    def paint(self, prompts, seeds, steps, guidance, scheduler="ddim"):
        ids = np.array([self.tokenizer.encode(p) for p in [*[""] * len(prompts), *prompts]], np.int32)
        text = self.text.run(["last_hidden_state"], {"input_ids": ids})[0]
        z = np.stack([np.random.default_rng(seed).standard_normal((3, 64, 64)) for seed in seeds]).astype(np.float32)
        times = np.round(np.arange(self.times, 0, -self.times / steps)).astype(int) - 1
        before = None
        for i, time in enumerate(times):
            share = self.shares[time]
            next_share = self.shares[times[i + 1]] if i + 1 < steps else 1.0
            v = self.unet.run(["out_sample"], {"sample": np.concatenate([z, z]), "timestep": np.array([time], np.float32),
                                               "encoder_hidden_states": text})[0]
            without, with_ = np.split(v, 2)
            v = without + guidance * (with_ - without)
            picture = np.clip(np.sqrt(share) * z - np.sqrt(1 - share) * v, -1, 1)
            if next_share == 1:
                z = picture
            elif scheduler == "ddim":
                noise = (z - np.sqrt(share) * picture) / np.sqrt(1 - share)
                z = np.sqrt(next_share) * picture + np.sqrt(1 - next_share) * noise
            else:
                level = 0.5 * np.log(share / (1 - share))
                step = 0.5 * np.log(next_share / (1 - next_share)) - level
                mean = picture
                if before is not None:
                    mean = picture + (picture - before[0]) * (step / (2 * (level - before[1])))
                before = picture, level
                z = (np.sqrt((1 - next_share) / (1 - share)) * z - np.sqrt(next_share) * np.expm1(-step) * mean)
            z = z.astype(np.float32)
        return (np.clip(z, -1, 1) + 1) / 2


def rates(verdicts):
    def share(values):
        values = [v for v in values if v is not None]
        return {"right": round(float(np.mean(values)), 4), "of": len(values)} if values else None

    objects = [o for v in verdicts for o in v["objects"]]
    colours = [c for v in verdicts for c in v["colours"]]
    return {"object": share(objects), "colour": share(colours),
            "colour_of_objects_found": share([c for o, c in zip(objects, colours) if o]),
            "count": share([v["count"] for v in verdicts]), "relation": share([v["relation"] for v in verdicts]),
            "all_of_it": share([all(v["objects"]) and all(v["colours"]) and v["count"] is not False
                                and v["relation"] is not False for v in verdicts])}


def report(judge, cases, pictures):
    import judge as judges

    verdicts = [judges.verdict(case["scene"], things) for case, things in zip(cases, judges.read(judge, pictures))]
    made = {"all": rates(verdicts)}
    for key in ("style", "kind"):
        for value in dict.fromkeys(case["scene"][key] for case in cases):
            made[value] = rates([v for case, v in zip(cases, verdicts) if case["scene"][key] == value])
    by_object = {}
    for case, verdict in zip(cases, verdicts):
        asked = dict.fromkeys(thing["object"] for thing in case["scene"]["things"])
        for name, found in zip(asked, verdict["objects"]):
            by_object.setdefault(name, []).append(found)
    made["by_object"] = {name: f"{sum(found)} of {len(found)}" for name, found in sorted(by_object.items())}
    return made, verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-prompts", action="store_true", help="writes prompts.jsonl and ends")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "model")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--scheduler", choices=("ddim", "dpm++-2m"), default="ddim")
    parser.add_argument("--count", type=int, default=300)
    arguments = parser.parse_args()
    if arguments.write_prompts:
        write_prompts(HERE / "prompts.jsonl")
        return
    import torch

    import judge as judges

    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    cases = [json.loads(line) for line in (HERE / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]
    random.Random(1).shuffle(cases)
    cases = cases[:arguments.count]
    judge = judges.load(arguments.work)
    drawn, _ = Renderer().render([case["scene"] for case in cases], 1)
    model = Model(arguments.model)
    painted = np.concatenate([model.paint([c["prompt"] for c in cases[i:i + 25]], range(i, i + len(cases[i:i + 25])),
                                          arguments.steps, arguments.guidance, arguments.scheduler)
                              for i in range(0, len(cases), 25)])
    made, verdicts = report(judge, cases, painted)
    own, _ = report(judge, cases, drawn)
    result = {"prompts": len(cases), "steps": arguments.steps, "guidance": arguments.guidance,
              "scheduler": arguments.scheduler, "model": made, "judge_on_renderer_pictures": own["all"]}
    (arguments.out / "report.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_png(arguments.out / "sheet.png", sheet(painted[:SHOWN], 8))
    lines = [f"{i + 1}. {case['prompt']}: {'; '.join(f'{k} {v}' for k, v in verdict.items() if v is not None)}"
             for i, (case, verdict) in enumerate(zip(cases[:SHOWN], verdicts))]
    (arguments.out / "sheet.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, table in {"model": made["all"], "judge on the renderer's": own["all"]}.items():
        print(name, {key: f"{100 * v['right']:.1f} % of {v['of']}" for key, v in table.items() if v})


if __name__ == "__main__":
    main()
