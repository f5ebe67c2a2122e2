"""Start one stage of the pipeline: ``python src prepare``.

Python puts the folder that it runs at the head of the path, so a stage always runs the code of the
tree that it stands in, whatever is installed.
"""

import gc
import sys

STAGES = ("collect", "prepare", "train", "evaluate", "export")

if __name__ == "__main__":
    if sys.argv[1:2] not in [[stage] for stage in STAGES] or len(sys.argv) != 2:
        sys.exit(f"usage: python src STAGE, where STAGE is one of {', '.join(STAGES)}")
    # Imports make many objects and no garbage: the collector, which looks through all of them time
    # and again, takes a fifth of their time. `run` turns it on when the stage begins its work.
    gc.disable()
    try:
        from perennial.stage import run
    except ModuleNotFoundError as error:
        sys.exit(
            f"{sys.executable} lacks {error.name}: run `make repro`, or activate the environment "
            "that has requirements/build.txt installed"
        )
    code = run(sys.argv[1])
    # What is left goes with the process: to look through it once more takes up to half a second.
    gc.freeze()
    sys.exit(code)
