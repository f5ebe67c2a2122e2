"""Keep one comment on a pull or merge request up to date with a report.

    python3 scripts/comment.py .review/comment.md

Runs in GitHub Actions and GitLab CI, with the standard library alone. The token comes from the
environment (`GITHUB_TOKEN`, or `GITLAB_TOKEN` with the scope `api`) and goes to the API alone.
Where there is none, or the request comes from a fork, a sentence says so, the report goes to the
job's summary, and the exit code is 0. The report may come from untrusted code: nothing in it is
obeyed.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

MARKER = "<!-- perennial:review -->"
ATTEMPTS = 4
#: Seconds: an API that asks for more patience is given up on.
PATIENCE = 60
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Fault(Exception):
    """What went wrong, in a line."""


class Forbidden(Fault):
    """The token may not do that."""


class Elsewhere(Exception):
    """Why there is nothing to comment on; not an error."""


class Later(Exception):
    """The API is busy."""

    def __init__(self, why: str, seconds: float | None) -> None:
        super().__init__(why)
        self.seconds = seconds


class NoRedirect(HTTPRedirectHandler):
    """A redirect would take the token along, and neither API needs one."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Comment:
    place: str
    author: str
    body: str


class Api:
    """JSON over HTTPS, with a token in a header."""

    def __init__(self, root: str, headers: Mapping[str, str], token: str) -> None:
        parts = urlsplit(root)
        if parts.scheme != "https" and (parts.scheme, parts.hostname) not in {
            ("http", host) for host in LOOPBACK
        }:
            raise Fault(f"{root} is not https: no token is sent there")
        self.root = root.rstrip("/")
        self._headers = {**headers, "User-Agent": "perennial", "Content-Type": "application/json"}
        self._token = token
        self._opener = build_opener(NoRedirect)

    def ask(self, method: str, place: str, body: Any = None) -> tuple[Any, Mapping[str, str]]:
        """The answer's JSON, and its headers."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 (the scheme was checked)
            self.root + place, data=data, headers=self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.load(answer), answer.headers
        except HTTPError as error:
            raise self._failure(f"{method} {place.partition('?')[0]}", error) from None
        except (OSError, HTTPException) as error:
            raise Later(self._clean(f"{method} {place.partition('?')[0]}: {error}"), None) from None
        except ValueError:
            raise Fault(f"{method} {place.partition('?')[0]}: the answer is no JSON") from None

    def place(self, address: str) -> str:
        """An address without this API's root; a `Fault` if it is on another host."""
        if not address.startswith(f"{self.root}/"):
            raise Fault(f"the next page is at {urlsplit(address).netloc}: no token is sent there")
        return address.removeprefix(self.root)

    def _failure(self, what: str, error: HTTPError) -> Exception:
        with error:
            body = error.read(2000).decode("utf-8", "replace")
        message = re.search(r'"(?:message|error)"\s*:\s*"([^"]*)"', body)
        why = self._clean(f"{what}: {error.code} {message[1] if message else error.reason}")
        after = error.headers.get("Retry-After")
        if error.code == 429 or error.code >= 500 or (error.code == 403 and after):
            return Later(why, float(after) if after and after.isdecimal() else None)
        return Forbidden(why) if error.code == 403 else Fault(why)

    def _clean(self, text: str) -> str:
        return " ".join(text.replace(self._token, "***").split())[:300]


