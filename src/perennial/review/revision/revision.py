"""A revision's files, read through DVC: from git, the cache or a remote, without a checkout."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.checkout import git
from perennial.runtime.errors import PerennialError

#: What a comparison may read of a revision, each a file or a folder.
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

#: Why a file of a stage is absent, mostly.
NOWHERE = "it lies in neither the cache nor a remote"

#: Branches that a base is looked for on, where none is named.
MAIN = ("main", "origin/main", "master", "origin/master")


class Absent(PerennialError):
    """A revision lacks a file, so that what needs it cannot be told."""


@dataclass(frozen=True)
class Revision:
    """A commit, or the working tree."""

    name: str
    commit: str | None
    folder: Path
    absent: dict[str, str]
    stale: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] | None = None

    def path(self, name: str) -> Path:
        """The path of a file of `NEEDED`."""
        if name in self.absent:
            raise Absent(
                self.absent[name],
                where=f"{self.name}: {name}",
                hint=f"git checkout {self.commit or self.name} && dvc repro, or dvc pull there",
            )
        return self.folder / name

    def __str__(self) -> str:
        if self.commit is None:
            return self.name
        short = self.commit[:7]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"


def working_tree(folder: Path) -> Revision:
    """The checkout as it stands."""
    # Imported here: it costs a second, which a slip in the arguments need not wait for.
    from dvc.repo import Repo

    with Repo(str(folder)) as repository:
        # DVC names them by file, relative to where one stands: `dvc.yaml:train`.
        stale = [name.rpartition(":")[2] for name in repository.status()]
        # Of a frozen stage it says nothing, whatever has become of its inputs.
        stale += [
            str(stage.name) for stage in repository.index.stages if stage.frozen and stage.cmd
        ]
    absent = {
        name: "there is no such file in the working tree"
        for name in NEEDED
        if not (folder / name).exists()
    }
    return Revision("the working tree", None, folder, absent, tuple(dict.fromkeys(stale)))


def at_commit(repository: Path, name: str, into: Path) -> Revision:
    """Copy a commit's files out of git, DVC's cache or a remote."""
    commit = resolve(repository, name)
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    files = DVCFileSystem(str(repository), rev=commit)
    absent = {}
    for path in NEEDED:
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.get(path, str(target), recursive=True)
        except (OSError, DataIndexDirError):
            # DVC does not say whether git or the cache lacks it; its own listing does.
            is_known = files.exists(path)
            absent[path] = NOWHERE if is_known else "it has no such file"
    return Revision(name, commit, into, absent)


def resolve(repository: Path, name: str) -> str:
    """Find the commit of a branch, tag or hash; a `PerennialError` if there is none."""
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
    """The full name of a branch of `MAIN`: git takes a tag that is called `main` before it."""
    return f"refs/{'remotes' if '/' in branch else 'heads'}/{branch}"


def default_base(repository: Path) -> str:
    """Find where the current branch left main."""
    for branch in MAIN:
        with suppress(PerennialError):
            return git(repository, "merge-base", branch_ref(branch), "HEAD").strip()
    raise PerennialError(
        f"there is no branch {', '.join(MAIN)} to compare with",
        hint="name a base: perennial compare BASE",
    )
