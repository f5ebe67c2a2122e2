"""scripts/environment, tested with stand-ins for Python, pip and uv."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/environment"
TOOLS = ["awk", "cp", "dirname", "git", "grep", "mkdir", "mv", "rm", "sed", "sh"]
BUILD = "flit-core==4.2.0 \\\n    --hash=sha256:00\nnumpy==2.4.6 \\\n    --hash=sha256:01\n"
DEV = BUILD + "pytest==9.2.0 \\\n    --hash=sha256:02\n"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell's script")


class Machine:
    """A checkout in a folder of its own, and a PATH with nothing but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.checkout = folder / "a checkout"
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.write("pyproject.toml", "[project]\n")
        self.write("requirements/build.txt", BUILD)
        self.write("requirements/dev.txt", DEV)
        (self.checkout / "scripts").mkdir()
        shutil.copy(SCRIPT, self.checkout / "scripts/environment")

    @property
    def venv(self) -> Path:
        return self.checkout / ".venv"

    def write(self, name: str, text: str) -> None:
        path = self.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def command(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def python(self, name: str, version: str, *, venv: bool = True, pip: str = "exit 0") -> None:
        """Put an interpreter on PATH; `pip` is what its pip does, in shell."""
        pretence = f"import sys; sys.version_info = {tuple(map(int, version.split('.')))}"
        self.command(
            name,
            dedent(f"""\
                printf '%s %s\\n' "${{0##*/}}" "$*" | sed -n '/ -m /p' >>'{self.log}'
                case "$*" in
                -E*) shift 3; exec '{sys.executable}' -c '{pretence}; exec(sys.argv.pop(1))' "$@" ;;
                *ensurepip*) {"exit 0" if venv else "exit 1"} ;;
                *"-m venv "*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/pip ;;
                *"-m pip "*) {pip} ;;
                esac
                """),
        )

    def uv(self) -> None:
        self.command(
            "uv",
            dedent(f"""\
                printf 'uv %s\\n' "$*" >>'{self.log}'
                if [ "$1" = venv ]; then mkdir -p .venv/bin; cp "$5" .venv/bin/python; fi
                """),
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        return subprocess.run(
            [self.checkout / "scripts/environment", *arguments],
            env={"PATH": str(self.bin), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def refuses(self, **variables: str) -> str:
        """Run, and return the one line that says why not."""
        result = self.run(**variables)
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1
        return result.stderr

    def installs(self, *arguments: str, **variables: str) -> list[str]:
        """Run with success, and return the commands that made or changed the environment."""
        result = self.run(*arguments, **variables)
        assert result.returncode == 0, result.stderr
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def version(machine: Machine) -> str:
    return (machine.venv / "installed").read_text().split()[1]


def test_takes_the_first_python_that_starts_and_fits(machine: Machine) -> None:
    machine.python("python3", "3.9.18")
    machine.command("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127\n")
    machine.python("python3.12", "3.12.1")
    machine.python("python3.11", "3.11.7")
    machine.installs()
    assert version(machine) == "3.12.1"


def test_prefers_python3(machine: Machine) -> None:
    machine.python("python3", "3.11.7")
    machine.python("python3.13", "3.13.0")
    machine.installs()
    assert version(machine) == "3.11.7"


@pytest.mark.parametrize("number", ["2.7.18", "3.10.13", "3.14.0"])
def test_a_python_that_does_not_fit_is_refused_in_one_line(machine: Machine, number: str) -> None:
    machine.python("python3", number)
    assert "no Python 3.11 to 3.13" in machine.refuses()
    assert not machine.venv.exists()


def test_no_python_is_refused_in_one_line(machine: Machine) -> None:
    assert "make PYTHON=" in machine.refuses()
    assert not machine.venv.exists()


def test_the_requested_python_is_taken(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.python("my python", "3.13.0")
    machine.installs(PYTHON="my python")
    assert version(machine) == "3.13.0"


def test_an_environment_of_another_python_than_requested_is_made_anew(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.python("python3.11", "3.11.7")
    machine.installs()
    machine.installs(PYTHON="python3.11")
    assert version(machine) == "3.11.7"
    assert machine.installs() == [], "the choice stays"


def test_a_requested_python_that_does_not_fit_is_refused_by_name(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.python("python3.9", "3.9.18")
    machine.installs()
    assert "PYTHON=python3.9" in machine.refuses(PYTHON="python3.9")
    assert machine.installs() == [], "and the environment that was there stays"


def test_a_missing_venv_module_is_said_with_the_remedy(machine: Machine) -> None:
    machine.python("python3", "3.12.1", venv=False)
    assert "apt install python3-venv" in machine.refuses()
    assert not machine.venv.exists()


def test_installs_the_locked_backends_then_the_requirements_then_itself(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    made, backends, requirements, itself = machine.installs()
    assert made == "python3 -m venv .venv"
    assert backends.endswith("--require-hashes -r .venv/unfinished")
    assert requirements.endswith("--require-hashes --no-build-isolation -r requirements/build.txt")
    assert itself.endswith("--no-deps --no-build-isolation --editable .")


def test_uses_uv_where_it_is(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.uv()
    assert all(line.startswith("uv ") for line in machine.installs())
    assert machine.installs() == []


def test_an_environment_that_uv_made_is_made_anew_without_uv(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.uv()
    machine.installs()
    (machine.bin / "uv").unlink()
    assert machine.installs()[0] == "python3 -m venv .venv"


def test_does_nothing_twice(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.installs()
    assert machine.installs() == []
    before = (machine.venv / "installed").stat()
    assert machine.installs() == []
    after = (machine.venv / "installed").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_holds_more_holds_what_is_in_it(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.installs("requirements/dev.txt")
    assert machine.installs("requirements/build.txt") == []
    assert machine.installs("requirements/dev.txt") == []


def test_what_holds_less_is_added_to(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.installs("requirements/build.txt")
    assert "requirements/dev.txt" in machine.installs("requirements/dev.txt")[-2]
    assert machine.installs("requirements/build.txt") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("requirements/build.txt", BUILD.replace("2.4.6", "2.4.7")), ("pyproject.toml", "[new]\n")],
)
def test_a_changed_file_is_installed_without_a_new_environment(
    machine: Machine, name: str, text: str
) -> None:
    machine.python("python3", "3.12.1")
    machine.installs()
    machine.write(name, text)
    assert "python3 -m venv .venv" not in machine.installs()
    assert machine.installs() == []


def test_a_moved_checkout_gets_its_own_environment(machine: Machine) -> None:
    machine.python("python3", "3.12.1")
    machine.installs()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.installs()[0] == "python3 -m venv .venv"


def test_a_failed_first_install_leaves_nothing(machine: Machine) -> None:
    machine.python("python3", "3.12.1", pip="echo 'no such host' >&2; exit 1")
    result = machine.run()
    assert result.returncode == 2
    assert "no such host" in result.stderr
    assert not machine.venv.exists()


def test_a_failed_later_install_keeps_what_was_there(machine: Machine) -> None:
    machine.python("python3", "3.12.1", pip=f"[ ! -e '{machine.bin}/broken' ]")
    machine.installs()
    (machine.bin / "broken").touch()
    assert machine.run("requirements/dev.txt").returncode == 2
    (machine.bin / "broken").unlink()
    again = machine.installs("requirements/build.txt")
    assert again, "what it holds now is not known, so it is installed again"
    assert "python3 -m venv .venv" not in again


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_install_leaves_nothing(machine: Machine, number: signal.Signals) -> None:
    machine.python("python3", "3.12.1", pip=f"kill -{number.value} $PPID")
    assert machine.run().returncode > 128
    assert not machine.venv.exists()


def test_a_killed_install_is_done_anew(machine: Machine) -> None:
    machine.python("python3", "3.12.1", pip="kill -9 $PPID")
    assert machine.run().returncode == -signal.SIGKILL
    assert machine.venv.exists()
    machine.python("python3", "3.12.1")
    assert machine.installs()[0] == "python3 -m venv .venv"
    assert machine.installs() == []
