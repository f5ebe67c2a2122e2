"""`perennial land` adds periods, rewrites none, and reports what has changed."""

from __future__ import annotations

import datetime
import functools
import http.server
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from perennial import cli
from perennial.data import parquet
from perennial.landing import remote

ROOT = Path(__file__).parents[2]
HEADER = "id,at,price,sold\n"
JANUARY = ("a,2024-01-02,2,no", "b,2024-01-31,1,yes")
FEBRUARY = ("c,2024-02-01,4.5,yes",)
LANDING = Path("data/landing")


def export(*rows: str, name: str = "export.csv") -> str:
    """Write what the source gives, beside the project that the test runs in."""
    Path("..", name).write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return f"../{name}"


def land(*argv: str) -> int:
    return cli.main(["land", *argv, "--no-dvc"])


def landed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(LANDING.iterdir())}


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


class TestAppendOnly:
    def test_new_periods_land_one_file_each(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*FEBRUARY, *reversed(JANUARY))) == 0
        assert list(landed()) == ["2024-01.parquet", "2024-02.parquet"]
        assert parquet.read(LANDING / "2024-01.parquet")["id"].to_pylist() == ["a", "b"]
        captured = capsys.readouterr()
        assert "landed data/landing/2024-01.parquet: 2 rows" in captured.out
        assert "reading ../export.csv" in captured.err

    def test_the_same_rows_in_another_order_and_format_are_nothing_new(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        land(export(*JANUARY))
        before = landed()
        lines = [
            {"sold": sold, "price": price, "id": key, "at": f"{at}T00:00:00"}
            for key, at, price, sold in [
                ("b", "2024-01-31", 1.0, True),
                ("a", "2024-01-02", 2, False),
            ]
        ]
        Path("../rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        capsys.readouterr()
        assert land("../rows.jsonl", "--json") == 0
        reported = report(capsys)
        assert (reported["landed"], reported["same"], reported["changed"]) == ([], ["2024-01"], [])
        assert landed() == before

    def test_a_changed_past_is_reported_and_left_while_new_periods_land(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        land(export(*JANUARY))
        before = landed()
        capsys.readouterr()
        # a has another price, b is gone, x and y are new.
        now = ("a,2024-01-02,3,no", "x,2024-01-05,1,no", "y,2024-01-06,1,no")
        assert land(export(*now, *FEBRUARY), "--json") == 1
        reported = report(capsys)
        assert reported["changed"] == [
            {"period": "2024-01", "added": 2, "removed": 1, "changed": 1}
        ]
        assert [item["period"] for item in reported["landed"]] == ["2024-02"]
        assert landed()["2024-01.parquet"] == before["2024-01.parquet"]
        assert land(export(*now)) == 1
        text = capsys.readouterr().out
        assert "changed 2024-01: 2 rows added, 1 removed, 1 changed" in text
        assert "hint: " in text

    def test_rows_in_any_file_count_as_landed(self, capsys: pytest.CaptureFixture[str]) -> None:
        (LANDING / "history.csv").write_text(HEADER + "\n".join(JANUARY) + "\n")
        assert land(export(*JANUARY, *FEBRUARY), "--json") == 0
        assert report(capsys)["same"] == ["2024-01"]
        assert list(landed()) == ["2024-02.parquet", "history.csv"]

    def test_a_dry_run_writes_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*JANUARY), "--dry-run") == 0
        assert landed() == {}
        assert "would land data/landing/2024-01.parquet: 2 rows" in capsys.readouterr().out

    def test_since_and_until(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [f"{month},2024-{month:02}-01,1,no" for month in range(1, 6)]
        assert land(export(*rows), "--since", "2024-02-15", "--until", "2024-04") == 0
        assert list(landed()) == [f"2024-0{month}.parquet" for month in (2, 3, 4)]
        capsys.readouterr()
        assert land(export(*rows), "--since", "2025") == 0
        assert "nothing in these periods" in capsys.readouterr().out

    def test_an_open_period_waits(self, capsys: pytest.CaptureFixture[str]) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        rows = (*JANUARY, f"z,{today},1,no")
        assert land(export(*rows)) == 0
        assert list(landed()) == ["2024-01.parquet"]
        assert f"open {today:%Y-%m}: left out (--include-open lands it)" in capsys.readouterr().out
        assert land(export(*rows), "--include-open") == 0
        assert list(landed()) == ["2024-01.parquet", f"{today:%Y-%m}.parquet"]

    def test_a_file_of_that_name_with_other_rows_is_not_overwritten(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        land(export(*JANUARY))
        (LANDING / "2024-01.parquet").rename(LANDING / "2024-02.parquet")
        before = landed()
        assert land(export(*FEBRUARY)) == 2
        assert "2024-02.parquet: the file holds other rows" in capsys.readouterr().err
        assert landed() == before


class TestWithoutPeriods:
    @pytest.fixture(autouse=True)
    def _timeless(self, project: Path) -> None:
        (project / "params.yaml").write_text("collect: {source: files, period: all}\n")
        contract = project / "data/contract.yaml"
        contract.write_text(contract.read_text().replace("role: time", "role: ignored"))

    def test_the_first_landing_is_all_and_a_change_is_reported(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land(export(*JANUARY)) == 0
        assert list(landed()) == ["all.parquet"]
        before = landed()
        assert land(export(*JANUARY, *FEBRUARY)) == 1
        assert "--name" in capsys.readouterr().out
        assert landed() == before

    def test_new_rows_land_under_a_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        land(export(*JANUARY))
        before = landed()
        assert land(export(*JANUARY, *FEBRUARY), "--name", "february") == 0
        assert parquet.read(LANDING / "february.parquet")["id"].to_pylist() == ["c"]
        assert landed()["all.parquet"] == before["all.parquet"]
        assert land(export(*FEBRUARY), "--name", "again") == 0
        assert sorted(landed()) == ["all.parquet", "february.parquet"]
        capsys.readouterr()
        changed = FEBRUARY[0].replace("4.5", "5")
        assert land(export(changed, "d,2024-03-01,1,no"), "--name", "march", "--json") == 1
        reported = report(capsys)
        assert reported["changed"] == [{"period": "all", "added": 0, "removed": 0, "changed": 1}]
        assert parquet.read(LANDING / "march.parquet")["id"].to_pylist() == ["d"]

    @pytest.mark.parametrize("name", ["../x", "a/b"])
    def test_a_name_is_a_plain_name(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*JANUARY), "--name", name) == 2
        assert "no plain file name" in capsys.readouterr().err

    def test_bounds_need_periods(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*JANUARY), "--since", "2024") == 2
        assert "collect.period is all" in capsys.readouterr().err


class TestSources:
    def test_a_glob(self) -> None:
        export(*JANUARY, name="part-1.csv")
        export(*FEBRUARY, name="part-2.csv")
        assert land("../part-*.csv") == 0
        assert list(landed()) == ["2024-01.parquet", "2024-02.parquet"]

    def test_a_url(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        export(*JANUARY)

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        handler = functools.partial(Quiet, directory=str(tmp_path))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            assert land(f"{url}/export.csv?signature=s3cret", "--json") == 0
            assert land(f"{url}/nothing.csv?signature=s3cret") == 2
            server.shutdown()
        captured = capsys.readouterr()
        assert json.loads(captured.out)["source"] == f"{url}/export.csv"
        assert f"{url}/nothing.csv: cannot be read: " in captured.err
        assert "s3cret" not in captured.err + captured.out
        assert list(landed()) == ["2024-01.parquet"]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("../gone.csv", "../gone.csv: cannot be read: "),
            ("../gone-*.csv", "../gone-*.csv: no file matches"),
            ("..", "..: it is a folder"),
            ("warp://x/rows.csv", "warp://x/rows.csv: cannot be read: Protocol not known: warp"),
        ],
    )
    def test_what_cannot_be_read(
        self, source: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land(source) == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert "hint: " in captured.err
        assert landed() == {}

    def test_a_bad_row_lands_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*JANUARY, "c,2024-02-01,much,no")) == 2
        errors = capsys.readouterr().err
        assert "export.csv: wrong values" in errors
        assert 'line 4, column price: "much" is not a number' in errors
        assert landed() == {}

    def test_credentials_in_a_url_are_not_shown(self) -> None:
        assert remote.shown("ftp://me:s3cret@h/x.csv?a=b") == "ftp://h/x.csv"
        assert remote.shown("../part-?.csv") == "../part-?.csv"

    @pytest.mark.parametrize("argv", [["--sql", "SELECT 1"], ["x.csv", "--url-env", "URL"]])
    def test_a_query_needs_its_url(
        self, argv: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land(*argv) == 2
        assert "--sql and --url-env go together" in capsys.readouterr().err

    def test_a_text_that_often_means_nothing_lands_as_it_is_and_is_noted(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert land(export("NA,2024-01-02,2,no")) == 0
        assert "note: column id: 'NA' (1 rows) taken as a value" in capsys.readouterr().err
        assert parquet.read(LANDING / "2024-01.parquet")["id"].to_pylist() == ["NA"]

    def test_landing_for_another_source_is_noted(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("params.yaml").write_text("collect: {source: flights}\n")
        assert land(export(*JANUARY)) == 0
        assert "note: params.yaml says collect.source: flights" in capsys.readouterr().err

    def test_what_the_parameters_leave_out_of_the_rows_is_noted(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("params.yaml").write_text(
            'collect: {source: files, until: "2024-01"}\nevaluate: {slices: [origin]}\n'
            "export: {name: flights-late}\n"
        )
        assert land(export(*JANUARY, *FEBRUARY)) == 0
        notes = capsys.readouterr().err
        assert "collect.since: -, until: 2024-01; collect leaves out 2024-02" in notes
        assert "params.yaml, line 2: evaluate.slices.0: origin is no column of the" in notes
        assert "params.yaml, line 3: export.name: flights-late has no word of" in notes

    def test_name_is_for_all_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert land(export(*JANUARY), "--name", "x") == 2
        assert "--name is for collect.period: all" in capsys.readouterr().err


@pytest.mark.usefixtures("default_signals")
class TestInterrupted:
    def start(self, project: Path, source: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "perennial.cli", "land", source, "--no-dvc"],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def test_a_full_disk_leaves_no_half_file(self, project: Path) -> None:
        source = export(*(f"{i},2024-01-01,{i},no" for i in range(9_999)))
        limit = (20_000, 20_000)
        process = self.start(
            project,
            source,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )
        _, errors = process.communicate()
        assert process.returncode == 2, errors
        assert "File too large" in errors
        assert "Traceback" not in errors
        assert landed() == {}

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_cleanly(self, project: Path, number: signal.Signals) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            # So that a command that never asks fails the test instead of keeping it waiting.
            server.settimeout(60)
            process = self.start(project, f"http://127.0.0.1:{server.getsockname()[1]}/rows.csv")
            connection, _ = server.accept()
            with connection:
                # The command has asked, and waits for an answer that does not come.
                assert connection.recv(1)
                process.send_signal(number)
                _, errors = process.communicate()
        assert process.returncode == 130, errors
        assert "interrupted" in errors
        assert "Traceback" not in errors
        assert landed() == {}
