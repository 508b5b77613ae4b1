"""Ranks of a training step: processes on one machine, or a Kubeflow TrainJob over several."""
