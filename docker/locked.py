"""Print what an image installs, one file's hash or more for each package: locked.py LOCKED VARIANT

TORCH_SHA256 in the environment allows further builds of torch: another index's without CUDA, one for ARM.
"""

import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  Runs in the bare base image, before any venv.
    blocks = file.read().split("\n# ")[1:]
for block in blocks:
    images, _, package = block.partition("\n")
    if sys.argv[2] not in images.split():
        continue
    lines = [package.strip()]
    if package.startswith("torch=="):
        lines += [f"    --hash=sha256:{value}" for value in os.environ.get("TORCH_SHA256", "").split()]
    sys.stdout.write(" \\\n".join(lines) + "\n")
