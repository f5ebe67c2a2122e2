"""A bundle is whole and what its manifest says, or it is refused with the reason."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import stat
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.bundle import integrity, manifest
from perennial.bundle.bundle import BundleError, load
from perennial.bundle.manifest import FORMAT, LARGEST_BUNDLE, LARGEST_MANIFEST, digest_of
from perennial.model.compiled import from_files
from perennial.runtime import jsonfile

GOLDEN = Path(__file__).parents[1] / "golden/format-1/iris"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a bundle, to do harm to."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flipped(whole: bytes, place: int) -> bytes:
    """The same with one bit of a byte flipped, another bit from byte to byte."""
    changed = bytearray(whole)
    changed[place] ^= (1, 0x20, 0x80)[place % 3]
    return bytes(changed)


def forge(folder: Path, **changes: Any) -> None:
    """Change a manifest and make its digest agree, as a careful forger would."""
    content = {**jsonfile.read(folder / "manifest.json"), **changes}
    jsonfile.write(folder / "manifest.json", {**content, "sha256": digest_of(content)})


def listing(folder: Path, **changes: Any) -> dict[str, Any]:
    """The manifest's own list of files, with other entries."""
    return {**jsonfile.read(folder / "manifest.json")["files"], **changes}


def refused(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert message.isprintable()
    return message


class TestFiles:
    def test_each_is_what_the_manifest_says(self, folder: Path) -> None:
        names = {path.relative_to(folder).as_posix() for path in files_of(folder)}
        assert len(names) == 7
        assert load(folder).manifest["files"].keys() == names - {"manifest.json"}

    def test_one_flipped_byte_anywhere_is_reported_by_file(self, folder: Path) -> None:
        for path in files_of(folder):
            whole = path.read_bytes()
            drawn = random.Random(0).sample(range(len(whole)), 40)
            for place in {0, len(whole) - 1, *drawn}:
                path.write_bytes(flipped(whole, place))
                assert path.name in refused(folder)
            path.write_bytes(whole)
        load(folder)

    def test_every_byte_of_the_manifest_counts(self) -> None:
        """Blanks too, and the order of keys."""
        whole = (GOLDEN / "manifest.json").read_bytes()
        manifest.parse(whole)
        for place in range(len(whole)):
            with pytest.raises(BundleError):
                manifest.parse(flipped(whole, place))

    @pytest.mark.parametrize("name", ["manifest.json", "sample.json", "compiled/model.tl"])
    def test_cut_off_or_longer(self, folder: Path, name: str) -> None:
        path = folder / name
        whole = path.read_bytes()
        for content in (b"", whole[:-1], whole + b"\n"):
            path.write_bytes(content)
            assert name in refused(folder)

    @pytest.mark.parametrize("name", ["sample.json", "compiled/program.json", "compiled/model.tl"])
    def test_a_missing_file(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        assert refused(folder) == f"{folder / name}: missing; the manifest lists it"

    def test_a_missing_folder(self, folder: Path) -> None:
        shutil.rmtree(folder / "compiled")
        assert refused(folder).endswith("model.tl: missing; the manifest lists it")

    @pytest.mark.parametrize("name", ["more.txt", "compiled/model.pkl", ".hidden", "line\nbreak"])
    def test_a_file_too_many(self, folder: Path, name: str) -> None:
        (folder / name).touch()
        assert refused(folder).endswith(": not in the manifest")

    @pytest.mark.parametrize("name", ["more", "compiled/more", "compiled/a/b/c", "sample.json"])
    def test_a_folder_too_many(self, folder: Path, name: str) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)
        assert refused(folder).endswith(": not in the manifest")

    def test_files_by_the_thousand_are_not_listed_to_the_end(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(300):
            (folder / f"compiled/{number}").touch()
        seen = 0

        def counted(entries: Any, most: int) -> list[Any]:
            nonlocal seen
            taken = [entry for entry, _ in zip(entries, range(most), strict=False)]
            seen = max(seen, len(taken))
            return taken

        monkeypatch.setattr(integrity, "islice", counted)
        assert refused(folder).endswith(": not in the manifest")
        assert 0 < seen < 20

    def test_what_is_handed_on_needs_no_folder(self, folder: Path) -> None:
        """So nobody can change it between its digest and its parsing."""
        _, files = integrity.read(folder)
        shutil.rmtree(folder)
        own = {Path(name).name: files[name] for name in files if name.startswith("compiled/")}
        assert from_files(own).engine_name == "treelite"

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\x80\x04K\x01."])
    @pytest.mark.parametrize("name", ["program.json", "model.tl"])
    def test_a_listed_file_that_is_no_model(self, folder: Path, name: str, content: bytes) -> None:
        """treelite's own checks catch these; see test_hostile for what they do not catch."""
        (folder / "compiled" / name).write_bytes(content)
        manifest.write(folder, jsonfile.read(folder / "manifest.json"))
        assert f"{folder / 'compiled'}: not a compiled model: " in refused(folder)


def link_elsewhere(path: Path) -> None:
    elsewhere = path.parents[1] / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


class TestOddFiles:
    @pytest.mark.parametrize(
        "name", ["manifest.json", "sample.json", "compiled/model.tl", "compiled"]
    )
    def test_a_link_to_the_very_same_content(self, folder: Path, name: str) -> None:
        link_elsewhere(folder / name)
        assert refused(folder) == f"{folder / name}: a symbolic link; copy the bundle (cp -rL)"

    @pytest.mark.parametrize("target", ["/etc/passwd", "nowhere", ".", "/"])
    def test_a_link_too_many(self, folder: Path, target: str) -> None:
        (folder / "compiled/more").symlink_to(target)
        assert "compiled/more: a symbolic link" in refused(folder)

    @pytest.mark.parametrize("name", ["manifest.json", "sample.json"])
    @pytest.mark.parametrize("make", [os.mkfifo, make_socket])
    def test_a_pipe_or_a_socket_is_not_waited_for(
        self, folder: Path, name: str, make: Callable[[Path], None]
    ) -> None:
        (folder / name).unlink()
        make(folder / name)
        assert refused(folder) == f"{folder / name}: not a regular file"

    @pytest.mark.parametrize("name", ["manifest.json", "sample.json"])
    def test_a_device_is_not_opened(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        try:
            # /dev/zero, which never ends.
            os.mknod(folder / name, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root may make a device")
        assert refused(folder) == f"{folder / name}: not a regular file"

    def test_a_folder_in_the_manifests_place(self, folder: Path) -> None:
        (folder / "manifest.json").unlink()
        (folder / "manifest.json").mkdir()
        assert refused(folder).endswith("manifest.json: not a regular file")

    def test_a_bundle_may_itself_be_reached_by_a_link(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "current").symlink_to(folder)
        load(tmp_path / "current")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "../outside", "compiled/../../outside", "/etc/passwd", "//etc/passwd", "..", ".", "",
            "compiled/", "compiled//model.tl", "./sample.json", "compiled\\model.tl", "C:outside",
            "-rf", ".hidden", "~root", "a b", "a\nb", "a\0b", "näher", "a" * 300,
            "a/b/c/d/e", "manifest.json",
        ],
    )  # fmt: skip
    def test_a_name_that_could_mean_another_place(self, folder: Path, name: str) -> None:
        (folder.parent / "outside").write_bytes(b"")
        empty = {"bytes": 0, "sha256": manifest.sha256(folder.parent / "outside")}
        forge(folder, files=listing(folder, **{name: empty}))
        assert "which is no name of a bundle's file" in refused(folder)


class TestSizes:
    def test_another_size_is_reported_before_the_file_is_read(self, folder: Path) -> None:
        with (folder / "sample.json").open("r+b") as file:
            file.truncate(2**40)
        assert "1099511627776 bytes; at most" in refused(folder)

    def test_a_manifest_may_not_ask_for_more_than_there_is_room_for(self, folder: Path) -> None:
        half = {"bytes": LARGEST_BUNDLE // 2 + 1, "sha256": "0" * 64}
        forge(folder, files=listing(folder, a=half, b=half))
        assert "lists more than 4 GiB of files" in refused(folder)

    def test_a_manifest_may_not_be_too_large(self, folder: Path) -> None:
        with (folder / "manifest.json").open("r+b") as file:
            file.truncate(LARGEST_MANIFEST + 1)
        assert f"{LARGEST_MANIFEST + 1} bytes; at most {LARGEST_MANIFEST}" in refused(folder)

    @pytest.mark.parametrize("size", [-1, True, "0", 1.5, None, [], 10**30])
    def test_a_size_that_is_none(self, folder: Path, size: Any) -> None:
        forge(folder, files=listing(folder, more={"bytes": size, "sha256": "0" * 64}))
        assert "odd bytes" in refused(folder) or "GiB" in refused(folder)


#: Values of every JSON type; none is right for all of the keys.
VALUES = [None, True, 0, -1.5, "", "text", [], [1], [[]], {}, {"": 0}, {"a": {}}]


class TestManifest:
    def test_a_newer_format_is_reported_before_anything_else(self, folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({"format": FORMAT + 1, "of": "another shape"}))
        assert refused(folder).endswith(
            f"format {FORMAT + 1} is newer than {FORMAT}, which this code reads"
        )

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "[]", "{}", "null", '{"format": "1"}', '{"format": true}', '{"format": 0}',
            '{"format": 1.0}', '{"format": 1e999}', '{"format": NaN}', '{"format": -Infinity}',
            '{"format": 1, "format": 1}', '{"a": {"b": 1, "b": 1}}', '{"format": 1}',
            '{"format": ' + "9" * 5000 + "}", '{"format": ' + "9" * 4000 + "}",
            "[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500,
            '{"format": 1, "a": ' + "[" * 600 + "]" * 600 + "}",
            '{"format": 1, "\\ud800": 1}', '\ufeff{"format": 1}', "nonsense", "\0",
            '{"format": 1, "a": 1e999}',
        ],
    )  # fmt: skip
    def test_what_is_no_manifest(self, folder: Path, text: str) -> None:
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        message = refused(folder)
        assert "not a manifest" in message or "its own SHA-256" in message
        assert len(message) < 500

    def test_what_is_no_text(self, folder: Path) -> None:
        (folder / "manifest.json").write_bytes(b"\x80\x04\x95")
        assert "not a manifest: 'utf-8' codec can't decode" in refused(folder)

    @pytest.mark.parametrize("how", [{"indent": 1}, {"indent": 2}, {"separators": (",", ":")}])
    def test_the_same_content_written_otherwise(self, folder: Path, how: Any) -> None:
        path = folder / "manifest.json"
        content = jsonfile.read(path)
        path.write_text(json.dumps(dict(reversed(content.items())), **how))
        assert "not written as export writes it" in refused(folder)

    def test_its_own_digest(self, folder: Path) -> None:
        path = folder / "manifest.json"
        jsonfile.write(path, {**jsonfile.read(path), "name": "another"})
        assert refused(folder).endswith("its own SHA-256 is not that of its content")

    def test_what_is_no_bundle(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
            assert refused(path).endswith("manifest.json: missing; is this a bundle?")

    @pytest.mark.parametrize("key", list(jsonfile.read(GOLDEN / "manifest.json")))
    def test_no_key_takes_a_value_of_another_type(self, folder: Path, key: str) -> None:
        whole = (folder / "manifest.json").read_bytes()
        count = 0
        for value in VALUES:
            forge(folder, **{key: value})
            try:
                load(folder)
            except BundleError as error:
                count += "manifest.json" in str(error)
            (folder / "manifest.json").write_bytes(whole)
        # `forge` writes the digest itself; and no text of another name or engine is a wrong type.
        assert count >= (0 if key == "sha256" else 4)
        if key != "sha256":
            content = jsonfile.read(folder / "manifest.json")
            del content[key]
            jsonfile.write(folder / "manifest.json", {**content, "sha256": digest_of(content)})
            # Without a key to be signed by it is an older manifest, which gave digests alone.
            wanted = "has odd bytes or sha256" if key == "public_key" else "it has no"
            assert wanted in refused(folder)

    def test_a_size_left_out_is_none_of_an_older_manifest(self, folder: Path) -> None:
        sized = listing(folder)
        forge(folder, files={**sized, "sample.json": {**sized["sample.json"], "bytes": None}})
        assert "sample.json has odd bytes" in refused(folder)

    def test_files_of_an_older_manifest_are_held_to_their_digests(self, tmp_path: Path) -> None:
        older = GOLDEN.parent / "iris-before-signing"
        folder = Path(shutil.copytree(older, tmp_path / "older"))
        assert load(folder).manifest["public_key"] is None
        path = folder / "sample.json"
        path.write_bytes(flipped(path.read_bytes(), 9))
        assert refused(folder) == f"{path}: its SHA-256 is not the manifest's"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"columns": {"a": {"type": "number"}}}, "columns: a is no column"),
            ({"columns": {"a": {"type": "code", "missing": 0}}}, "columns: a is no column"),
            ({"columns": {"a": {"type": [], "missing": 0}}}, "columns: a is no column"),
            ({"columns": {"a": {"type": "text", "missing": 2}}}, "columns: a is no column"),
            ({"features": ["petal"]}, "features: no column petal"),
            ({"task": "clustering"}, "task is not a task"),
            ({"data": {"x": "0"}}, "data is not a mapping to SHA-256 digests"),
            ({"files": {"x": {"bytes": 0}}}, "files: x lacks its bytes or sha256"),
            ({"files": {"x": {"bytes": 0, "sha256": "G" * 64}}}, "files: x has odd bytes or"),
        ],
    )
    def test_what_it_says_must_fit_together(
        self, folder: Path, changes: dict[str, Any], message: str
    ) -> None:
        forge(folder, **changes)
        assert f"manifest.json: not a manifest: {message}" in refused(folder)

    def test_other_keys_may_stand_beside(self, folder: Path) -> None:
        forge(folder, more={"to": "say"})
        assert load(folder).manifest["more"] == {"to": "say"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable + "\0\x7f☃", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=150)
@given(data=st.data())
def test_no_forgery_ends_in_another_exception(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any value of a manifest, at any depth, is replaced by any other, and the digest made good."""
    content = jsonfile.read(GOLDEN / "manifest.json")
    place: Any = content
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    folder = tmp_path_factory.mktemp("forged") / "bundle"
    shutil.copytree(GOLDEN, folder)
    jsonfile.write(folder / "manifest.json", {**content, "sha256": digest_of(content)})
    message = ""
    try:
        load(folder)
    except BundleError as error:
        message = str(error)
    assert message.isprintable()
