"""Compile Triton's driver as it does when a GPU step starts; the build and a test run it inside the image.

No GPU is needed to compile: the driver's library, which the machine with the GPU brings, is an empty one here. What is
compiled is not loaded.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.runtime import build

nvidia = Path(triton.__file__).parent / "backends" / "nvidia"
with tempfile.TemporaryDirectory() as folder:
    subprocess.run(
        [os.environ.get("CC", "gcc"), "-shared", "-x", "c", "/dev/null", "-o", f"{folder}/libcuda.so.1"], check=True
    )
    made = build._build(
        "cuda_utils", str(nvidia / "driver.c"), folder, [folder], [str(nvidia / "include")], ["libcuda.so.1"], []
    )
    size = Path(made).stat().st_size
sys.stdout.write(f"Triton {triton.__version__} compiled its driver: {size} bytes\n")
