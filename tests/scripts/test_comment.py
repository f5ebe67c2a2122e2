"""`scripts/comment.py` against a server on loopback that stands in for GitHub and for GitLab."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

PATH = Path(__file__).parents[2] / "scripts/comment.py"
MARKER = "<!-- perennial:review -->"
TOKEN = "s3cr3t-t0k3n"
COMMIT = "0123456789abcdef"
REPORT = "## Better\n\nA table.\n"


def script() -> Any:
    """It stands in no package."""
    specification = importlib.util.spec_from_file_location("comment", PATH)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["comment"] = module  # for its dataclass
    specification.loader.exec_module(module)
    return module


SCRIPT = script()


class Host:
    """The comments that the host holds, the requests that it got, and its faults."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.me: str | None = "reviewer"
        self.comments: list[dict[str, str]] = []
        self.pulls = [{"number": 7, "head": {"sha": COMMIT}}]
        self.page_size = 2
        self.calls: list[tuple[str, str]] = []
        #: Answers to give before the real ones: status, headers, text.
        self.trouble: list[tuple[int, dict[str, str], str]] = []
        self.next_page: str | None = None

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.calls if method != "GET"]

    def answer(self, method: str, target: str, body: Any) -> tuple[int, dict[str, str], Any]:
        url = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if url.path.endswith("/user"):
            return (200, {}, {"login": self.me, "username": self.me}) if self.me else (403, {}, {})
        if url.path.endswith("/pulls"):
            assert query["head"] == "owner:feature/one"
            return 200, {}, self.pulls
        if method == "GET":
            return self._page(url.path, int(query.get("page", 1)))
        if method == "POST":
            self.comments.append({"author": self.me or "github-actions[bot]", **body})
            return 201, {}, {}
        self.comments[int(url.path.rpartition("/")[2])].update(body)
        return 200, {}, {}

    def _page(self, path: str, page: int) -> tuple[int, dict[str, str], Any]:
        start = (page - 1) * self.page_size
        page_of_notes = [
            {"id": start + place, "body": each["body"], side: {name: each["author"]}}
            for place, each in enumerate(self.comments[start : start + self.page_size])
            for side, name in [("user", "login") if "/issues/" in path else ("author", "username")]
        ]
        is_last = start + self.page_size >= len(self.comments)
        address = self.next_page or f"{self.address}{path}?page={page + 1}"
        link = {} if is_last else {"Link": f'<{address}>; rel="next"'}
        return 200, {**link, "X-Next-Page": "" if is_last else str(page + 1)}, page_of_notes


class Handler(BaseHTTPRequestHandler):
    host: Host

    def _handle(self) -> None:
        host = self.host
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else None
        host.calls.append((self.command, urlsplit(self.path).path))
        given = (self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN"))
        assert given in {(f"Bearer {TOKEN}", None), (None, TOKEN)}
        if host.trouble:
            status, headers, text = host.trouble.pop(0)
        else:
            status, headers, answer = host.answer(self.command, self.path, body)
            text = json.dumps(answer)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Host]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        host = Host(f"http://127.0.0.1:{running.server_port}")
        running.RequestHandlerClass = type("Bound", (Handler,), {"host": host})
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield host
        running.shutdown()
        thread.join()


class Job:
    """A CI job that runs the script."""

    def __init__(self, folder: Path, variables: dict[str, str], captured: Any) -> None:
        self.folder = folder
        self.variables = variables
        self.captured = captured
        (folder / "report.md").write_text(REPORT)

    @property
    def summary(self) -> str:
        path = self.folder / "summary.md"
        return path.read_text() if path.exists() else ""

    def event(self, content: Any) -> None:
        (self.folder / "event.json").write_text(json.dumps(content))

    def run(self, code: int = 0, **variables: str) -> str:
        """What it says, on one line; never the token."""
        status = SCRIPT.main([str(self.folder / "report.md")], {**self.variables, **variables})
        output = "".join(self.captured.readouterr())
        assert TOKEN not in output + self.summary
        assert status == code, output
        assert output.count("\n") == 1, output
        return output


@pytest.fixture
def github(tmp_path: Path, server: Host, capsys: Any) -> Job:
    """After a review of a branch of the repository itself: a `workflow_run`."""
    job = Job(
        tmp_path,
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": server.address,
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_TOKEN": TOKEN,
        },
        capsys,
    )
    repository = {"full_name": "owner/name"}
    run = {"head_branch": "feature/one", "head_sha": COMMIT, "head_repository": repository}
    job.event({"workflow_run": run})
    return job


