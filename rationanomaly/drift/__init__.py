"""Drift: whether the stream is still what the model was trained on."""
