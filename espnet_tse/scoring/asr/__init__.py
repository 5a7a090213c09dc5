"""Recognisers, transcripts and word errors."""
