"""A stream of lines at work: followed, judged, watched, gathered to incidents; nothing lost, nothing twice."""
