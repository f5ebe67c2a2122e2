"""Resolve those conflicts of a merge that computing resolves: `dvc.lock` and `metrics/`.

    make resolve-lock

What a pipeline computes is not merged, but computed from the merged code, parameters and data. So
this asks that nothing else is in conflict, starts from a `dvc.lock` that is valid, our side's, runs
`dvc repro`, and stages what came of it. In `dvc.yaml` it resolves the lists of modules that stages
import, which are computed too. It makes no commit, and may be run again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LOCK, PIPELINE = "dvc.lock", "dvc.yaml"

#: The report of `perennial gate`: computed, though by no stage.
VERDICT = "metrics/gate.json"

#: What git calls the other side while something is under way.
UNDER_WAY = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")

HUNK = re.compile(
    r"^<{7}[^\n]*\n(?P<ours>.*?)(?:^\|{7}[^\n]*\n.*?)?^={7}\n(?P<theirs>.*?)^>{7}[^\n]*\n",
    re.DOTALL | re.MULTILINE,
)
MODULES = re.compile(r"(?: *- src/\S+\.py\n)*")


class Refusal(Exception):
    """What a person has to do first."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def paths(*arguments: str) -> list[str]:
    return sorted({*git("diff", "--name-only", "--relative", "-z", *arguments).split("\0")} - {""})


def is_computed(path: str) -> bool:
    return path in {LOCK, VERDICT} or (path.startswith("metrics/") and is_output(path))


def is_under_way() -> bool:
    folder = Path(git("rev-parse", "--absolute-git-dir").strip())
    return any((folder / name).exists() for name in UNDER_WAY)


def conflicts() -> list[str]:
    """The paths in conflict, all of them computed or `dvc.yaml`; else a `Refusal`."""
    if not is_under_way():
        raise Refusal("no merge is under way. Start one: git merge BRANCH")
    unmerged = paths("--diff-filter=U")
    if others := [path for path in unmerged if not is_computed(path) and path != PIPELINE]:
        raise Refusal(
            f"in conflict, and for you to decide: {', '.join(others)}\n"
            f"  hint: edit, then git add {' '.join(others)}"
        )
    # What is computed from a file is to be committed with that file, as it is.
    if changed := [path for path in paths() if not is_computed(path) and path not in unmerged]:
        raise Refusal(
            f"changed, and not staged: {', '.join(changed)}\n"
            f"  hint: git add {' '.join(changed)}, or git restore"
        )
    return unmerged


def refuse_markers() -> None:
    """A file that was staged with conflict markers in it is not decided."""
    # `--check` fails when it finds something, trailing blanks included.
    command = ["git", "diff", "--cached", "--check", "--relative"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    left = {*re.findall(r"^(.+):\d+: leftover conflict marker", found, re.MULTILINE)}
    # A line of seven equals signs alone may be a heading's.
    others = sorted(path for path in left if b"\n<<<<<<< " in b"\n" + Path(path).read_bytes())
    if others := [path for path in others if not is_computed(path)]:
        raise Refusal(
            f"staged with conflict markers: {', '.join(others)}\n"
            f"  hint: edit, then git add {' '.join(others)}"
        )


def with_both_sides(text: str) -> str:
    """`dvc.yaml` with both sides' modules wherever these conflict; a `Refusal` for all else."""

    def both(hunk: re.Match[str]) -> str:
        if not all(MODULES.fullmatch(hunk[side]) for side in ("ours", "theirs")):
            line = text[: hunk.start()].count("\n") + 1
            raise Refusal(
                f"in conflict, and for you to decide: {PIPELINE}, line {line}\n"
                f"  hint: edit, then git add {PIPELINE}"
            )
        lines = [*hunk["ours"].splitlines(), *hunk["theirs"].splitlines()]
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))

    return HUNK.sub(both, text)


def start_from_one_side(unmerged: list[str]) -> None:
    """Our side's version of what is computed, or theirs where we have none."""
    # Each entry: mode, hash and side (1 is the common ancestor's), a tab, and the path.
    entries = git("ls-files", "--unmerged", "-z").split("\0")[:-1]
    sides = {tuple(entry.split(" ", 2)[2].split("\t")) for entry in entries}
    for path in filter(is_computed, unmerged):
        if ("2", path) in sides:
            git("checkout", "--ours", "--", path)
        elif ("3", path) in sides:
            git("checkout", "--theirs", "--", path)


def bring_data() -> None:
    """Check out the data whose `.dvc` files the merge changed: git brings the hashes alone.

    Else `dvc repro` takes our side's data for a change, and writes their hash into the `.dvc` file.
    """
    tracked = [path for path in paths("--diff-filter=d", "HEAD") if path.endswith(".dvc")]
    if tracked and subprocess.run(["dvc", "checkout", *tracked], check=False).returncode:
        raise Refusal(
            f"the data of {', '.join(tracked)} cannot be brought: see above\n"
            "  hint: dvc pull, or dvc add what you have changed there, then make resolve-lock again"
        )


def refuse_changed_inputs() -> None:
    """What `dvc repro` has rewritten beside its outputs is not the merge's."""
    if changed := [path for path in paths() if not is_computed(path) and path != PIPELINE]:
        raise Refusal(
            f"dvc repro found other data than the merge has, and rewrote: {', '.join(changed)}\n"
            "  hint: git add them if that is meant, else git restore them and dvc checkout; then "
            "make resolve-lock again"
        )


def compute() -> None:
    """Run the pipeline of the merged tree."""
    command = ["dvc", "repro"]
    if subprocess.run(command, check=False).returncode:
        raise Refusal(
            f"{' '.join(command)} failed: see above. Nothing has been staged\n"
            "  hint: what it says, then make resolve-lock again"
        )


def outputs() -> tuple[str, ...]:
    return tuple(re.findall(r"^ *- path: (\S+)$", Path(LOCK).read_text(encoding="utf-8"), re.M))


def is_output(path: str) -> bool:
    return any(path == out or path.startswith(f"{out}/") for out in outputs())


def resolve() -> None:
    unmerged = conflicts()
    refuse_markers()
    if PIPELINE in unmerged:
        pipeline = Path(PIPELINE)
        merged = with_both_sides(pipeline.read_text(encoding="utf-8"))
        pipeline.write_text(merged, encoding="utf-8", newline="\n")
    start_from_one_side(unmerged)
    bring_data()
    compute()
    refuse_changed_inputs()
    git("add", "--", LOCK, PIPELINE, *filter(is_computed, {*unmerged, *paths()}))
    print(
        f"resolve-lock: {len(unmerged)} conflicts resolved: computed from the merged tree, staged"
    )
    if VERDICT in unmerged:
        print(f"resolve-lock: {VERDICT} is our side's: give `perennial gate` again")
    print("resolve-lock: look at `git diff --cached`, then give `git commit`")


def main() -> int:
    try:
        resolve()
    except Refusal as refusal:
        print(f"resolve-lock: {refusal}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
