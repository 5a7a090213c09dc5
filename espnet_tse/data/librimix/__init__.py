"""LibriMix (Cosentino et al., arXiv:2005.11262): mixtures from its metadata, LibriSpeech and WHAM!, and lists of them."""
