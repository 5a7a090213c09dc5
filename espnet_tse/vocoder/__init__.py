"""Codes, embeddings or latents to waveform."""
