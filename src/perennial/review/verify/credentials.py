"""No configuration that git tracks holds a secret.

Why so: docs/decisions.md#d46
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from perennial.review.revision.checkout import Checkout
from perennial.runtime.checks import Finding

#: Tokens of a known form, each as its issuer documents it.
_FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "an Azure storage key": r"\bAccountKey=[A-Za-z0-9+/]{40,}",
    "a Stripe key": r"\b[rs]k_live_[0-9A-Za-z]{20,}",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s:/@]+:(?![$<{*%])[^\s/@]+@",
}
#: Settings that are secret whatever their form: DVC's for its remotes, and others like them.
_SETTING = re.compile(
    r"""^\s*["']?(?P<key>[\w.-]*(?:password|passwd|secret|secret_?access_?key|connection_string
    |account_key|sas_token|access_token|auth_token|api_?key|token|private_key|key_secret))["']?
    \s*[=:]\s*["']?(?P<value>[^\s"',#]{6,})""",
    re.VERBOSE | re.IGNORECASE,
)
#: A reference to a variable, or a placeholder, is no secret.
_OPEN = re.compile(r"[$<{*%!]|env:|x{3,}|\.\.\.|none|null|true|false", re.IGNORECASE)

_SUFFIXES = {".cfg", ".conf", ".env", ".ini", ".json", ".properties", ".toml", ".yaml", ".yml"}
_NAMES = {".dvc/config", ".env", ".netrc", ".pypirc", "Dockerfile", "Makefile"}
_LARGEST = 1_000_000


def find_secrets(checkout: Checkout) -> list[Finding]:
    """File, line and kind of each secret in the configuration that git tracks; never the secret."""
    findings = []
    for name in checkout.git("ls-files", "-z").split("\0"):
        path = checkout.root / name
        if not (_is_configuration(name) and path.is_file()) or path.stat().st_size > _LARGEST:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        findings += [Finding(f"{name}, line {line}", what) for line, what in secrets_in(text)]
    return findings


def _is_configuration(name: str) -> bool:
    path = PurePosixPath(name)
    return name in _NAMES or path.name in _NAMES or path.suffix in _SUFFIXES


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    r"""Line numbers of a text, and what kind of secret seems to be there.

    >>> list(secrets_in("[remote]\n    password = hunter22\n    token = $TOKEN"))
    [(2, 'a value for password')]
    """
    for number, line in enumerate(text.splitlines(), 1):
        what = next((name for name, form in _FORMS.items() if re.search(form, line)), None)
        setting = _SETTING.match(line)
        if what is None and setting and not _OPEN.match(setting["value"]):
            what = f"a value for {setting['key']}"
        if what is not None:
            yield number, what
