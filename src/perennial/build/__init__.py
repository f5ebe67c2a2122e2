"""The room of the build: what `dvc repro` runs, one module a stage."""
