"""Incidents: alerts that belong together, with their timeline, their first cause and their lines."""
