"""CI: no contributor's code runs with the right to write, and CI runs what a person runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
#: As YAML 1.1 has it, `on` is true.
ON = True
DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"


def load(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


WORKFLOWS = {path.stem: load(path) for path in (ROOT / ".github/workflows").iterdir()}
GITLAB = load(ROOT / ".gitlab-ci.yml")


def events(workflow: dict[Any, Any]) -> set[str]:
    return {workflow[ON]} if isinstance(workflow[ON], str) else {*workflow[ON]}


def may_write(granted: Any) -> bool:
    """Whether permissions, of a workflow or a job, hold a right to write; none named is all."""
    if isinstance(granted, dict):
        return "write" in granted.values()
    return granted != "read-all"


def faults(workflow: dict[Any, Any]) -> list[str]:
    """What would let a stranger's code, or their words, do what they may not."""
    messages = []
    if "pull_request_target" in events(workflow):
        messages.append("runs with the base's rights for anybody's pull request")
    if may_write(workflow.get("permissions")):
        messages.append("its jobs may write unless they say otherwise")
    for name, job in workflow["jobs"].items():
        writes = "permissions" in job and may_write(job["permissions"])
        if writes and events(workflow) != {"workflow_run"}:
            messages.append(f"{name} may write where a pull request's code runs")
        for step in job["steps"]:
            options = step.get("with", {})
            if "${{" in step.get("run", ""):
                messages.append(f"{name} pastes an expression into a shell")
            if step.get("uses", "").startswith("actions/checkout@"):
                if options.get("persist-credentials") is not False:
                    messages.append(f"{name} leaves the token in the checkout")
                if writes and options.get("ref") != DEFAULT_BRANCH:
                    messages.append(
                        f"{name} may write, and checks out other code than the default's"
                    )
            is_download = step.get("uses", "").startswith("actions/download-artifact@")
            if writes and is_download and not options["path"].startswith("${{ runner.temp }}/"):
                messages.append(f"{name} unpacks a stranger's files over its own")
    return messages


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_least(name: str) -> None:
    assert faults(WORKFLOWS[name]) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("review", "pull_request:", "pull_request_target:", "anybody's pull request"),
        ("review", "contents: read", "contents: write", "unless they say otherwise"),
        ("review", "permissions:\n  contents: read\n", "", "unless they say otherwise"),
        ("review", "    steps:", "    permissions: write-all\n    steps:", "code runs"),
        ("review", "run: make review", "run: echo ${{ github.head_ref }}", "into a shell"),
        ("review", "persist-credentials: false", "show-progress: false", "leaves the token"),
        ("comment", f"ref: {DEFAULT_BRANCH}", "ref: main", "other code"),
        ("comment", "path: ${{ runner.temp }}/review", "path: scripts", "over its own"),
    ],
)
def test_each_fault_would_be_reported(name: str, old: str, new: str, fault: str) -> None:
    text = (ROOT / f".github/workflows/{name}.yml").read_text(encoding="utf-8")
    assert old in text
    assert any(fault in message for message in faults(yaml.safe_load(text.replace(old, new, 1))))


def test_what_writes_comments_has_no_other_right() -> None:
    (job,) = WORKFLOWS["comment"]["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    assert "head_repository.full_name == github.repository" in job["if"]
    assert WORKFLOWS["comment"][ON]["workflow_run"]["workflows"] == [WORKFLOWS["review"]["name"]]


def test_history_and_tags_are_there_to_be_compared_with() -> None:
    (job,) = WORKFLOWS["review"]["jobs"].values()
    checkout = job["steps"][0]["with"]
    assert checkout["fetch-depth"] == 0
    assert checkout["fetch-tags"] is True
    assert GITLAB["variables"]["GIT_DEPTH"] == "0"
    assert "--tags" in GITLAB["review"]["script"][0]


def test_ci_gives_the_commands_that_a_person_gives() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    steps = [
        step["run"]
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    jobs = [job for job in GITLAB.values() if isinstance(job, dict) and "script" in job]
    commands = [*steps, *(line for job in jobs for line in job["script"])]
    assert {"make review", ".ci/run"} <= {*commands}
    for command in commands:
        program, _, rest = command.partition(" ")
        assert program in {"make", ".ci/run", "git", "python3"}, command
        assert program != "make" or rest in targets


def test_the_token_of_gitlab_is_in_reach_of_the_comment_alone() -> None:
    """A variable's scope is an environment, and one job enters it: it runs the default's script."""
    entering = [name for name, job in GITLAB.items() if "environment" in job]
    assert entering == ["comment"]
    *_, show, run = GITLAB["comment"]["script"]
    assert show.startswith("git show FETCH_HEAD:scripts/comment.py >")
    assert run.startswith("python3 -I ")