@pytest.fixture
def gitlab(tmp_path: Path, server: Host, capsys: Any) -> Job:
    """A merge request's job."""
    return Job(
        tmp_path,
        {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": f"{server.address}/api/v4",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
            "GITLAB_TOKEN": TOKEN,
        },
        capsys,
    )


@pytest.fixture(params=["github", "gitlab"])
def job(request: pytest.FixtureRequest) -> Job:
    """On either host."""
    job = request.getfixturevalue(request.param)
    assert isinstance(job, Job)
    return job


class TestComment:
    def test_is_made_once_and_then_updated_in_place(self, job: Job, server: Host) -> None:
        assert "created" in job.run()
        (job.folder / "report.md").write_text("## Worse\n")
        assert "updated" in job.run()
        assert server.comments == [{"author": "reviewer", "body": f"{MARKER}\n## Worse\n"}]

    def test_is_found_behind_other_peoples_on_a_later_page(self, job: Job, server: Host) -> None:
        others = [{"author": "someone", "body": f"comment {number}"} for number in range(5)]
        server.comments = [*others, {"author": "reviewer", "body": f"{MARKER}\nold"}, *others]
        job.run()
        assert server.comments[5]["body"] == f"{MARKER}\n{REPORT}"
        assert len(server.comments) == 11
        assert len(server.writes()) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"author": "stranger", "body": f"{MARKER}\nmine"},
            {"author": "reviewer", "body": f"I quote: {MARKER}"},
        ],
    )
    def test_of_somebody_else_is_left_alone(
        self, job: Job, server: Host, other: dict[str, str]
    ) -> None:
        server.comments = [dict(other)]
        job.run()
        assert server.comments[0] == other
        assert server.comments[1]["body"].startswith(MARKER)

    def test_asks_the_hosts_own_addresses(self, job: Job, server: Host) -> None:
        job.run()
        job.run()
        expected = {
            "GITHUB_ACTIONS": [
                ("POST", "/repos/owner/name/issues/7/comments"),
                ("PATCH", "/repos/owner/name/issues/comments/0"),
            ],
            "GITLAB_CI": [
                ("POST", "/api/v4/projects/42/merge_requests/7/notes"),
                ("PUT", "/api/v4/projects/42/merge_requests/7/notes/0"),
            ],
        }
        assert server.writes() == next(expected[name] for name in expected if name in job.variables)

    def test_a_workflows_own_token_is_the_bots(self, github: Job, server: Host) -> None:
        """GitHub does not say whose token it is: 403."""
        server.me = None
        github.run()
        assert "updated" in github.run()
        assert [each["author"] for each in server.comments] == ["github-actions[bot]"]


class TestText:
    def test_calls_nobody_and_commands_nothing(self, gitlab: Job, server: Host) -> None:
        (gitlab.folder / "report.md").write_text("@all look\n/merge\n  /approve\na/b\n> /close\n")
        gitlab.run()
        (body,) = (each["body"] for each in server.comments)
        assert "@all" not in body
        assert not re.search(r"^[ \t>]*/", body, re.MULTILINE)
        assert "\na/b\n" in body

    def test_too_long_is_cut_between_lines_with_what_was_open_closed(
        self, github: Job, server: Host
    ) -> None:
        lines = "".join(f"| row {number} |\n" for number in range(10_000))
        (github.folder / "report.md").write_text(f"<details>\n\n```\n{lines}\n```\n</details>\n")
        github.run()
        (body,) = (each["body"] for each in server.comments)
        assert 60_000 < len(body) <= 65_536
        cut, closed = body.split("\n```\n\n</details>")
        assert cut.endswith(" |")
        assert "Cut here" in closed


class TestNoComment:
    def test_without_a_token(self, job: Job, server: Host) -> None:
        name = "GITHUB_TOKEN" if "GITHUB_ACTIONS" in job.variables else "GITLAB_TOKEN"
        assert f"no {name}" in job.run(**{name: ""})
        assert server.calls == []

    def test_of_a_fork_on_github(self, github: Job, server: Host) -> None:
        head = {"repo": {"full_name": "stranger/name"}, "sha": COMMIT}
        github.event({"pull_request": {"number": 7, "head": head}})
        assert "fork" in github.run()
        assert REPORT in github.summary
        assert "fork" in github.summary
        run = {"head_branch": "x", "head_sha": COMMIT, "head_repository": {"full_name": "other/n"}}
        github.event({"workflow_run": run})
        assert "fork" in github.run()
        assert server.calls == []

    def test_of_a_fork_whose_repository_is_gone(self, github: Job, server: Host) -> None:
        github.event({"pull_request": {"number": 7, "head": {"repo": None}}})
        assert "fork" in github.run()
        assert server.calls == []

    def test_of_a_fork_on_gitlab(self, gitlab: Job, server: Host) -> None:
        assert "fork" in gitlab.run(CI_MERGE_REQUEST_SOURCE_PROJECT_ID="43")
        assert "no merge request" in gitlab.run(CI_MERGE_REQUEST_IID="")
        assert server.calls == []

    @pytest.mark.parametrize("commits", [["fedcba"], [], [COMMIT, COMMIT]])
    def test_where_the_commit_is_no_ones_or_several_requests(
        self, github: Job, server: Host, commits: list[str]
    ) -> None:
        """A branch that has moved on gets the comment of its next run."""
        server.pulls = [{"number": 7, "head": {"sha": commit}} for commit in commits]
        assert f"pull requests are at {COMMIT[:7]}" in github.run()
        assert server.writes() == []
        assert REPORT in github.summary


