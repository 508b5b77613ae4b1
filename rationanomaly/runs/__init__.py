"""Runs of steps: executing one, MLflow's record of it, the model registry, the refit for production."""
