"""Provides the base model: out of a package, bootstrapped from the training templates, or a hub id at a revision."""
