"""Saver and checkpoints: gradients-and-training, section 6."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.frontend.train import files

train = tf.train


pytestmark = pytest.mark.usefixtures("folder")


def ready() -> Any:
    """A session with all variables initialised."""
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return sess


def test_round_trip(tmp_path: Path) -> None:
    v, w = tf.Variable([1.0, 2.0], name="v"), tf.Variable(3, name="w")
    saver, sess = train.Saver(), ready()
    path = saver.save(sess, str(tmp_path / "m"), global_step=7)
    assert path == str(tmp_path / "m-7")
    sess.run([v.assign([0.0, 0.0]), w.assign(0)])
    saver.restore(sess, path)
    assert sess.run(w) == 3
    fresh = tf.Session()
    saver.restore(fresh, path)
    assert fresh.run(v).tolist() == [1.0, 2.0]
    assert train.list_variables(path) == [("v", [2]), ("w", [])]
    assert not [f for f in os.listdir(tmp_path) if f.endswith(".tmp")]


@pytest.mark.parametrize("value", [True, 3, np.int64(4), np.float64(1.5), np.float16(2), np.uint8(3), 1 + 2j,
                                   np.zeros((0, 3), np.float32), [[1.0], [2.0]]])
def test_dtypes(value: Any) -> None:
    v = tf.Variable(value, name="v")
    saver, sess = train.Saver(), ready()
    before = sess.run(v)
    path = saver.save(sess, "./m")
    again = tf.Session()
    saver.restore(again, path)
    after = again.run(v)
    assert after.dtype == before.dtype
    np.testing.assert_array_equal(after, before)


def test_strings() -> None:
    v = tf.Variable([["a", "b"], [b"\xff\x00", "ü"]], name="v")
    saver, sess = train.Saver(), ready()
    path = saver.save(sess, "./m")
    again = tf.Session()
    saver.restore(again, path)
    assert again.run(v).tolist() == [[b"a", b"b"], [b"\xff\x00", "ü".encode()]]
    assert train.list_variables(path) == [("v", [2, 2])]


def test_versions() -> None:
    """TensorFlow's numbers of its two formats, which scripts compare."""
    assert (train.Saver.V1, train.Saver.V2) == (1, 2)


def test_names() -> None:
    v, w = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="w")
    sess = ready()
    path = train.Saver({"w": v}).save(sess, "./m")
    assert train.list_variables(path) == [("w", [])]
    train.Saver([w]).restore(sess, path)
    assert sess.run(w) == 1.0
    train.Saver([v._ref()]).save(sess, "./r")
    train.Saver([v, v]).save(sess, "./twice")
    assert train.list_variables("./r") == train.list_variables("./twice") == [("v", [])]


def test_construction_errors() -> None:
    with pytest.raises(ValueError, match="No variables to save"):
        train.Saver()
    v = tf.Variable(1.0, name="v")
    cases: list[tuple[Any, type[Exception], str]] = [
        ([], ValueError, "No variables to save"), ({"a": v, "b": v}, ValueError, "restored with two names"),
        ([tf.constant(1.0)], TypeError, "not a Variable"), ({1: v}, TypeError, "not a string"),
        ({"a": v.value()}, TypeError, "not a Variable"), (v, TypeError, "dict or a list")]
    for var_list, error, phrase in cases:
        with pytest.raises(error, match=phrase):
            train.Saver(var_list)
    with tf.Graph().as_default():
        other = tf.Variable(2.0, name="v")
    with pytest.raises(ValueError, match="same name"):
        train.Saver([v, other])


def test_save_errors() -> None:
    tf.Variable(1.0)
    saver, sess = train.Saver(), tf.Session()
    with pytest.raises(tf.errors.FailedPreconditionError):
        saver.save(sess, "./m")
    cases: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
        ((sess, "m"), {"latest_filename": "a/b"}, ValueError, "path components"),
        ((sess, "./checkpoint"), {}, ValueError, "collides with"), ((sess, "nodir/m"), {}, ValueError, "doesn't exist"),
        ((3, "m"), {}, TypeError, "must be a Session")]
    for args, kwargs, error, phrase in cases:
        with pytest.raises(error, match=phrase):
            saver.save(*args, **kwargs)


