"""Checkpoints that are damaged, of other programs, or exchanged while they are read: no wrong value comes out of them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import rnngraph as tf

train = tf.train
FILE = Path("m.safetensors")


pytestmark = pytest.mark.usefixtures("folder")


class Model:
    """Variables of every kind with a checkpoint `m`; afterwards they have other values than it."""

    def __init__(self) -> None:
        values = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "half": np.float16([1, 2]), "flags": [True, False],
                  "text": ["a", "bcd"], "complex": [1 + 2j], "scalar": 3.0, "empty": np.zeros((0, 3), np.float32)}
        self.variables = [tf.Variable(value, name=name) for name, value in values.items()]
        self.saver, self.sess = train.Saver(), tf.Session(engine="reference")
        self.sess.run(tf.global_variables_initializer())
        self.saved = self.values()
        self.saver.save(self.sess, "./m")
        for v in self.variables:
            v.load(np.full(v.shape.as_list(), b"" if v.dtype == tf.string else 0), self.sess)
        self.before = self.values()

    def values(self) -> list[Any]:
        return [(v.dtype, v.shape, v.tolist()) for v in self.sess.run(self.variables)]

    def refused(self, *phrases: str) -> None:
        """A restore raises DataLossError that names the file, and nothing changes."""
        with pytest.raises(tf.errors.DataLossError) as caught:
            self.saver.restore(self.sess, "./m")
        assert all(phrase in str(caught.value) for phrase in ("./m.safetensors", *phrases)), str(caught.value)
        assert self.values() == self.before


def header(content: bytes) -> int:
    return 8 + int(struct.unpack("<Q", content[:8])[0])


def rewritten(change: Callable[[dict[str, Any]], Any]) -> None:
    """Write the file with another header."""
    content = FILE.read_bytes()
    described = json.loads(content[8:header(content)])
    change(described)
    text = json.dumps(described).encode()
    FILE.write_bytes(struct.pack("<Q", len(text)) + text + content[header(content):])


def test_every_bit_matters() -> None:
    model = Model()
    good = FILE.read_bytes()
    data = header(good)
    places = [*range(0, data, 23), *range(data, len(good), 7)]
    for n, at in enumerate(places):
        FILE.write_bytes(good[:at] + bytes([good[at] ^ 1 << n % 8]) + good[at + 1:])
        model.refused()
    FILE.write_bytes(good)
    model.saver.restore(model.sess, "./m")
    assert model.values() == model.saved != model.before


@pytest.mark.parametrize("name", ["w", "half", "flags", "text", "complex", "scalar"])
def test_the_damaged_tensor_is_named(name: str) -> None:
    model = Model()
    content = bytearray(FILE.read_bytes())
    begin = json.loads(content[8:header(content)])[name]["data_offsets"][0]
    content[header(content) + begin] ^= 1
    FILE.write_bytes(content)
    model.refused(repr(name), "Checksum does not match")
    reader = train.NewCheckpointReader("m")
    assert reader.get_tensor("empty").shape == (0, 3)
    with pytest.raises(tf.errors.DataLossError):
        train.load_variable("m", name)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", bytes(200), b"\xff" * 8 + b"{}", struct.pack("<Q", 2) + b"{}x"])
def test_no_checkpoint_at_all(content: bytes) -> None:
    model = Model()
    FILE.write_bytes(content)
    model.refused()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_cut_files(part: float) -> None:
    model = Model()
    os.truncate(FILE, int(FILE.stat().st_size * part))
    model.refused()


def test_data_of_equal_size_that_changed_places() -> None:
    a, b = tf.Variable([1.0, 2.0], name="a"), tf.Variable([3.0, 4.0], name="b")
    saver, sess = train.Saver(), tf.Session()
    sess.run(tf.global_variables_initializer())
    saver.save(sess, "./m")

    def exchange(described: dict[str, Any]) -> None:
        described["a"], described["b"] = described["b"], described["a"]
    rewritten(exchange)
    with pytest.raises(tf.errors.DataLossError, match="'a'"):
        saver.restore(sess, "./m")
    assert [x.tolist() for x in sess.run([a, b])] == [[1.0, 2.0], [3.0, 4.0]]


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(described: dict[str, Any]) -> None:
        for key in keys:
            del described["__metadata__"][key]
    return change


def other_name(described: dict[str, Any]) -> None:
    described["v"] = described.pop("w")


def other_type(described: dict[str, Any]) -> None:
    described["w"]["dtype"] = "I32"


def other_shape(described: dict[str, Any]) -> None:
    described["w"]["shape"] = [4, 3]


@pytest.mark.parametrize("change, phrase", [
    (without("rnngraph.table"), "Checksum"), (without("rnngraph.sha256"), "Checksum"), (other_name, "'v'"),
    (other_type, "'w' is stored as I32[3, 4], but should be float32[3, 4]"), (other_shape, "'w'")])
def test_headers_that_do_not_fit_their_table(change: Callable[[dict[str, Any]], None], phrase: str) -> None:
    model = Model()
    rewritten(change)
    model.refused(phrase)


@pytest.mark.parametrize("notes", [
    "no JSON", "[1]", "3", '{"text": 3}', '{"text": {}}', '{"text": {"dtype": "string"}}',
    '{"text": {"dtype": "nothing", "shape": []}}', '{"text": {"dtype": "string", "shape": [-1]}}',
    '{"text": {"dtype": "string", "shape": "ab"}}', '{"text": {"dtype": "string", "shape": [7]}}',
    '{"gone": {"dtype": "string", "shape": [1]}}'])
def test_notes_of_files_without_checksums(notes: str) -> None:
    """Former versions noted strings and complex numbers alone. Whatever stands there, the error is a DataLossError."""
    text = tf.Variable(["a", "b"], name="text")
    saver, sess = train.Saver(), tf.Session()
    sess.run(tf.global_variables_initializer())
    stored = {"text": np.frombuffer(b'["c", "d"]', np.uint8)}
    save_file(stored, FILE, {"rnngraph": '{"text": {"dtype": "string", "shape": [2]}}'})
    saver.restore(sess, "m")
    assert sess.run(text).tolist() == [b"c", b"d"]
    save_file(stored, FILE, {"rnngraph": notes})
    with pytest.raises(tf.errors.DataLossError, match="m.safetensors.*(text|gone)"):
        saver.restore(sess, "m")
    save_file({"text": np.frombuffer(b'["c", 3]', np.uint8)}, FILE, {"rnngraph": '{"text": {"dtype": "string", "shape": [2]}}'})
    with pytest.raises(tf.errors.DataLossError, match="m.safetensors.*text"):
        saver.restore(sess, "m")
    assert sess.run(text).tolist() == [b"c", b"d"]


def test_files_of_other_programs() -> None:
    v, flags = tf.Variable([0.0, 0.0], name="v"), tf.Variable([False, False], name="flags")
    saver, sess = train.Saver(), tf.Session()
    save_file({"v": np.float32([1, 2]), "flags": np.array([True, False]), "more": np.int8([3])}, FILE, {"format": "pt"})
    saver.restore(sess, "m")
    assert [x.tolist() for x in sess.run([v, flags])] == [[1.0, 2.0], [True, False]]
    FILE.write_bytes(FILE.read_bytes().replace(b"\1\0\3", b"\2\0\3").replace(b"\3\1\0", b"\3\2\0"))
    with pytest.raises(tf.errors.DataLossError, match="'flags' has elements that are neither true nor false"):
        saver.restore(sess, "m")
    text = json.dumps({"v": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    FILE.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(tf.errors.UnimplementedError, match="'v' has element type BF16"):
        saver.restore(sess, "m")


def test_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    v = tf.Variable(1.0, name="v")
    os.mkdir("folder.safetensors")
    with pytest.raises(tf.errors.NotFoundError):
        train.Saver().restore(tf.Session(), "folder")
    sess = tf.Session()
    v.load(1.0, sess)
    train.Saver().save(sess, "./m")
    sess.close()
    with pytest.raises(RuntimeError, match="closed"):
        train.Saver().restore(sess, "./m")

    def forbidden(*args: Any) -> Any:
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("rnngraph.frontend.train.tensors.open", forbidden, raising=False)
    with pytest.raises(tf.errors.PermissionDeniedError, match="m.safetensors cannot be read: Permission denied"):
        train.Saver().restore(tf.Session(), "./m")


def test_a_wrong_variable_changes_no_other() -> None:
    model = Model()
    saver = train.Saver([v for v in model.variables if v.op.name in ("w", "scalar")])
    for stored in (np.float64(1.0), np.float32([1, 2])):
        save_file({"w": np.ones((3, 4), np.float32), "scalar": np.asarray(stored)}, FILE)
        with pytest.raises(tf.errors.InvalidArgumentError, match="scalar"):
            saver.restore(model.sess, "m")
        assert model.values() == model.before


def test_a_reader_stays_with_its_save() -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(1.0, name="b")
    saver, sess = train.Saver(), tf.Session()
    sess.run(tf.global_variables_initializer())
    reader = train.NewCheckpointReader(saver.save(sess, "./m"))
    assert reader.get_tensor("a") == 1.0
    sess.run([a.assign(2.0), b.assign(2.0)])
    saver.save(sess, "./m")
    assert reader.get_tensor("b") == 1.0
    assert train.load_variable("./m", "b") == 2.0
