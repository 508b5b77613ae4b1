"""Tests of the package, of the components and pipelines, and of the benchmarks."""

import os

# NumPy's threads wait for each other by spinning: on busy cores a decomposition of 0.1 s then takes seconds.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
