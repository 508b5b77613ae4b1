"""Step `register`: the trained model as a version in the MLflow registry, reloaded and compared."""
