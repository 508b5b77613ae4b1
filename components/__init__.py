"""The steps as Kubeflow Pipelines components: one folder, one contract each, no logic."""
