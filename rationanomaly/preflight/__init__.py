"""What can be wrong with a run, found out before any of it is paid: `checks.CHECKS`, all at once, within a deadline.

Each check asks what the steps will need, where they will need it, and says for all that is wrong what to do. None
changes a result: the only traces are an experiment in MLflow that the run would make itself, and a tag on it.
"""
