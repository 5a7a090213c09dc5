"""Waveform to codes and back."""
