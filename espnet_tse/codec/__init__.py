"""Waveform <-> codes: codecs, their identity, and what they are trained with."""
