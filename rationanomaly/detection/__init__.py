"""From a model folder to verdicts on templates and on log lines."""
