"""Start one stage of the pipeline: ``python src prepare``.

Python puts the folder that it runs at the head of the path, so a stage always runs the code of the
tree that it stands in, whatever is installed.
"""

import sys

STAGES = ("collect", "prepare", "train", "evaluate", "export")

if __name__ == "__main__":
    if sys.argv[1:2] not in [[stage] for stage in STAGES] or len(sys.argv) != 2:
        sys.exit(f"usage: python src STAGE, where STAGE is one of {', '.join(STAGES)}")
    try:
        from perennial.stages.runner import run
    except ModuleNotFoundError as error:
        sys.exit(
            f"{sys.executable} lacks {error.name}: run `make repro`, or activate the environment "
            "that has requirements/build.txt installed"
        )
    sys.exit(run(sys.argv[1]))
