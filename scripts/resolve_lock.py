"""Resolve the conflicts of a merge in what the pipeline computes: `dvc.lock` and `metrics/`.

    make resolve-lock

Computed files are not merged, but computed from the merged code, parameters and data. This requires
that nothing else is in conflict, starts from a valid `dvc.lock`, our side's, runs `dvc repro`, and
stages the results. Conflicts in any other file, `dvc.yaml` included, are for a person to resolve.
It makes no commit, and may be run again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LOCK = "dvc.lock"

#: The report of `perennial gate`: computed, though by no stage.
VERDICT = "metrics/gate.json"

#: What git calls the other side of a merge, a rebase, a cherry-pick and a revert.
OTHER_SIDES = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


class Refusal(Exception):
    """Why nothing can be resolved yet, and what to do first."""


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
    return any((folder / name).exists() for name in OTHER_SIDES)


def conflicts() -> list[str]:
    """The paths in conflict; a `Refusal` if one is not computed, or a change is not staged."""
    if not is_under_way():
        raise Refusal("no merge is under way. Start one: git merge BRANCH")
    unmerged = paths("--diff-filter=U")
    if others := [path for path in unmerged if not is_computed(path)]:
        raise Refusal(
            f"in conflict, and for you to resolve: {', '.join(others)}\n"
            f"  hint: edit, then git add {' '.join(others)}"
        )
    # A computed file is committed together with the files it was computed from, as they are.
    if changed := [path for path in paths() if not is_computed(path) and path not in unmerged]:
        raise Refusal(
            f"changed, but not staged: {', '.join(changed)}\n"
            f"  hint: git add {' '.join(changed)}, or git restore"
        )
    return unmerged


def refuse_markers() -> None:
    """Raise a `Refusal` if a file was staged with conflict markers in it."""
    # With `--check`, git fails when it reports something, trailing blanks included.
    command = ["git", "diff", "--cached", "--check", "--relative"]
    report = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    marked = {*re.findall(r"^(.+):\d+: leftover conflict marker", report, re.MULTILINE)}
    # A line of seven equals signs alone may underline a heading.
    others = sorted(path for path in marked if b"\n<<<<<<< " in b"\n" + Path(path).read_bytes())
    if others := [path for path in others if not is_computed(path)]:
        raise Refusal(
            f"staged with conflict markers: {', '.join(others)}\n"
            f"  hint: edit, then git add {' '.join(others)}"
        )


def start_from_one_side(unmerged: list[str]) -> None:
    """Check out our side's version of each computed file, or theirs where we have none."""
    # Each entry: mode, hash and side (1 is the common ancestor's), a tab, and the path.
    entries = git("ls-files", "--unmerged", "-z").split("\0")[:-1]
    sides = {tuple(entry.split(" ", 2)[2].split("\t")) for entry in entries}
    for path in filter(is_computed, unmerged):
        if ("2", path) in sides:
            git("checkout", "--ours", "--", path)
        elif ("3", path) in sides:
            git("checkout", "--theirs", "--", path)


def check_out_data() -> None:
    """Check out the data whose `.dvc` files the merge changed: git merges only their hashes.

    Otherwise `dvc repro` takes our side's data for a change, and writes its hash into the `.dvc`
    file.
    """
    tracked = [path for path in paths("--diff-filter=d", "HEAD") if path.endswith(".dvc")]
    if tracked and subprocess.run(["dvc", "checkout", *tracked], check=False).returncode:
        raise Refusal(
            f"the data of {', '.join(tracked)} could not be checked out: see above\n"
            "  hint: dvc pull, or dvc add what you have changed there, then make resolve-lock again"
        )


def refuse_changed_inputs() -> None:
    """Raise a `Refusal` if `dvc repro` has rewritten anything but its outputs."""
    if changed := [path for path in paths() if not is_computed(path)]:
        raise Refusal(
            f"dvc repro used other data than the merge has, and rewrote: {', '.join(changed)}\n"
            "  hint: git add them if that is intended, else git restore them and dvc checkout; "
            "then make resolve-lock again"
        )


def compute() -> None:
    """Run the pipeline of the merged tree."""
    command = ["dvc", "repro"]
    if subprocess.run(command, check=False).returncode:
        raise Refusal(
            f"{' '.join(command)} failed: see above. Nothing has been staged\n"
            "  hint: correct that, then make resolve-lock again"
        )


def outputs() -> tuple[str, ...]:
    return tuple(re.findall(r"^ *- path: (\S+)$", Path(LOCK).read_text(encoding="utf-8"), re.M))


def is_output(path: str) -> bool:
    return any(path == out or path.startswith(f"{out}/") for out in outputs())


def resolve() -> None:
    unmerged = conflicts()
    refuse_markers()
    start_from_one_side(unmerged)
    check_out_data()
    compute()
    refuse_changed_inputs()
    git("add", "--", LOCK, *filter(is_computed, {*unmerged, *paths()}))
    print(f"resolve-lock: {len(unmerged)} conflicts resolved: computed and staged")
    if VERDICT in unmerged:
        print(f"resolve-lock: {VERDICT} is our side's: run `perennial gate` again")
    print("resolve-lock: next: review `git diff --cached`, then `git commit`")


def main() -> int:
    try:
        resolve()
    except Refusal as refusal:
        print(f"resolve-lock: {refusal}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
