"""WSJ0-2mix (arXiv:1508.04306), WHAM! (arXiv:1907.01160) and WHAMR! (arXiv:1910.10279): lists of their mixtures."""