class GitHub:
    """A pull request's comments."""

    limit = 65_536

    def __init__(self, environment: Mapping[str, str]) -> None:
        event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        self._repository = environment["GITHUB_REPOSITORY"]
        # After a run of the review, on the default branch: GitHub's own record of that run, as the
        # run's code could forge a number in its files.
        self._run = event.get("workflow_run", {})
        head = self._run.get("head_repository") or _at(event, "pull_request", "head", "repo") or {}
        if head.get("full_name") != self._repository:
            raise Elsewhere("the pull request comes from a fork, whose code may not write comments")
        token = environment.get("GITHUB_TOKEN", "")
        if not token:
            raise Elsewhere("this job has no GITHUB_TOKEN; the workflow `comment` has")
        self._number = _at(event, "pull_request", "number")
        self._api = Api(
            environment["GITHUB_API_URL"],
            {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
            token,
        )

    def _request(self) -> int:
        if self._number is None:
            owner, branch = self._repository.partition("/")[0], self._run["head_branch"]
            query = urlencode({"state": "open", "head": f"{owner}:{branch}", "per_page": 100})
            pulls, _ = self._api.ask("GET", f"/repos/{self._repository}/pulls?{query}")
            commit = self._run["head_sha"]
            numbers = [pull["number"] for pull in pulls if _at(pull, "head", "sha") == commit]
            if len(numbers) != 1:
                raise Elsewhere(f"{len(numbers) or 'no'} open pull requests are at {commit[:7]}")
            self._number = numbers[0]
        return int(self._number)

    def me(self) -> str:
        try:
            user, _ = self._api.ask("GET", "/user")
        except Forbidden:
            # The token of a workflow belongs to no user; its comments have this author.
            return "github-actions[bot]"
        return str(user["login"])

    def comments(self) -> Iterator[Comment]:
        place = f"/repos/{self._repository}/issues/{self._request()}/comments?per_page=100"
        while place:
            page, headers = self._api.ask("GET", place)
            for note in page:
                author = _at(note, "user", "login") or ""
                here = f"/repos/{self._repository}/issues/comments/{int(note['id'])}"
                yield Comment(here, author, note.get("body") or "")
            following = re.search(r'<([^>]*)>;\s*rel="next"', headers.get("Link", ""))
            place = self._api.place(following[1]) if following else ""

    def update(self, comment: Comment, body: str) -> None:
        self._api.ask("PATCH", comment.place, {"body": body})

    def create(self, body: str) -> None:
        place = f"/repos/{self._repository}/issues/{self._request()}/comments"
        self._api.ask("POST", place, {"body": body})


class GitLab:
    """A merge request's notes."""

    limit = 1_000_000

    def __init__(self, environment: Mapping[str, str]) -> None:
        number = environment.get("CI_MERGE_REQUEST_IID", "")
        if not number.isdecimal():
            raise Elsewhere("this pipeline is of no merge request")
        project = environment["CI_MERGE_REQUEST_PROJECT_ID"]
        if environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != project:
            raise Elsewhere(
                "the merge request comes from a fork, whose code may not write comments"
            )
        token = environment.get("GITLAB_TOKEN", "")
        if not token:
            raise Elsewhere("this job has no GITLAB_TOKEN to comment with")
        self._notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
        self._api = Api(environment["CI_API_V4_URL"], {"PRIVATE-TOKEN": token}, token)

    def me(self) -> str:
        user, _ = self._api.ask("GET", "/user")
        return str(user["username"])

    def comments(self) -> Iterator[Comment]:
        page = "1"
        while page:
            query = urlencode(
                {"per_page": 100, "page": page, "sort": "asc", "order_by": "created_at"}
            )
            notes, headers = self._api.ask("GET", f"{self._notes}?{query}")
            for note in notes:
                author = _at(note, "author", "username") or ""
                yield Comment(f"{self._notes}/{int(note['id'])}", author, note.get("body") or "")
            page = headers.get("X-Next-Page", "")

    def update(self, comment: Comment, body: str) -> None:
        self._api.ask("PUT", comment.place, {"body": body})

    def create(self, body: str) -> None:
        self._api.ask("POST", self._notes, {"body": body})


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def host(environment: Mapping[str, str]) -> GitHub | GitLab:
    """The host whose CI this is."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub(environment)
    if environment.get("GITLAB_CI") == "true":
        return GitLab(environment)
    raise Fault("neither GitHub Actions nor GitLab CI: there is no request to comment on")


def comment_body(report: str, limit: int) -> str:
    """The comment: marked, within the limit, mentioning no user and giving no command."""
    # A line that begins with a slash is a command to GitLab, and an @ calls people.
    text = re.sub(r"^([ \t>]*)/", r"\1\\/", report, flags=re.MULTILINE)
    text = f"{MARKER}\n" + re.sub(r"@(?=\w)", "@\u200b", text)
    if len(text) <= limit:
        return text
    tail = (
        "\n\n**Cut here: too long for a comment.** The whole report is among the job's artifacts.\n"
    )
    text = text[: limit - len(tail) - 200].rpartition("\n")[0]
    if text.count("```") % 2:
        text += "\n```"
    opened = text.count("<details>") - text.count("</details>")
    return text + "\n\n</details>" * min(max(opened, 0), 10) + tail


def put(at: GitHub | GitLab, report: str) -> str:
    """Update the comment that is there, or make it."""
    body, me = comment_body(report, at.limit), at.me()
    for comment in at.comments():
        # Anyone can write the marker: only our own comment is changed.
        if comment.author == me and comment.body.startswith(MARKER):
            at.update(comment, body)
            return "the comment was updated"
    at.create(body)
    return "the comment was created"


def put_patiently(at: GitHub | GitLab, report: str) -> str:
    """Try again while the API is busy, from the start: the comment may have been created."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return put(at, report)
        except Later as busy:
            seconds = 2.0**attempt if busy.seconds is None else busy.seconds
            if attempt == ATTEMPTS or seconds > PATIENCE:
                raise Fault(f"{busy}; given up after {attempt} attempts") from None
            time.sleep(seconds)
    raise AssertionError


def read(path: Path) -> str:
    # A link in an untrusted archive could lead to this process's own environment.
    if path.is_symlink():
        raise Fault(f"{path} is a link, not a report")
    return path.read_text(encoding="utf-8", errors="replace")


def summarise(report: str, sentence: str, environment: Mapping[str, str]) -> None:
    """Add to the job's summary, where the host has one."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{report}\n\n_{sentence}_\n")


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    if len(arguments) != 1:
        print("usage: scripts/comment.py REPORT", file=sys.stderr)
        return 2
    try:
        report = read(Path(arguments[0]))
        try:
            print(f"comment: {put_patiently(host(environment), report)}")
        except Elsewhere as reason:
            sentence = f"No comment: {reason}. The report is in the job's summary and artifacts."
            print(f"comment: {sentence}")
            summarise(report, sentence, environment)
    except Fault as fault:
        print(f"comment: {fault}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"comment: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A variable or a field that the host promises, and that is not there.
        print(f"comment: unexpected: {type(error).__name__} {error}"[:300], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
