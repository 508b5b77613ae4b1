"""Provides the base model: bootstrapped from the training templates, or a hub id at a revision."""
