"""How much memory a training step takes at its peak, estimated before any weights are loaded.

`architecture` reads the shape of a model from its ``config.json``, `estimate` counts bytes, `available` asks the
device, `check` compares the two and says which value to change.
"""
