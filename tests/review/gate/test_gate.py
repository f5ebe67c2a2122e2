"""The gate on a real repository: each rule broken on purpose, and no report trusted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from perennial import cli
from perennial.data import parquet
from perennial.review.gate.case import Case
from perennial.review.gate.looks import Looks
from perennial.review.gate.rules import RULES, Rule, run_rule, run_rules
from perennial.review.gate.verdict import judge
from perennial.review.params.gate import Gate, Range
from perennial.review.revision.hashes import hash_of, md5
from perennial.review.revision.revision import Revision
from perennial.runtime.checks import PAGES, Explained

if TYPE_CHECKING:
    from conftest import Project

REPORT = "metrics/gate.json"
(FILES, METRICS, DATA_FIGURES, CHANGE, LIMITS, CHAMPION, SLICES, CALIBRATION, LABELS, REJECTS,
 SIZE) = RULES  # fmt: skip
POLICY = """
compare: {resamples: 100, min_positives: 5, min_blocks: 2}
gate: {floors: {roc_auc: 0.4}, margin: 0.05, slice_min_rows: 60, rare_share: 0.2}
"""


@pytest.fixture(scope="module")
def main(cancer: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A good model on main, and on the branch `loser` one that has learnt nothing."""
    project = cancer.copy(tmp_path_factory.mktemp("gate") / "project")
    with (project.root / "params.yaml").open("a") as file:
        file.write(POLICY)
    project.edit("params.yaml", "slices: [clinic, smoker, radius]", "slices: [clinic]")
    project.dvc("repro")
    project.commit("a good model")
    project.git("checkout", "--quiet", "-b", "loser")
    project.edit("params.yaml", "max_iter: 15", "max_iter: 1, min_samples_leaf: 9999")
    project.dvc("repro")
    project.commit("a poor model")
    return project


