"""Training curves: numbers by step, as log text, images and tensorboard."""

from pathlib import Path


class Curves:
    """Scalars of ``train`` and ``valid`` by step."""

    def __init__(self, output_dir: Path, use_tensorboard: bool, use_matplotlib: bool):
        self.output_dir, self.use_matplotlib = output_dir, use_matplotlib
        self.values: dict[str, dict[str, list[list[float]]]] = {"train": {}, "valid": {}}  # [step, value]
        self.writers = {}
        if use_tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self.writers = {
                kind: SummaryWriter(str(output_dir / "tensorboard" / kind)) for kind in self.values
            }

    def add(self, kind: str, step: int, stats: dict[str, float]) -> None:
        """Points of the curves."""
        for name, value in stats.items():
            self.values[kind].setdefault(name, []).append([step, value])

    def watch(self, kind: str, step: int, stats: dict[str, float]) -> None:
        """Values as tensorboard keeps them, each of them."""
        if kind in self.writers:
            for name, value in stats.items():
                self.writers[kind].add_scalar(name, value, step)

    def last(self, kind: str) -> str:
        """The last points as text."""
        return ", ".join(f"{name} {points[-1][1]:.4f}" for name, points in self.values[kind].items())

    def draw(self) -> None:
        """One image a scalar below ``images/``."""
        if not self.use_matplotlib:
            return
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        folder = self.output_dir / "images"
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(set(self.values["train"]) | set(self.values["valid"])):
            figure, axes = pyplot.subplots(figsize=(6, 4))
            for kind, curves in self.values.items():
                if name in curves:
                    axes.plot(*zip(*curves[name]), label=kind)
            axes.set(xlabel="step", ylabel=name)
            axes.grid(True)
            axes.legend()
            figure.savefig(folder / f"{name}.png")
            pyplot.close(figure)

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()
