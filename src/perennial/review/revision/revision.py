"""A revision: the files of a commit, or of the working tree, that commands read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.git import git
from perennial.runtime.errors import PerennialError

#: What a command may read of a revision, each a file or a folder.
NEEDED = (
    "params.yaml",
    "dvc.lock",
    "requirements/build.txt",
    "src",
    "data/contract.yaml",
    "data/raw",
    "data/prepared/train.parquet",
    "data/prepared/validation.parquet",
    "data/prepared/test.parquet",
    "data/prepared/quarantine.parquet",
    "metrics",
    "models/bundle",
    "models/bundle.sig",
)

#: Why a file of a stage is usually absent.
NOT_STORED = "it lies in neither the cache nor a remote"

#: Branches that may be the main one, in the order in which they are tried.
MAIN = ("main", "origin/main", "master", "origin/master")


class Absent(PerennialError):
    """A revision lacks a file that is needed for an answer."""


@dataclass(frozen=True)
class Revision:
    """A commit, or the working tree."""

    name: str
    """As the user gave it."""
    commit: str | None
    """Its full hash; None for the working tree."""
    folder: Path
    """Holds its files: the checkout itself, or a copy."""
    absent: dict[str, str]
    """Why a file of `NEEDED` is not there, by path."""
    stale: tuple[str, ...] = ()
    """Stages whose outputs are not those of the code, parameters and data beside them."""
    rebuilt: tuple[str, ...] | None = None
    """The outputs of a rebuild that differ from the commit's `dvc.lock`; None without a rebuild."""

    def path(self, name: str) -> Path:
        """The path of a file of `NEEDED`; an `Absent` if this revision lacks it."""
        if name in self.absent:
            raise Absent(
                self.absent[name],
                where=f"{self.name}: {name}",
                hint=f"git checkout {self.commit or self.name} && dvc repro, or dvc pull there",
            )
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether this revision has a file of `NEEDED`."""
        return name not in self.absent

    def __str__(self) -> str:
        if self.commit is None:
            return self.name
        short = self.commit[:7]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"


def working_tree(folder: Path) -> Revision:
    """The checkout as it is now."""
    # Imported here: it costs a second, which an error in the arguments need not wait for.
    from dvc.repo import Repo

    with Repo(str(folder)) as repository:
        # DVC names them by file, relative to the current folder: `dvc.yaml:train`.
        stale = [name.rpartition(":")[2] for name in repository.status()]
        # It reports nothing of a frozen stage, whatever has become of its inputs.
        stale += [
            str(stage.name) for stage in repository.index.stages if stage.frozen and stage.cmd
        ]
    absent = {
        name: "there is no such file in the working tree"
        for name in NEEDED
        if not (folder / name).exists()
    }
    return Revision("the working tree", None, folder, absent, tuple(dict.fromkeys(stale)))


def resolve(repository: Path, name: str) -> str:
    """The full hash of a branch, tag or hash; a `PerennialError` if git knows none."""
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except PerennialError:
        raise PerennialError(
            "git knows no such revision", where=name, hint=_hint_of_unknown(repository)
        ) from None


def _hint_of_unknown(repository: Path) -> str:
    if git(repository, "rev-parse", "--is-shallow-repository").strip() == "true":
        return "git fetch --unshallow --tags origin '+refs/heads/*:refs/remotes/origin/*'"
    return "git branch -a, or git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'"


def branch_ref(branch: str) -> str:
    """The full name of a branch of `MAIN`: git would prefer a tag of the same name."""
    return f"refs/{'remotes' if '/' in branch else 'heads'}/{branch}"


def default_base(repository: Path) -> str:
    """The commit at which the current branch left the first branch of `MAIN` that exists."""
    for branch in MAIN:
        with suppress(PerennialError):
            return git(repository, "merge-base", branch_ref(branch), "HEAD").strip()
    raise PerennialError(
        f"there is no branch {', '.join(MAIN)} to compare with",
        hint="name a base: perennial compare BASE",
    )