class TestTrouble:
    @pytest.mark.parametrize("status", [429, 500, 502, 403])
    def test_a_busy_host_is_asked_again(self, job: Job, server: Host, status: int) -> None:
        server.trouble = [(status, {"Retry-After": "0"}, "busy")] * 3
        assert "created" in job.run()
        assert len(server.comments) == 1

    def test_a_comment_that_was_made_before_the_failure_is_not_made_twice(
        self, gitlab: Job, server: Host
    ) -> None:
        answer = server.answer

        def lose_the_answer(method: str, target: str, body: Any) -> tuple[int, dict[str, str], Any]:
            given = answer(method, target, body)
            return (502, {"Retry-After": "0"}, {}) if method == "POST" else given

        server.answer = lose_the_answer  # type: ignore[method-assign]
        assert "updated" in gitlab.run()
        assert len(server.comments) == 1

    def test_ends_when_the_host_stays_busy(self, job: Job, server: Host) -> None:
        server.trouble = [(503, {"Retry-After": "0"}, "")] * 9
        assert "given up after 4 attempts" in job.run(1)
        assert len(server.calls) == 4

    def test_does_not_wait_for_hours(self, job: Job, server: Host) -> None:
        server.trouble = [(429, {"Retry-After": "3600"}, "")]
        assert "given up after 1 attempt" in job.run(1)

    def test_a_refusal_is_told_in_the_hosts_words_without_the_token(
        self, job: Job, server: Host
    ) -> None:
        server.trouble = [(401, {}, json.dumps({"message": f"Bad credentials {TOKEN}"}))]
        assert re.search(r"GET \S+: 401 Bad credentials \*\*\*", job.run(1))

    def test_no_redirect_is_followed(self, job: Job, server: Host) -> None:
        server.trouble = [(302, {"Location": f"{server.address}/elsewhere"}, "")]
        assert "302" in job.run(1)
        assert len(server.calls) == 1

    def test_no_page_of_another_host_is_read(self, github: Job, server: Host) -> None:
        server.comments = [{"author": "someone", "body": "x"}] * 3
        server.next_page = f"{server.address}.example.org/page"
        assert "no token is sent there" in github.run(1)

    @pytest.mark.parametrize("address", ["http://api.example.org", "ftp://127.0.0.1", "127.0.0.1"])
    def test_no_token_goes_out_in_the_clear(self, job: Job, address: str) -> None:
        output = job.run(1, GITHUB_API_URL=address, CI_API_V4_URL=address)
        assert f"{address} is not https" in output

    @pytest.mark.parametrize("text", ["<html>", "[]", "null", '"text"'])
    def test_an_odd_answer_is_no_stack_trace(self, job: Job, server: Host, text: str) -> None:
        server.trouble = [(200, {}, text)] * 9
        job.run(1)
        assert server.writes() == []

    def test_a_report_that_is_not_there(self, job: Job) -> None:
        (job.folder / "report.md").unlink()
        assert "report.md: No such file" in job.run(1)

    def test_a_report_that_leads_elsewhere(self, job: Job, server: Host) -> None:
        (job.folder / "report.md").rename(job.folder / "secret")
        (job.folder / "report.md").symlink_to(job.folder / "secret")
        assert "is a link" in job.run(1)
        assert server.calls == []

    def test_on_a_persons_machine(self, job: Job) -> None:
        assert "neither GitHub Actions nor GitLab" in job.run(1, GITHUB_ACTIONS="", GITLAB_CI="")


def test_runs_with_the_standard_library_alone(gitlab: Job, server: Host) -> None:
    command = [sys.executable, "-I", "-S", PATH, gitlab.folder / "report.md"]
    subprocess.run(command, env=gitlab.variables, check=True, capture_output=True)
    assert len(server.comments) == 1
