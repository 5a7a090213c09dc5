"""Blocks without a paper's name."""
