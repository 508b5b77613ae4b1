"""RationAnomaly: says which log templates are anomalous, and shows its reasoning (arXiv 2509.14693)."""

__version__ = "0.1.0"
