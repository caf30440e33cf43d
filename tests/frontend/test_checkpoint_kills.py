"""Saving that is cut off: whenever a process dies, the latest checkpoint is found, and the next save clears up."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.frontend.train import files
from rnngraph.frontend.train.checkpoint import SUFFIX, update_checkpoint_state
from rnngraph.frontend.train.kept import Kept
from rnngraph.frontend.train.tensors import write_arrays

train = tf.train


pytestmark = pytest.mark.usefixtures("folder")


def save(kept: Kept, step: int) -> None:
    """Save as a saver does."""
    path = f"m-{step}"
    kept.save(path, "checkpoint", lambda: write_arrays(path + SUFFIX, {"v": np.full(3, step)}),
              lambda paths: update_checkpoint_state("", path, paths))


class Interrupt(BaseException):
    """As Ctrl-C: nobody catches it."""


def taken_over() -> Kept:
    """What goes on after a process that is gone, with the checkpoints that it listed."""
    kept = Kept(1, 1e4)
    state = train.get_checkpoint_state("")
    kept.last = [(p, 0.0) for p in state.all_model_checkpoint_paths] if state else []
    return kept


def killed_at(call: int) -> bool:
    """A process saves m-1 and m-2 and dies before its call number `call` that changes the folder; whether it did."""
    child = os.fork()
    if child == 0:
        left = [call]

        def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
            def change(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            return change
        for name in ("open", "fsync", "replace", "unlink", "remove"):
            setattr(os, name, deadly(getattr(os, name)))
        failed = 1
        try:
            kept = Kept(1, 1e4)
            save(kept, 1)
            save(kept, 2)
            failed = 0
        finally:
            os._exit(failed)  # this is a copy of the test's process
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def test_kills_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, ends = 0, set()
    died = True
    while died:
        calls += 1
        folder = tmp_path / str(calls)
        folder.mkdir()
        monkeypatch.chdir(folder)
        died = killed_at(calls)
        state = train.get_checkpoint_state("")
        latest = train.latest_checkpoint("")
        if state is not None:
            assert latest is not None, calls
            assert all(train.checkpoint_exists(p) for p in state.all_model_checkpoint_paths), calls
            assert train.load_variable(latest, "v").tolist() == [int(latest[2:])] * 3
        ends.add(latest)
        save(taken_over(), 4)
        assert sorted(os.listdir()) == ["checkpoint", "m-4.safetensors"], calls
        assert train.latest_checkpoint("") == "m-4"
    assert ends == {None, "m-1", "m-2"}
    assert calls > 20


@pytest.mark.parametrize("most, left", [(0, []), (1, ["m-3"]), (2, ["m-2", "m-3"]), (3, ["m-1", "m-2", "m-3"])])
def test_what_was_written_and_not_listed_is_taken_over(most: int, left: list[str]) -> None:
    kept = Kept(most, 1e4)
    save(kept, 1)
    before = list(kept.last)

    def dies(paths: list[str]) -> None:
        raise Interrupt
    with pytest.raises(Interrupt):
        kept.save("m-2", "checkpoint", lambda: write_arrays("m-2" + SUFFIX, {"v": np.ones(1)}), dies)
    assert kept.last == before
    assert train.latest_checkpoint("") == "m-1"
    save(kept, 3)
    assert [p for p, _ in kept.last] == left
    there = left or ["m-1", "m-2", "m-3"]
    assert sorted(os.listdir()) == ["checkpoint", *(p + SUFFIX for p in there)]


def test_checkpoints_of_an_earlier_program_stay() -> None:
    save(Kept(1, 1e4), 1)
    save(Kept(1, 1e4), 2)
    assert sorted(os.listdir()) == ["checkpoint", "m-1.safetensors", "m-2.safetensors"]


def test_drafts() -> None:
    token = "0123456789abcdef"
    mine = [f"m-1.safetensors.{token}.tmp", f"m.safetensors.{token}.tmp", f"checkpoint.{token}.tmp",
            f"m.checkpoint.saving.{token}.tmp"]
    others = [f"mm-1.safetensors.{token}.tmp", "m-1.safetensors.tmp", f"m-1.txt.{token}.tmp", f"m-x.safetensors.{token}.tmp",
              f"m.other.saving.{token}.tmp"]
    for name in mine + others:
        Path(name).write_bytes(b"{")
    save(Kept(1, 1e4), 1)
    assert sorted(os.listdir()) == sorted(["checkpoint", "m-1.safetensors", *others])
    Path(mine[0]).write_bytes(b"{")
    tf.Variable(1.0)
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    train.Saver().save(sess, "./m", write_state=False)
    assert mine[0] not in os.listdir()


def test_a_note_of_a_stranger_deletes_nothing_else() -> None:
    save(Kept(1, 1e4), 1)
    os.mkdir("other")
    for name in ("n-1", "other/m-1", "m-7"):
        Path(name + SUFFIX).write_bytes(b"kept")
    for i, note in enumerate(['{"doomed": ["n-1", "other/m-1", "../m-1", "m-1", 3, "m-9"]}', '{"doomed": "m-7"}', '["m-7"]']):
        Path(f"m.checkpoint.saving.{i:016x}.tmp").write_text(note)
    save(taken_over(), 2)
    assert sorted(os.listdir()) == ["checkpoint", "m-2.safetensors", "m-7.safetensors", "n-1.safetensors", "other"]
    assert os.listdir("other") == ["m-1.safetensors"]


def test_the_drafts_of_a_living_writer_stay() -> None:
    with files.announced("m.saving", {"written": ["m-1"], "doomed": []}):
        [note] = os.listdir()
        assert files.abandoned("", "m.saving") == []
        assert os.listdir() == [note]
    assert os.listdir() == []


def test_a_draft_that_was_taken_for_a_dead_one_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = files._lock, []

    def late(handle: int) -> None:
        if not seen:
            seen.extend(os.listdir())
            assert files.abandoned("", "f") == []
            assert os.listdir() == []
        real(handle)
    monkeypatch.setattr(files, "_lock", late)
    files.write_atomically("f", b"content")
    assert os.listdir() == ["f"]
    assert len(seen) == 1


def test_savers_in_a_directory_take_turns() -> None:
    events = []

    def second() -> None:
        with files.alone_in(""):
            events.append("second")
    thread = threading.Thread(target=second)

    def write() -> None:
        thread.start()
        thread.join(0.1)
        events.append("first")
        write_arrays("m-1" + SUFFIX, {"v": np.ones(1)})
    Kept(1, 1e4).save("m-1", "checkpoint", write, lambda paths: update_checkpoint_state("", "m-1", paths))
    thread.join()
    assert events == ["first", "second"]


def test_what_another_process_lists_is_not_deleted() -> None:
    kept = Kept(1, 1e4)
    save(kept, 1)
    kept.save("m-2", "checkpoint", lambda: write_arrays("m-2" + SUFFIX, {"v": np.ones(1)}),
              lambda paths: update_checkpoint_state("", "m-1", ["m-1"]))
    assert train.latest_checkpoint("") == "m-1"


@pytest.mark.parametrize("number, error", [(errno.ENOSPC, tf.errors.ResourceExhaustedError),
                                           (errno.EROFS, tf.errors.PermissionDeniedError), (errno.EIO, tf.errors.UnknownError)])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_disk_that_refuses(call: str, number: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    tf.Variable(1.0, name="v")
    saver, sess = train.Saver(max_to_keep=1), tf.Session(engine="reference")
    sess.run(tf.global_variables_initializer())
    saver.save(sess, "./m", 1)

    def refuses(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, "refused")
    with monkeypatch.context() as m:
        m.setattr(os, call, refuses)
        with pytest.raises(error, match="m.* cannot be written: refused"):
            saver.save(sess, "./m", 2)
    assert saver.last_checkpoints == ["./m-1"]
    assert train.latest_checkpoint(".") == "./m-1"
    saver.save(sess, "./m", 3)
    assert sorted(os.listdir()) == ["checkpoint", "m-3.safetensors"]


def test_a_folder_in_the_place_of_the_checkpoint() -> None:
    tf.Variable(1.0, name="v")
    saver, sess = train.Saver(), tf.Session(engine="reference")
    sess.run(tf.global_variables_initializer())
    os.mkdir("m.safetensors")
    with pytest.raises(tf.errors.FailedPreconditionError, match="m.safetensors cannot be written: Is a directory"):
        saver.save(sess, "./m")
    assert train.latest_checkpoint(".") is None


def test_an_old_checkpoint_that_cannot_be_deleted_is_no_error() -> None:
    kept = Kept(1, 1e4)
    save(kept, 1)
    os.unlink("m-1.safetensors")
    os.mkdir("m-1.safetensors")
    with pytest.warns(RuntimeWarning, match="m-1 cannot be deleted"):
        save(kept, 2)
    assert train.latest_checkpoint("") == "m-2"
    os.rmdir("m-1.safetensors")


def test_permissions_are_those_of_an_ordinary_file() -> None:
    before = os.umask(0o027)
    try:
        save(Kept(1, 1e4), 1)
    finally:
        os.umask(before)
    assert os.stat("m-1.safetensors").st_mode & 0o777 == 0o640
