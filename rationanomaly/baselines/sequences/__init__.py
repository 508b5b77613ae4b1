"""Published deep models of log sequences, written from their papers: DeepLog, LogAnomaly, LogRobust.

Each is a `session_models.model.Fit`. What differs from the papers stands in docs/baselines.md.
"""
