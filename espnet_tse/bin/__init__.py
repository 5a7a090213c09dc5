"""Command lines: argparse and nothing else."""
