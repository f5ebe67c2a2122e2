"""What has landed is DVC's to keep, and the pipeline's to read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo

from perennial import cli
from perennial.runtime.errors import PerennialError
from perennial.sources import files

ROOT = Path(__file__).parents[2]
LANDING = Path("data/landing")
HEADER = "id,at,price,sold\n"
JANUARY = ("a,2024-01-02,2,no", "b,2024-01-31,1,yes")
FEBRUARY = ("c,2024-02-01,4.5,yes",)


def export(*rows: str, name: str = "export.csv") -> str:
    """Write what the source gives, beside the project that the test runs in."""
    Path("..", name).write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return f"../{name}"


def land(*argv: str) -> int:
    return cli.main(["land", *argv, "--no-dvc"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # DVC's own
class TestDvc:
    """The folder as a dependency, each landed file with a .dvc of its own."""

    STAGE = """\
stages:
  collect:
    cmd: python src collect
    deps: [data/contract.yaml, data/landing]
    params: [collect]
    outs: [data/raw]
"""

    @pytest.fixture(autouse=True)
    def _shell(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
        monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
        (tmp_path / "gitconfig").write_text("[user]\nname = T\nemail = t@example.org\n")

    @pytest.fixture
    def repository(self, project: Path) -> Path:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", project / "src", ignore=ignored)
        for name in ("README.md", ".gitignore"):
            shutil.copy(ROOT / LANDING / name, project / LANDING / name)
        (project / "requirements").mkdir()
        (project / "requirements/build.txt").touch()
        (project / "dvc.yaml").write_text(self.STAGE)
        (project / ".gitignore").write_text(".perennial/\n__pycache__/\n")
        self.git("init", "-q", "-b", "main")
        Repo.init(str(project)).close()
        store = (
            f"[core]\n    remote = store\n['remote \"store\"']\n    url = {project.parent}/store\n"
        )
        (project / ".dvc/config").write_text(store)
        (project / ".dvcignore").write_text("/data/landing/README.md\n/data/landing/.gitignore\n")
        return project

    def git(self, *argv: str) -> str:
        done = subprocess.run(["git", *argv], capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def clone(self, repository: Path) -> Path:
        self.git("clone", "-q", str(repository), str(repository.parent / "clone"))
        return repository.parent / "clone"

    def test_the_default_source_runs_in_a_fresh_clone(self, repository: Path) -> None:
        shutil.copy(ROOT / "tests/example/contract.yaml", "data/contract.yaml")
        Path("params.yaml").write_text('collect: {since: "2013-12"}\n')
        self.commit("start")
        clone = self.clone(repository)
        os.chdir(clone)
        with Repo() as repo:
            repo.reproduce()
        assert [path.name for path in Path("data/raw").iterdir()] == ["2013-12.parquet"]
        (LANDING / "README.md").write_text("Other words change no row.\n")
        (LANDING / ".gitignore").unlink()
        with Repo() as repo:
            assert repo.status() == {}

    def test_landed_months_are_seen_pushed_and_pulled(self, repository: Path) -> None:
        # What was interrupted before `dvc add` is added the next time.
        assert land(export(*JANUARY)) == 0
        assert not list(LANDING.glob("*.dvc"))
        assert cli.main(["land", export(*JANUARY)]) == 0
        assert [path.name for path in LANDING.glob("*.dvc")] == ["2024-01.parquet.dvc"]
        with Repo() as repo:
            repo.reproduce()
        assert cli.main(["land", export(*JANUARY, *FEBRUARY)]) == 0
        with Repo() as repo:
            assert repo.status()["collect"] == [{"changed deps": {"data/landing": "modified"}}]
            repo.reproduce()
            assert repo.status() == {}
        both = ["2024-01.parquet", "2024-02.parquet"]
        assert sorted(path.name for path in Path("data/raw").iterdir()) == both
        self.commit("february")
        assert self.git("status", "--porcelain") == ""
        assert "data/landing/2024-02.parquet\n" not in self.git("ls-files")
        with Repo() as repo:
            repo.push()
        os.chdir(self.clone(repository))
        with Repo() as repo:
            repo.pull()
            assert repo.status() == {}
        assert sorted(path.name for path in LANDING.glob("*.parquet")) == both

    def test_a_clone_without_the_rows_does_not_build_on_fewer(self, repository: Path) -> None:
        assert cli.main(["land", export(*JANUARY, *FEBRUARY)]) == 0
        self.commit("rows")
        os.chdir(self.clone(repository))
        with Repo() as repo, pytest.raises(DvcException):
            repo.reproduce()
        assert not Path("data/raw").exists()
        with pytest.raises(PerennialError, match="dvc pull"):
            files.present()

    def test_branches_that_land_different_months_merge(self, repository: Path) -> None:
        self.commit("start")
        self.git("switch", "-q", "-c", "february")
        assert cli.main(["land", export(*FEBRUARY)]) == 0
        self.commit("february")
        self.git("switch", "-q", "main")
        (LANDING / "2024-02.parquet").unlink()
        assert cli.main(["land", export(*JANUARY)]) == 0
        self.commit("january")
        self.git("merge", "-q", "--no-edit", "february")
        both = ["2024-01.parquet", "2024-02.parquet"]
        with Repo() as repo:
            repo.checkout([f"data/landing/{name}.dvc" for name in both])
        assert sorted(path.name for path in LANDING.glob("*.parquet")) == both

    def test_outside_a_repository_the_rows_stay_and_the_hint_says_how_to_go_on(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["land", export(*JANUARY)]) == 2
        assert [path.name for path in LANDING.iterdir()] == ["2024-01.parquet"]
        errors = capsys.readouterr().err
        assert "landed, but `dvc add` failed" in errors
        assert "--no-dvc" in errors
