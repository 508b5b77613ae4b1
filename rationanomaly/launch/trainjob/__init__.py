"""Training over nodes: a Kubeflow Trainer (v2) TrainJob that runs the command line of a training on one machine.

`manifest` writes it, `cluster` talks to the Kubernetes API, `run` submits and follows it and leaves nothing behind.
"""
