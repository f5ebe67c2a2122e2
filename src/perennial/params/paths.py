"""Where the pipeline's inputs and outputs are, as `dvc.yaml` declares them."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")

CONTRACT = Path("data/contract.yaml")
LANDING = Path("data/landing")
RAW = Path("data/raw")

TRAIN = Path("data/prepared/train.parquet")
VALIDATION = Path("data/prepared/validation.parquet")
TEST = Path("data/prepared/test.parquet")
QUARANTINE = Path("data/prepared/quarantine.parquet")
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}

FITTED = Path("models/model.joblib")
COMPILED = Path("models/compiled")
BASELINE = Path("models/baseline")
BUNDLE = Path("models/bundle")
SIGNATURE = Path("models/bundle.sig")

SCORED = Path("data/scored/test.parquet")

METRICS = Path("metrics")
DATA_METRICS = METRICS / "data.json"
TRAIN_METRICS = METRICS / "train.json"
VALIDATION_METRICS = METRICS / "validation.json"
TEST_METRICS = METRICS / "evaluate.json"
SLICE_METRICS = METRICS / "slices.json"
CARD_METRICS = METRICS / "card.json"
PLOTS = METRICS / "plots"
