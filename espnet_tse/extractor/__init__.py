"""Mixture + enrollment -> estimate, discriminatively: one file a published extractor, and their parts."""
