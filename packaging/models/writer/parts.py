"""Weights as files of at most 15 MiB: eight bits a weight and a scale for 32 of them, which is what the exported file
keeps too. For machines that files come back from only in pieces; training goes on from them well enough."""

import io

import numpy as np

PART_BYTES = 15 << 20
NAME = "weights.{:02d}.part"


def save(state, folder):
    """`state`: names and float arrays. Replaces the parts that are there."""
    arrays = {}
    for name, data in state.items():
        data = np.asarray(data, np.float32)
        if data.ndim == 2:
            blocks = data.reshape(-1, 32)
            scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
            divisor = np.where(scale == 0, 1, scale).astype(np.float32)
            arrays[name + ":values"] = np.clip(np.rint(blocks / divisor), -127, 127).astype(np.int8)
            arrays[name + ":scale"], arrays[name + ":shape"] = scale, np.array(data.shape)
        else:
            arrays[name] = data
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    whole = stream.getvalue()
    for old in folder.glob("weights.*.part"):
        old.unlink()
    for i, at in enumerate(range(0, len(whole), PART_BYTES)):
        (folder / NAME.format(i)).write_bytes(whole[at:at + PART_BYTES])


def load(folder):
    """Names and float32 arrays. Raises ValueError when parts are missing."""
    names = sorted(folder.glob("weights.*.part"))
    if not names or [n.name for n in names] != [NAME.format(i) for i in range(len(names))]:
        raise ValueError(f"{folder} does not hold all parts of the weights")
    try:
        arrays = np.load(io.BytesIO(b"".join(n.read_bytes() for n in names)))
        files = {name: arrays[name] for name in arrays.files}
    except Exception as error:
        raise ValueError(f"the parts in {folder} are not whole: {error}") from error
    state = {}
    for name, data in files.items():
        if name.endswith(":values"):
            base = name[:-7]
            state[base] = (data * files[base + ":scale"].astype(np.float32)).reshape(files[base + ":shape"])
        elif ":" not in name:
            state[name] = data
    return state