@pytest.fixture(scope="module")
def loser(main: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The checkout of `loser`; that of `main` is back on main."""
    project = main.copy(tmp_path_factory.mktemp("loser") / "project")
    main.git("checkout", "--quiet", "main")
    main.dvc("checkout", "--quiet")
    return project


@pytest.fixture
def mine(main: Project, loser: Project, tmp_path: Path) -> Project:
    """A copy of main to do with as one likes."""
    assert loser.root != main.root
    return main.copy(tmp_path / "mine")


def case(head: Project, champion: Project, **policy: Any) -> Case:
    head_files, champion_files = (
        Revision(name, None, project.root, {})
        for name, project in (("head", head), ("champion", champion))
    )
    return Case(head_files, champion_files, Gate(margin=0.05, rare_share=0.2, **policy), Looks(1))


def answer_of(rule: Rule, of: Case) -> Explained:
    answer = run_rule(rule, of).answer
    assert isinstance(answer, Explained)
    return answer


ALONE: list[tuple[Rule, dict[str, Any], dict[str, Any]]] = [
    (LIMITS, {"floors": {"roc_auc": 0.9999}}, {"floors": {"roc_auc": 0.6}}),
    (LIMITS, {"floors": {"rocauc": 0.6}}, {"floors": {"roc_auc": 0.6}}),
    (LIMITS, {"ceilings": {"log_loss": 0.001}}, {"ceilings": {"log_loss": 2.0}}),
    (CALIBRATION, {"max_calibration_error": 0.0}, {"max_calibration_error": 0.5}),
    (LABELS, {"label_rate": Range(high=0.01)}, {"label_rate": Range(low=0.01, high=0.9)}),
    (LABELS, {"label_rate": Range(low=0.9)}, {"label_rate": Range(low=0.01)}),
    (REJECTS, {"reject_share": Range(low=0.1)}, {"reject_share": Range(high=0.1)}),
    (SIZE, {"max_bundle_bytes": 100}, {"max_bundle_bytes": 10**8}),
]  # fmt: skip


class TestRules:
    @pytest.mark.parametrize(("rule", "broken", "sound"), ALONE)
    def test_a_limit_that_is_passed_fails_and_one_that_is_kept_passes(
        self, rule: Rule, broken: dict[str, Any], sound: dict[str, Any], main: Project,
        loser: Project,
    ) -> None:  # fmt: skip
        assert answer_of(rule, case(main, loser, **broken)).status == "finding"
        assert answer_of(rule, case(main, loser, **sound)).status == "pass"
        assert answer_of(rule, case(main, loser)).status == "not applicable"

    def test_rejected_rows_are_counted_in_the_quarantine(
        self, mine: Project, loser: Project
    ) -> None:
        prepared = mine.root / "data/prepared"
        shutil.copyfile(prepared / "test.parquet", prepared / "quarantine.parquet")
        altered = case(mine, loser, reject_share=Range(high=0.1))
        assert answer_of(REJECTS, altered).status == "finding"
        assert "rows.rejected is reported as 0" in answer_of(DATA_FIGURES, altered).reason
        assert answer_of(REJECTS, case(mine, loser, reject_share=Range(high=0.9))).status == (
            "pass"
        )

    def test_a_worse_model_fails_and_a_better_one_passes(
        self, main: Project, loser: Project
    ) -> None:
        worse, better = case(loser, main, slice_min_rows=40), case(main, loser, slice_min_rows=40)
        for rule in (CHAMPION, SLICES):
            assert answer_of(rule, worse).status == "finding", rule
            assert answer_of(rule, better).status == "pass", rule

    def test_the_champions_own_bundle_is_nothing_to_judge(
        self, main: Project, loser: Project
    ) -> None:
        same = case(main, main)
        assert answer_of(CHANGE, same).status == "could not tell"
        for rule in (CHAMPION, SLICES):
            assert answer_of(rule, same).status == "not applicable"
        let_be = Case(same.head, same.champion, same.policy, same.looks, allow_unchanged=True)
        assert answer_of(CHANGE, let_be).status == "not applicable"
        assert answer_of(CHANGE, case(main, loser)).status == "pass"

    def test_a_champion_of_another_question_makes_the_head_the_first_of_its_own(
        self, main: Project, mine: Project, tmp_path: Path
    ) -> None:
        other = main.copy(tmp_path / "other")
        other.edit("data/contract.yaml", "positive: malignant", "positive: benign")
        first = case(mine, other, floors={"roc_auc": 0.4})
        for rule in (CHANGE, CHAMPION, SLICES):
            answer = answer_of(rule, first)
            assert answer.status == "not applicable"
            assert "the first model of its question: the classes are" in answer.reason
        assert answer_of(LIMITS, first).status == "pass"

    def test_a_former_champion_that_was_better_is_an_anchor(
        self, main: Project, loser: Project
    ) -> None:
        """Beside the champion of the day the head is no worse: it is that champion."""
        sound = case(loser, loser)
        former = Revision("first", None, main.root, {})
        anchored = replace(sound, former=(former,))
        vars(anchored)["is_unchanged"] = False
        answer = answer_of(CHAMPION, anchored)
        assert answer.status == "finding"
        assert "; beside first, gain in roc_auc -0." in answer.reason
        assert answer.figures["beside_anchor"]["anchor"] == "first"
        better = replace(case(main, loser), former=(Revision("old", None, loser.root, {}),))
        assert answer_of(CHAMPION, better).status == "pass"
        lost = replace(case(main, loser), lost=2)
        assert "2 former champions are in no cache or remote" in answer_of(CHAMPION, lost).reason

    def test_too_few_days_could_not_tell(self, mine: Project, loser: Project) -> None:
        mine.edit("params.yaml", "min_blocks: 2", "min_blocks: 1000")
        answer = answer_of(CHAMPION, case(mine, loser))
        assert answer.status == "could not tell"
        assert "fewer than compare.min_blocks" in answer.reason

    def test_a_primary_metric_without_a_value_fails(self, main: Project, loser: Project) -> None:
        valueless = case(main, loser)
        vars(valueless)["evidence"] = replace(valueless.evidence, differences={})
        assert answer_of(CHAMPION, valueless).status == "finding"

    def test_a_champion_that_knows_every_test_row_leaves_nothing_and_that_fails(
        self, mine: Project, main: Project, loser: Project, tmp_path: Path
    ) -> None:
        knowing = loser.copy(tmp_path / "knowing")
        test = "data/prepared/test.parquet"
        shutil.copyfile(mine.root / test, knowing.root / "data/prepared/train.parquet")
        for rule in (CHAMPION, SLICES):
            assert answer_of(rule, case(mine, knowing)).status == "finding"

    def test_the_policy_says_which_slices_are_judged_and_not_what_evaluate_reports(
        self, loser: Project, main: Project, tmp_path: Path
    ) -> None:
        hiding = loser.copy(tmp_path / "hiding")
        hiding.edit("params.yaml", "slice_min_rows: 30", "slice_min_rows: 30000")
        answer = answer_of(SLICES, case(hiding, main, slice_min_rows=40))
        assert answer == answer_of(SLICES, case(loser, main, slice_min_rows=40))
        assert answer.status == "finding"

    def test_without_a_champion_the_rule_could_not_tell(self, main: Project) -> None:
        sound = case(main, main)
        lost = Revision("lost", None, main.root, {"models/bundle": "it lies in no cache"})
        without = Case(sound.head, lost, sound.policy, sound.looks)
        for rule in (CHANGE, CHAMPION, SLICES):
            answer = answer_of(rule, without)
            assert answer.status == "could not tell"
            assert "no cache" in answer.reason

    def test_a_test_set_without_a_row_fails(self, mine: Project, loser: Project) -> None:
        path = mine.root / "data/prepared/test.parquet"
        parquet.write(path, parquet.read(path).slice(0, 0))
        empty = case(mine, loser, floors={"roc_auc": 0.0}, label_rate=Range(low=0.0))
        for rule in (METRICS, LIMITS, CHAMPION, LABELS):
            assert answer_of(rule, empty).status == "finding", rule


def forge(project: Project, name: str, old: str, new: str) -> None:
    """Edit a report, and let dvc.lock say that this is what a stage wrote."""
    before = md5(project.root / name)
    project.edit(name, old, new)
    project.edit("dvc.lock", before, md5(project.root / name))


class TestFiles:
    """What is judged is what dvc.lock records, and what it records is what the files give."""

    def test_a_sound_head_passes(self, main: Project, loser: Project) -> None:
        sound = case(main, loser)
        for rule in (FILES, METRICS, DATA_FIGURES):
            assert answer_of(rule, sound).status == "pass"

    def test_a_swapped_bundle_is_refused_and_not_opened(
        self, mine: Project, loser: Project
    ) -> None:
        bundle = mine.root / "models/bundle"
        shutil.rmtree(bundle)
        shutil.copytree(loser.root / "models/bundle", bundle)
        first, *others = run_rules(case(mine, loser))
        assert first.status == "finding"
        assert "models/bundle is not what dvc.lock records" in str(first.reason)
        assert {result.reason for result in others} == {"not looked at, for want of GT001"}

    def test_a_bundle_of_another_model_is_refused_though_dvc_lock_records_it(
        self, mine: Project, loser: Project
    ) -> None:
        bundle = mine.root / "models/bundle"
        before = hash_of(bundle)
        shutil.rmtree(bundle)
        shutil.copytree(loser.root / "models/bundle", bundle)
        mine.edit("dvc.lock", before, hash_of(bundle))
        answer = answer_of(FILES, case(mine, loser))
        assert answer.status == "finding"
        assert answer.reason == "models/bundle holds another model than models/compiled"

    def test_other_test_rows_are_refused(self, mine: Project, loser: Project) -> None:
        path = mine.root / "data/prepared/test.parquet"
        parquet.write(path, parquet.read(path).slice(1))
        answer = answer_of(FILES, case(mine, loser))
        assert answer.status == "finding"
        assert "data/prepared/test.parquet is not what" in answer.reason

    def test_a_stale_stage_is_refused(self, main: Project, loser: Project) -> None:
        sound = case(main, loser)
        stale = Revision("head", None, main.root, {}, ("train",))
        answer = answer_of(FILES, Case(stale, sound.champion, sound.policy, sound.looks))
        assert (answer.status, answer.reason) == ("finding", "train is stale")

    def test_edited_metrics_are_refused_though_dvc_lock_records_them(
        self, mine: Project, loser: Project
    ) -> None:
        values = json.loads((mine.root / "metrics/evaluate.json").read_text())
        mine.edit("metrics/evaluate.json", f'"roc_auc": {values["roc_auc"]}', '"roc_auc": 0.999')
        assert answer_of(FILES, case(mine, loser)).status == "finding"
        mine.git("restore", "metrics")
        forge(mine, "metrics/evaluate.json", f'"roc_auc": {values["roc_auc"]}', '"roc_auc": 0.999')
        forged = case(mine, loser)
        assert answer_of(FILES, forged).status == "pass"
        answer = answer_of(METRICS, forged)
        assert answer.status == "finding"
        assert "roc_auc is reported as 0.999" in answer.reason

    def test_nan_in_a_report_fails(self, mine: Project, loser: Project) -> None:
        values = json.loads((mine.root / "metrics/evaluate.json").read_text())
        mine.edit("metrics/evaluate.json", f'"roc_auc": {values["roc_auc"]}', '"roc_auc": NaN')
        assert answer_of(METRICS, case(mine, loser)).status == "finding"

    @pytest.mark.parametrize("what", ["raw", "test", "train", "rejected", "positive"])
    def test_edited_data_figures_are_refused_though_dvc_lock_records_them(
        self, mine: Project, loser: Project, what: str
    ) -> None:
        figures = json.loads((mine.root / "metrics/data.json").read_text())
        value = {**figures["rows"], "positive": figures["labels"]["test"]["positive"]}[what]
        forge(mine, "metrics/data.json", f'"{what}": {value}', f'"{what}": {value + 1}')
        forged = case(mine, loser)
        assert answer_of(FILES, forged).status == "pass"
        assert answer_of(DATA_FIGURES, forged).status == "finding"


Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gate(mine: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run `perennial gate` in the copy of main: exit code, standard output and standard error."""
    monkeypatch.chdir(mine.root)
    for name, value in mine.environment().items():
        monkeypatch.setenv(name, value)

    def ask(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(["gate", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return ask


class TestCommand:
    def test_a_loser_is_refused_whatever_its_report_claims(self, mine: Project, gate: Ask) -> None:
        """Promoting it does not make it better, and its own report is not read."""
        code, output, _ = gate("main", "--champion", "loser", "--json")
        assert code == 0
        mine.git("checkout", "--quiet", "loser")
        forged = mine.write(REPORT, output)
        mine.commit("a report that claims it passes")
        mine.git("checkout", "--quiet", "main")
        code, output, errors = gate("loser", "--check", "--json")
        verdict = json.loads(output)
        assert (code, verdict["verdict"]) == (1, "fail")
        assert {rule["code"]: rule["outcome"] for rule in verdict["rules"]}["GT006"] == "fail"
        assert "metrics/gate.json: it claims pass" in errors
        assert not forged.exists()
        assert judge(mine.root, "loser").code == 1
        mine.git("tag", "cancer#prod#1", "loser")
        code, output, _ = gate("loser")
        assert code == 2
        assert output.startswith("Could not tell: loser (")
        assert "against cancer#prod#1 (" in output
        code, output, _ = gate("main")
        assert code == 0
        assert "against cancer#prod#1 (" in output

    def test_a_poor_model_in_the_champions_place_in_the_cache_is_refused(
        self, mine: Project, gate: Ask
    ) -> None:
        places = []
        for branch in ("main", "loser"):
            lock = yaml.safe_load(mine.git("show", f"{branch}:dvc.lock"))
            (bundle,) = lock["stages"]["export"]["outs"]
            places.append(
                mine.root / ".dvc/cache/files/md5" / bundle["md5"][:2] / bundle["md5"][2:]
            )
        places[0].chmod(0o644)
        shutil.copyfile(places[1], places[0])
        code, output, _ = gate("loser", "--champion", "main", "--json", "--allow-unchanged")
        rules = {rule["code"]: rule for rule in json.loads(output)["rules"]}
        assert code == 2
        for rule in ("GT004", "GT006", "GT007"):
            assert rules[rule]["outcome"] == "could not tell"
            assert "is not what its dvc.lock records" in rules[rule]["said"]

    def test_a_champion_and_a_head_that_are_stored_nowhere_are_rebuilt(
        self, mine: Project, gate: Ask
    ) -> None:
        code, output, _ = gate("main", "--champion", "loser", "--json")
        cache = mine.root / ".dvc/cache/files/md5"
        for branch in ("main", "loser"):
            lock = yaml.safe_load(mine.git("show", f"{branch}:dvc.lock"))
            (bundle,) = lock["stages"]["export"]["outs"]
            for file in json.loads((cache / bundle["md5"][:2] / bundle["md5"][2:]).read_text()):
                if file["relpath"] == "manifest.json":
                    (cache / file["md5"][:2] / file["md5"][2:]).unlink()
        again = gate("main", "--champion", "loser", "--json")
        assert again[:2] == (code, output), again[2]
        assert "rebuilding loser" in again[2]

    def test_the_working_trees_verdict_is_written_and_can_be_checked(
        self, mine: Project, gate: Ask
    ) -> None:
        assert gate("--champion", "loser")[0] == 0
        assert not (mine.root / REPORT).exists(), "it is the default champion's"
        code, output, _ = gate("--champion", "loser", "--json", "--out", REPORT)
        assert code == 0
        first = (mine.root / REPORT).read_bytes()
        assert first.decode() == output
        assert "latency" not in output.lower()
        assert gate("--champion", "loser", "--check")[0] == 0
        assert gate("--champion", "loser")[0] == 0
        assert (mine.root / REPORT).read_bytes() == first
        assert "up to date" in mine.dvc("status").stdout
        assert cli.main(["verify", "--quick"]) == 0
        # By hand, in whatever place.
        level = json.loads(first)["alpha"]["of_this_look"]
        for old, new in (('"pass"', '"fail"'), (str(level), "0.05"), ("{\n", "{ \n")):
            mine.write(REPORT, first.decode().replace(old, new, 1))
            code, _, errors = gate("--champion", "loser", "--check")
            assert code == 1
            assert REPORT in errors
        (mine.root / REPORT).unlink()
        assert gate("--champion", "loser", "--check")[0] == 1

    def test_a_report_of_another_model_is_stale(self, mine: Project, gate: Ask) -> None:
        gate("--champion", "loser", "--out", REPORT)
        mine.git("checkout", "--quiet", "loser")
        mine.dvc("checkout", "--quiet")
        code, _, errors = gate("--champion", "loser", "--check")
        assert code == 1
        assert f"{REPORT}: it claims pass" in errors
        assert f"{REPORT}: bundle: " in errors

    def test_an_unchanged_model_is_no_pass_unless_that_is_allowed(
        self, mine: Project, gate: Ask
    ) -> None:
        assert gate("--md")[0] == 2
        code, output, _ = gate("--md", "--allow-unchanged")
        assert code == 0
        assert output.startswith("## Pass: the working tree against main (")
        assert "| GT004 |" in output
        assert "rows in" in output

    def test_a_commit_is_judged_without_a_trace_and_refused_if_it_is_stale(
        self, mine: Project, gate: Ask, tmp_path: Path
    ) -> None:
        mine.git("checkout", "--quiet", "-b", "stale")
        mine.edit("params.yaml", "max_iter: 15", "max_iter: 16")
        mine.commit("parameters that nobody ran")
        code, output, _ = gate(
            "stale", "--champion", "loser", "--out", str(tmp_path / "verdict.json")
        )
        assert code == 1
        assert "train is stale" in output
        assert json.loads((tmp_path / "verdict.json").read_text())["verdict"] == "fail"
        assert mine.git("status", "--porcelain") == ""

    def test_a_policy_that_the_head_loosens_is_reported(self, mine: Project, gate: Ask) -> None:
        mine.edit("params.yaml", "margin: 0.05", "margin: 0.9")
        code, output, _ = gate("--allow-unchanged")
        assert code == 0
        assert "gate.margin: 0.05 before, 0.9 now" in output

    def test_other_parameters_that_decide_are_reported(self, mine: Project, gate: Ask) -> None:
        mine.git("tag", "cancer#prod#1", "loser")
        mine.edit("params.yaml", "name: cancer", "name: cancer2")
        mine.edit("params.yaml", "min_positives: 5", "min_positives: 2")
        mine.edit("params.yaml", "slices: [clinic]", "slices: []")
        _, output, _ = gate("--allow-unchanged")
        assert 'export.name: "cancer" before, "cancer2" now' in output
        assert "compare.min_positives: 5 before, 2 now" in output
        assert 'evaluate.slices: ["clinic"] before, [] now' in output

    def test_a_worn_test_set_asks_for_fresh_rows(self, mine: Project, gate: Ask) -> None:
        due = "A fresh holdout is due"
        assert due not in gate("--champion", "loser")[1]
        mine.edit("params.yaml", "margin: 0.05", "margin: 0.05, planned_looks: 2")
        assert due in gate("--champion", "loser")[1]

    def test_a_wrong_revision_or_policy_is_reported_in_a_sentence(
        self, mine: Project, gate: Ask
    ) -> None:
        for arguments in (("nowhere",), ("--champion", "nowhere")):
            code, _, errors = gate(*arguments)
            assert code == 2
            assert "nowhere: git knows no such revision" in errors
        mine.edit("params.yaml", "margin: 0.05", "margins: 0.05")
        code, _, errors = gate()
        assert code == 2
        assert "gate: 1 wrong" in errors
        assert not (mine.root / REPORT).exists()


def test_every_rule_has_a_code_of_its_own_and_a_place_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / PAGES["GT"]).read_text(encoding="utf-8")
    assert [rule.code for rule in RULES] == [f"GT{n:03}" for n in range(1, len(RULES) + 1)]
    for rule in RULES:
        assert f'<a id="{rule.code.lower()}"></a>\n\n## {rule.code}: {rule.title}\n' in page
        assert f"**Remedy:** {rule.remedy}." in page
