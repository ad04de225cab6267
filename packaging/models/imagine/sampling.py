"""Pictures from the network as it is in training (the exported one is what evaluate.py measures)."""

import torch


@torch.no_grad()
def sample(model, tokenizer, prompts, seed, steps=20, guidance=3.0, shift=3.0, device="cpu", noise=None):
    """(n, 3, 64, 64), 0 to 1: Euler's steps, more of them where there is much noise."""
    ids = torch.tensor([tokenizer.encode(p) for p in [*prompts, *[""] * len(prompts)]], device=device)
    text = model.text(ids)
    if noise is None:
        noise = torch.randn(len(prompts), 3, 64, 64, generator=torch.Generator().manual_seed(seed))
    z = noise.to(device)
    levels = torch.linspace(1, 0, steps + 1).tolist()
    levels = [shift * s / (1 + (shift - 1) * s) for s in levels]
    for now, after in zip(levels, levels[1:]):
        s = torch.full((2 * len(prompts),), now, device=device)
        with_, without = model.painter(torch.cat([z, z]), s, text).float().chunk(2)
        picture = without + guidance * (with_ - without)
        z = picture + (z - picture) * (after / now)
    return ((z + 1) / 2).clamp(0, 1).cpu().numpy()
