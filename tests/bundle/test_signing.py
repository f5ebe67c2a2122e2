"""Where a public key is configured, no bundle loads but those that its owner signed."""

from __future__ import annotations

import base64
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import skops.io
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from perennial import cli
from perennial.bundle import manifest
from perennial.bundle.bundle import BundleError, load
from perennial.bundle.signing import PATTERN, is_signature, sign
from perennial.model.engines.skops import types_in
from perennial.params.export import PUBLIC_KEY
from perennial.review.sign.command import PRIVATE_KEY
from perennial.runtime import jsonfile

GOLDEN = Path(__file__).parents[1] / "golden/format-1/iris"
NO_KEY = "not an Ed25519 public key"


def pem(key: PrivateKeyTypes, password: bytes | None = None) -> bytes:
    algorithm: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        algorithm = serialization.BestAvailableEncryption(password)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, algorithm)


def line(private: bytes) -> str:
    return sign(b"", private)[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unsigned bundle."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key, in a place of its own."""
    path = tmp_path / "secret.pem"
    path.write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    return path


@pytest.fixture
def public(key: Path) -> str:
    """The line of its public key."""
    return line(key.read_bytes())


@pytest.fixture
def signed(folder: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The bundle, signed with the key."""
    assert cli.main(["sign", str(folder), "--key", str(key)]) == 0
    capsys.readouterr()
    return folder


class TestLoading:
    def test_the_owners_signature_is_accepted(self, signed: Path, public: str) -> None:
        load(signed, public_key=public)
        load(signed, public_key=f"\n{public}\n")
        frame = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
        load(signed, public_key=frame)

    def test_by_any_name_of_the_folder(
        self, signed: Path, public: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for here, name in [(signed.parent, "bundle"), (signed, "."), (signed / "compiled", "..")]:
            monkeypatch.chdir(here)
            load(name, public_key=public)
        load(f"{signed}/", public_key=public)

    def test_an_unsigned_one_is_refused(self, folder: Path, public: str) -> None:
        with pytest.raises(BundleError, match=r"bundle\.sig: missing; a public key is configured"):
            load(folder, public_key=public)

    def test_another_owners_signature_is_refused(self, signed: Path, tmp_path: Path) -> None:
        other = line(pem(ed25519.Ed25519PrivateKey.generate()))
        with pytest.raises(BundleError, match=r"bundle\.sig: not the signature of this manifest"):
            load(signed, public_key=other)

    def test_one_flipped_bit_of_the_signature_is_refused(self, signed: Path, public: str) -> None:
        path = signed.with_suffix(".sig")
        whole = path.read_bytes()
        assert len(whole) == 64
        for content in [
            *(
                whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
                for place in range(64)
            ),
            whole[:-1],
            b"",
            bytes(64),
        ]:
            path.write_bytes(content)
            with pytest.raises(BundleError, match="not the signature"):
                load(signed, public_key=public)
        path.write_bytes(whole + b"\n")
        with pytest.raises(BundleError, match="65 bytes; at most 64"):
            load(signed, public_key=public)

    def test_a_forger_who_writes_a_whole_manifest_is_refused(
        self, signed: Path, public: str
    ) -> None:
        program = jsonfile.read(signed / "compiled/program.json")
        described = jsonfile.read(signed / "manifest.json")
        for forged in (program["decision"], described):
            forged["classes"].reverse()
        jsonfile.write(signed / "compiled/program.json", program)
        manifest.write(signed, described)
        load(signed)
        with pytest.raises(BundleError, match="not the signature of this manifest"):
            load(signed, public_key=public)

    @pytest.mark.parametrize("content", ["nonsense", "[" * 100_000, '{"format": 2}'])
    def test_it_is_checked_before_the_manifest_is_parsed(
        self, signed: Path, public: str, content: str
    ) -> None:
        (signed / "manifest.json").write_text(content)
        with pytest.raises(BundleError, match="not the signature of this manifest"):
            load(signed, public_key=public)

    def test_the_environment_configures_a_key(
        self, signed: Path, public: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PERENNIAL_PUBLIC_KEY", public)
        load(signed)
        signed.with_suffix(".sig").unlink()
        with pytest.raises(BundleError, match="missing; a public key is configured"):
            load(signed)

    @pytest.mark.parametrize("text", ["", " ", "keys/release.pub", "AAAA", "none"])
    def test_a_key_that_is_none_lets_nothing_through(
        self, signed: Path, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(BundleError, match=NO_KEY):
            load(signed, public_key=text)
        monkeypatch.setenv("PERENNIAL_PUBLIC_KEY", text)
        with pytest.raises(BundleError, match=NO_KEY):
            load(signed)

    def test_a_private_key_in_its_place_is_not_repeated(self, signed: Path, key: Path) -> None:
        text = key.read_text()
        with pytest.raises(BundleError, match=NO_KEY) as caught:
            load(signed, public_key=text)
        assert text.splitlines()[1] not in str(caught.value)

    def test_a_pipe_in_its_place_is_not_waited_for(self, folder: Path, public: str) -> None:
        os.mkfifo(folder.with_suffix(".sig"))
        with pytest.raises(BundleError, match=r"bundle\.sig: not a regular file"):
            load(folder, public_key=public)


class TestTrustedTypes:
    """A forger can write a list of types to trust; so it counts where the signature was checked."""

    TYPE = "functools.partial"

    @pytest.fixture
    def built(self, folder: Path) -> Path:
        """A bundle of engine skops, with a type that skops does not trust by itself."""
        matrix, target = load_iris(return_X_y=True)
        fitted = LogisticRegression(max_iter=1000).fit(matrix, target)
        fitted.remark = functools.partial(int, "1")
        content = skops.io.dumps(fitted)
        assert self.TYPE in skops.io.get_untrusted_types(data=content)
        path = folder / "compiled/program.json"
        program = jsonfile.read(path)
        options = {
            "method": "predict_proba",
            "types": types_in(content),
            "trusted": skops.io.get_untrusted_types(data=content),
        }
        jsonfile.write(path, {**program, "engine": {"name": "skops", "options": options}})
        (folder / "compiled/model.tl").unlink()
        (folder / "compiled/model.skops").write_bytes(content)
        manifest.write(folder, {**jsonfile.read(folder / "manifest.json"), "engine": "skops"})
        return folder

    def test_unsigned_they_are_refused_by_name(self, built: Path) -> None:
        for trusted in ((), ["timeit.timeit"]):
            with pytest.raises(BundleError, match=f"would build objects of {self.TYPE}: configure"):
                load(built, trusted=trusted)

    def test_whoever_loads_may_confirm_them(self, built: Path) -> None:
        load(built, trusted=[self.TYPE])

    def test_a_signature_vouches_for_them(self, built: Path, key: Path, public: str) -> None:
        assert cli.main(["sign", str(built), "--key", str(key)]) == 0
        load(built, public_key=public)


class TestSigning:
    def test_it_changes_nothing_in_the_folder_and_says_which_key_verifies(
        self, folder: Path, key: Path, public: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert cli.main(["sign", str(folder), "--key", str(key)]) == 0
        output = capsys.readouterr().out
        assert public in output
        assert str(folder.with_suffix(".sig")) in output
        first = folder.with_suffix(".sig").read_bytes()
        assert cli.main(["sign", str(folder), "--key", str(key), "--json"]) == 0
        output += capsys.readouterr().out
        assert jsonfile.loads(output[output.index("{") :].encode())["public_key"] == public
        assert key.read_text().splitlines()[1] not in output
        assert folder.with_suffix(".sig").read_bytes() == first
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    def test_the_environment_may_name_the_key(
        self, folder: Path, key: Path, public: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(PRIVATE_KEY, str(key))
        # A key to load with is configured too, and the bundle is not signed yet.
        monkeypatch.setenv("PERENNIAL_PUBLIC_KEY", public)
        assert cli.main(["sign", str(folder)]) == 0
        load(folder)

    def test_no_key(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["sign", str(folder)]) == 2
        assert "no private key was named\n  hint: --key FILE" in capsys.readouterr().err

    def test_a_key_in_a_git_repository_is_refused(
        self, folder: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        subprocess.run(["git", "init", "--quiet", tmp_path / "repository"], check=True)
        inside = tmp_path / "repository/keys/release.pem"
        inside.parent.mkdir()
        inside.write_bytes(key.read_bytes())
        (tmp_path / "linked.pem").symlink_to(inside)
        for path in (inside, tmp_path / "linked.pem"):
            assert cli.main(["sign", str(folder), "--key", str(path)]) == 2
            assert "lies in a git repository" in capsys.readouterr().err
        assert not folder.with_suffix(".sig").exists()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"nonsense",
            pem(ec.generate_private_key(ec.SECP256R1())),
            pem(rsa.generate_private_key(65537, 2048)),
            pem(ed25519.Ed25519PrivateKey.generate(), b"secret"),
        ],
        ids=["empty", "nonsense", "elliptic", "rsa", "encrypted"],
    )
    def test_what_is_no_key(
        self, folder: Path, key: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        key.write_bytes(content)
        assert cli.main(["sign", str(folder), "--key", str(key)]) == 2
        assert "the private key: not a private key of Ed25519 as PEM" in capsys.readouterr().err

    def test_a_bundle_that_is_not_whole_is_not_signed(
        self, folder: Path, key: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "sample.json").unlink()
        assert cli.main(["sign", str(folder), "--key", str(key)]) == 2
        assert "sample.json: missing; the manifest lists it" in capsys.readouterr().err
        assert not folder.with_suffix(".sig").exists()

    def test_a_bundle_that_names_its_key_is_signed_with_no_other(
        self, folder: Path, key: Path, public: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for named in (line(pem(ed25519.Ed25519PrivateKey.generate())), public):
            content = jsonfile.read(folder / "manifest.json")
            manifest.write(folder, {**content, "public_key": named})
            assert cli.main(["sign", str(folder), "--key", str(key)]) == (
                0 if named == public else 2
            )
        assert f"the bundle names another key, {named[:16]}" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_makes_the_keys_and_verifies_as_documented(folder: Path, tmp_path: Path) -> None:
    def openssl(*arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "release.pem")
    openssl("pkey", "-in", "release.pem", "-pubout", "-out", "release.pub")
    public = (tmp_path / "release.pub").read_text()
    assert cli.main(["sign", str(folder), "--key", str(tmp_path / "release.pem")]) == 0
    load(folder, public_key=public)
    output = openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", "release.pub", "-rawin",
        "-in", "bundle/manifest.json", "-sigfile", "bundle.sig",
    )  # fmt: skip
    assert "Signature Verified Successfully" in output


def test_known_answers_of_rfc_8032() -> None:
    """Test 2 of section 7.1."""
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    encoded = base64.b64encode(key.public_bytes(*der)).decode()
    assert is_signature(signature, b"\x72", encoded)
    assert not is_signature(signature, b"\x73", encoded)


def test_params_and_bundle_agree_on_what_a_public_key_is() -> None:
    assert f"^{PATTERN}$" == PUBLIC_KEY
