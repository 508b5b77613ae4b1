"""Measurements, each with its targets: `make bench-NAME` runs `python -m benchmarks.NAME`."""
