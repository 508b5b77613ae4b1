"""Anomalies that no single line shows: what is new, out of its rate, silent, out of its range, or out of order."""
