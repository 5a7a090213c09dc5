"""Kaldi-style data directories: reading, checking, mixing, batching."""