def test_restore_errors() -> None:
    v, w = tf.Variable([1.0, 2.0], name="v"), tf.Variable(1.0, name="w")
    sess = ready()
    path = train.Saver([v]).save(sess, "./m")
    with pytest.raises(ValueError, match="Can't load save_path when it is None"):
        train.Saver().restore(sess, None)
    with pytest.raises(tf.errors.NotFoundError):
        train.Saver().restore(sess, "./nope")
    sess.run(v.assign([5.0, 5.0]))
    with pytest.raises(tf.errors.NotFoundError, match="w.*not found in checkpoint"):
        train.Saver().restore(sess, path)
    assert sess.run(v).tolist() == [5.0, 5.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Assign requires shapes of both tensors to match"):
        train.Saver({"v": w}).restore(sess, path)
    with pytest.raises(tf.errors.InvalidArgumentError, match="requested shape"):
        train.Saver({"v": w}, reshape=True).restore(sess, path)
    column = tf.Variable([[0.0], [0.0]])
    train.Saver({"v": column}, reshape=True).restore(sess, path)
    assert sess.run(column).tolist() == [[1.0], [2.0]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="dtype"):
        train.Saver({"v": tf.Variable([1, 2])}).restore(sess, path)
    Path("bad.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(tf.errors.DataLossError):
        train.Saver().restore(sess, "bad")


def test_deferred_and_empty() -> None:
    saver = train.Saver(defer_build=True)
    with pytest.raises(RuntimeError, match="build"):
        saver.save(None, "m")
    empty = train.Saver(allow_empty=True)
    assert empty.save(tf.Session(), "./m") is None
    empty.restore(tf.Session(), None)
    tf.Variable(1.0)
    saver.build()
    assert saver.save(ready(), "./m") == "./m"


def test_kept_checkpoints(tmp_path: Path) -> None:
    tf.Variable(1.0)
    saver, sess = train.Saver(max_to_keep=2), ready()
    paths = [saver.save(sess, str(tmp_path / "k"), i) for i in range(4)]
    assert saver.last_checkpoints == paths[2:]
    assert [train.checkpoint_exists(p) for p in paths] == [False, False, True, True]
    state = (tmp_path / "checkpoint").read_text().splitlines()
    assert state == [f'model_checkpoint_path: "{paths[3]}"', *(f'all_model_checkpoint_paths: "{p}"' for p in paths[2:])]
    assert train.latest_checkpoint(str(tmp_path)) == paths[3]
    saver.save(sess, str(tmp_path / "k"), 2)
    assert saver.last_checkpoints == [paths[3], paths[2]]
    found = train.get_checkpoint_state(str(tmp_path))
    assert found.model_checkpoint_path == paths[2]
    assert found.all_model_checkpoint_paths == [paths[3], paths[2]]


@pytest.mark.parametrize("keep", [0, None])
def test_keep_all(keep: Any) -> None:
    tf.Variable(1.0)
    saver, sess = train.Saver(max_to_keep=keep), ready()
    paths = [saver.save(sess, "./k", i) for i in range(7)]
    assert all(train.checkpoint_exists(p) for p in paths)
    assert saver.last_checkpoints == []


def test_keep_every_n_hours() -> None:
    tf.Variable(1.0)
    saver, sess = train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=-1.0), ready()
    paths = [saver.save(sess, "./k", i) for i in range(3)]
    assert all(train.checkpoint_exists(p) for p in paths)


def test_relative_paths(tmp_path: Path) -> None:
    tf.Variable(1.0)
    (tmp_path / "sub").mkdir()
    saver, sess = train.Saver(pad_step_number=True, save_relative_paths=True), ready()
    assert saver.save(sess, str(tmp_path / "sub" / "p"), 1).endswith("p-00000001")
    assert 'model_checkpoint_path: "p-00000001"' in (tmp_path / "sub" / "checkpoint").read_text()
    saver.save(sess, str(tmp_path / "sub" / "p"), 2)
    named = re.findall(r'all_model_checkpoint_paths: "(.*)"', (tmp_path / "sub" / "checkpoint").read_text())
    assert named == ["p-00000001", "p-00000002"]
    os.rename(tmp_path / "sub", tmp_path / "moved")
    assert train.latest_checkpoint("moved") == "moved/p-00000002"


def test_systems_without_file_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnngraph.frontend.train.files.fcntl", None)
    v, saver = tf.Variable(1.0), train.Saver(max_to_keep=1)
    sess = ready()
    for k in range(3):
        sess.run(v.assign(float(k)))
        saver.save(sess, str(tmp_path / "m"), k)
    saver.restore(sess, train.latest_checkpoint(str(tmp_path)))
    assert sess.run(v) == 2.0 and not (tmp_path / "m-0").exists()


def test_state_file_options() -> None:
    step = tf.Variable(11, name="step")
    saver, sess = train.Saver(), ready()
    saver.save(sess, "./a", global_step=step, latest_filename="other")
    assert train.latest_checkpoint(".", "other") == "./a-11"
    assert train.latest_checkpoint(".") is None
    saver.save(sess, "./b", write_state=False)
    assert train.latest_checkpoint(".") is None
    assert saver.last_checkpoints == ["./a-11"]
    Path("checkpoint").write_text("no state file")
    assert train.get_checkpoint_state(".") is None


def test_lists_of_checkpoints() -> None:
    tf.Variable(1.0)
    saver, sess = train.Saver(), ready()
    saver.save(sess, "./a")
    saver.save(sess, "./b")
    other = train.Saver()
    other.recover_last_checkpoints(["./a", "./nope", "./b"])
    assert other.last_checkpoints == ["./a", "./b"]
    other.set_last_checkpoints(["./b"])
    assert other.last_checkpoints == ["./b"]
    other.set_last_checkpoints_with_time([("./a", 1.0)])
    assert other.last_checkpoints == ["./a"]
    assert len(train.get_checkpoint_mtimes(["./a", "./nope"])) == 1


def test_reader() -> None:
    tf.Variable([1.0, 2.0], name="a/v")
    path = train.Saver().save(ready(), "./m")
    reader = train.NewCheckpointReader(path)
    assert reader.get_variable_to_shape_map() == {"a/v": [2]}
    assert reader.get_variable_to_dtype_map() == {"a/v": tf.float32}
    assert reader.has_tensor("a/v")
    assert reader.get_tensor("a/v").tolist() == [1.0, 2.0]
    assert b"a/v" in reader.debug_string()
    with pytest.raises(tf.errors.NotFoundError, match="not found in checkpoint"):
        reader.get_tensor("b")
    assert train.load_variable(".", "a/v:0").tolist() == [1.0, 2.0]
    os.makedirs("empty")
    with pytest.raises(ValueError, match="Couldn't find"):
        train.load_checkpoint("empty")


def test_optimizer_state_is_saved() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    step = train.AdamOptimizer(0.1).minimize(tf.reduce_sum(v * v))
    saver, sess = train.Saver(), ready()
    sess.run(step)
    path = saver.save(sess, "./m")
    sess.run(step)
    expected = sess.run(v)
    again = tf.Session()
    saver.restore(again, path)
    again.run(step)
    np.testing.assert_array_equal(again.run(v), expected)


def test_what_is_not_offered() -> None:
    tf.Variable(1.0)
    saver = train.Saver()
    for f in (saver.as_saver_def, saver.to_proto, saver.export_meta_graph, train.export_meta_graph,
              train.import_meta_graph, lambda: train.Saver(saver_def=object())):
        with pytest.raises(NotImplementedError):
            f()


def test_arguments_of_savers_are_checked() -> None:
    with tf.Graph().as_default():
        v = tf.Variable([1.0])
        with pytest.raises(ValueError, match="build cannot be deferred"):
            tf.train.Saver([v], defer_build=True)
        saver = tf.train.Saver([v])
        for bad in ("a", (("a", 1.0),), None):
            with pytest.raises(TypeError, match="must be a list"):
                saver.set_last_checkpoints_with_time(bad)  # type: ignore[arg-type]


def test_a_draft_that_cannot_be_written_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Full:
        """A file on a full disk."""

        def __init__(self, file: Any) -> None:
            self.file = file
            opened.append(file)

        def write(self, content: bytes) -> None:
            raise OSError("No space left on device")

        def close(self) -> None:
            self.file.close()
    locked = files._locked

    def on_a_full_disk(path: str) -> tuple[Any, str]:
        file, draft = locked(path)
        return Full(file), draft
    monkeypatch.setattr(files, "_locked", on_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        files._draft(str(tmp_path / "m"), b"content")
    assert opened[0].closed and not list(tmp_path.iterdir())
