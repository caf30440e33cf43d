"""The cache of compiled code: nothing is loaded that was not written here by the same user, whole."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends.llvm import cache
from rnngraph.backends.llvm.engine import LLVMEngine

KEY, OTHER = "ab" * 32, "cd" * 32
DATA = bytes(range(256)) * 8


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test; it does not exist yet."""
    monkeypatch.setenv("RNNGRAPH_CACHE", str(tmp_path / "new" / "code"))
    cache._warn.cache_clear()
    return tmp_path / "new" / "code"


def stored(place: Path, key: str = KEY, data: bytes = DATA) -> Path:
    """The file of an object that was just saved."""
    cache.save(key, data)
    return place / f"{key}.o"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_round_trip(place: Path) -> None:
    assert cache.load(KEY) is None
    assert not place.exists()
    file = stored(place)
    assert cache.load(KEY) == DATA
    assert cache.load(OTHER) is None
    assert (mode(place), mode(file)) == (0o700, 0o600)
    assert os.listdir(place) == [file.name]


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda b: b[:at] + bytes([b[at] ^ 4]) + b[at + 1:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flip in the magic": flipped(3), "flip in the digest": flipped(40), "first": flipped(cache._HEADER),
    "middle": flipped(1000), "last": flipped(-1 + cache._HEADER + len(DATA)), "empty": lambda b: b"",
    "half": lambda b: b[:len(b) // 2], "header alone": lambda b: b[:cache._HEADER], "one byte less": lambda b: b[:-1],
    "one byte more": lambda b: b + b"\0", "zeros": lambda b: bytes(len(b)), "zeros inside": lambda b: b[:500] + bytes(
        100) + b[600:], "bare object, as in former versions": lambda b: b[cache._HEADER:]}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_removed(place: Path, what: str) -> None:
    file = stored(place)
    good = file.read_bytes()
    file.write_bytes(DAMAGE[what](good))
    assert file.read_bytes() != good
    assert cache.load(KEY) is None
    assert not file.exists()
    assert stored(place).read_bytes() == good


def test_a_file_under_another_key_is_refused(place: Path) -> None:
    os.rename(stored(place), place / f"{OTHER}.o")
    assert cache.load(OTHER) is None
    assert os.listdir(place) == []


def test_links_are_not_followed(place: Path, tmp_path: Path) -> None:
    file, outside = stored(place), tmp_path / "outside"
    os.rename(file, outside)
    content = outside.read_bytes()
    file.symlink_to(outside)
    assert cache.load(KEY) is None
    stored(place)
    assert not file.is_symlink()
    assert cache.load(KEY) == DATA
    assert outside.read_bytes() == content


@pytest.mark.parametrize("bits", [0o620, 0o602])
def test_files_that_others_may_write_are_removed(place: Path, bits: int) -> None:
    file = stored(place)
    file.chmod(bits)
    assert cache.load(KEY) is None
    assert not file.exists()


def test_things_that_are_no_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored(place)
    file.unlink()
    os.mkfifo(file)
    assert cache.load(KEY) is None
    assert not file.exists()
    file.mkdir()
    cache.save(KEY, DATA)
    assert cache.load(KEY) is None
    assert os.listdir(place) == [file.name]
    file.rmdir()
    monkeypatch.setattr(cache, "LARGEST", 1000)
    cache.save(KEY, DATA)
    assert not file.exists()
    file.touch(0o600)
    os.truncate(file, 1 << 40)
    assert cache.load(KEY) is None
    assert not file.exists()


def refused(why: str) -> None:
    """The folder is not used, which is said once."""
    with pytest.warns(RuntimeWarning, match=why):
        assert cache.load(KEY) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.save(OTHER, DATA)
        assert cache.load(OTHER) is None


@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_not_used(place: Path, bits: int) -> None:
    stored(place)
    place.chmod(bits)
    refused("other users may write to it")
    assert os.listdir(place) == [f"{KEY}.o"]


def test_a_folder_of_another_user_is_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(place)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    refused("belongs to the user with number")
    assert os.listdir(place) == [f"{KEY}.o"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_removed(place: Path) -> None:
    file = stored(place)
    os.chown(file, 12345, 12345)
    assert cache.load(KEY) is None
    assert not file.exists()


def test_a_linked_folder_is_not_used(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(place)
    (tmp_path / "link").symlink_to(place)
    monkeypatch.setenv("RNNGRAPH_CACHE", f"{tmp_path}/link/")
    refused("it is a link")
    assert os.listdir(place) == [f"{KEY}.o"]


def test_a_file_in_the_place_of_the_folder(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("mine")
    refused("not a folder")
    assert place.read_text() == "mine"


def test_no_room_and_no_rights(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(place)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    cache.save(OTHER, DATA)
    assert os.listdir(place) == [f"{KEY}.o"]
    # A folder that can only be read serves what it has.
    monkeypatch.setattr(os, "utime", full)
    assert cache.load(KEY) == DATA


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(**variables: str) -> Path | None:
        for name in ("RNNGRAPH_CACHE", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return cache.folder()
    assert found(HOME="/h") == Path("/h/.cache/rnngraph")
    assert found(HOME="/h", XDG_CACHE_HOME="/x") == Path("/x/rnngraph")
    assert found(HOME="/h", RNNGRAPH_CACHE="here") == Path("here")
    assert found(HOME="/h", RNNGRAPH_CACHE="off") is None
    assert found(XDG_CACHE_HOME="relative") is None
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # neither HOME nor an entry for the user
    assert found() is None
    assert cache.load(KEY) is None
    cache.save(KEY, DATA)


def test_the_oldest_files_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"{i:064x}" for i in range(4)]
    size = stored(place, keys[0]).stat().st_size
    for i, key in enumerate(keys[:3]):
        os.utime(stored(place, key), (i + 1, i + 1))
    (place / "mine.o").write_bytes(bytes(3 * size))
    monkeypatch.setattr(cache, "LIMIT", 3 * size)
    assert cache.load(keys[0]) == DATA  # now it is not the oldest any more
    cache.save(keys[3], DATA)
    assert sorted(os.listdir(place)) == sorted([f"{keys[i]}.o" for i in (0, 2, 3)] + ["mine.o"])


def test_not_every_file_that_is_written_looks_at_all_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(cache, "_prune", looks.append)
    for limit, least, most in ((cache.LOOKS * len(DATA), 300, 300), (10 * cache.LOOKS * len(DATA), 5, 100), (1 << 60, 0, 0)):
        monkeypatch.setattr(cache, "LIMIT", limit)
        looks.clear()
        for _ in range(300):
            cache.save(KEY, DATA)
        assert least <= len(looks) <= most


def test_the_key_has_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = LLVMEngine().toolchain
    before = tools.key()
    for part in ("rnngraph-", "llvmlite-", "llvm-", tools.target.cpu, tools.target.features):
        assert part in before
    monkeypatch.setattr("rnngraph.backends.llvm.toolchain._RECIPE", 0)
    assert tools.key() != before


PROGRAM = """
import numpy as np
import rnngraph as tf
x = tf.placeholder(tf.float32, [None, 3])
y = tf.scan(lambda h, r: tf.tanh(h + r), x, tf.zeros([3]))
print(tf.Session(engine="llvm").run(y, {x: np.ones([4, 3])}).tolist())
"""


def test_a_program_survives_damage(place: Path) -> None:
    def run() -> str:
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
        return done.stdout
    right = run()
    good = {file: file.read_bytes() for file in place.iterdir()}
    # Code that is cut off in its middle, and code that is another's.
    planted = LLVMEngine().toolchain.compile("define i32 @stolen() { ret i32 1 }")
    for damage in (lambda data: data[:len(data) // 2], lambda data: planted):
        for file, data in good.items():
            file.write_bytes(damage(data))
        assert run() == right
        assert {file: file.read_bytes() for file in place.iterdir()} == good


def test_another_engine_loads_what_the_first_compiled(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(engine: LLVMEngine) -> list[float]:
        with tf.Graph().as_default(), tf.Session(engine="llvm") as sess:
            sess._backend = engine  # as in another process: it has nothing loaded yet
            return list(sess.run(tf.tanh(tf.placeholder_with_default(np.ones(3), [3])) * 2.0))
    first, second = LLVMEngine(), LLVMEngine()
    found = run(first)
    monkeypatch.setattr(second.toolchain, "compile", None)
    assert run(second) == found
