"""What makes a session abnormal beyond its worst line: counts, order, what is new and what is missing."""
