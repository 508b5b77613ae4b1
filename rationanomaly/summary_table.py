"""The closing page of a pipeline run in a terminal; what is in it comes from `evaluate.summary`."""
