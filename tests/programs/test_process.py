"""A session as a part of a process: signals, forks, threads, and what is freed at the end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph import backends
from rnngraph.backends.llvm.engine import ENGINE

ROOT = Path(__file__).resolve().parents[2]


def together(count: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` gives or raises in so many threads that begin at once."""
    barrier, found = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
    threads = [threading.Thread(target=run) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return found


# --- signals and forks ---------------------------------------------------------------------------------------------------

SIGNALS = """
import asyncio, os, signal, threading, time
import numpy as np
import rnngraph as tf

n, v = tf.placeholder(tf.int32, []), tf.Variable(0.0)
with tf.control_dependencies([tf.assign_add(v, 1.0)]):
    start = tf.constant(0.5)
loop = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.sin(a * 1.5) + 0.1), [0, start])[1]
x = tf.placeholder(tf.float32, [None, None])
product = x
for _ in range(20):
    product = tf.matmul(product, x)
sess = tf.Session()
sess.run(v.initializer)
threading.Thread(target=lambda: sess.run(loop, {n: 3})).start()  # the first native run is not the main thread's
sess.run(product, {x: np.eye(3)})
LONG, LARGE = {n: 2 * 10 ** 9}, {x: np.full([2000, 2000], 1e-4, np.float32)}
ENDS = {n: 4 * 10 ** 7}  # after half a second at least, on the quickest machine

def stopped(fetch, feeds, signum=signal.SIGINT, error=KeyboardInterrupt):
    signal.signal(signal.SIGALRM, lambda *a: os.kill(os.getpid(), signum))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        sess.run(fetch, feeds)
    except error:
        return True
    return False

print("loop", stopped(loop, LONG))
print("product", stopped(product, LARGE))
class Own(Exception):
    pass
def handler(*args):
    raise Own(sess.run(v))  # a run inside a run
signal.signal(signal.SIGUSR1, handler)
print("any signal", stopped(loop, LONG, signal.SIGUSR1, Own))
seen = []
signal.signal(signal.SIGINT, lambda *a: seen.append(1))
print("a handler that does not raise", stopped(loop, ENDS), len(seen))
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ignored", stopped(loop, ENDS))
signal.signal(signal.SIGINT, signal.default_int_handler)
async def inside():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)  # takes the wake-up descriptor
    signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's own would not raise
    return stopped(loop, LONG)
print("asyncio", asyncio.run(inside()))
child = os.fork()
if not child:
    os._exit(0 if stopped(loop, LONG) else 1)
sess.run(loop, ENDS)
print("child", os.waitpid(child, 0)[1])
print("counted", sess.run(v))
threading.Thread(target=lambda: sess.run(loop, LONG), daemon=True).start()
time.sleep(0.05)
print("end")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_signals_reach_the_user_while_native_code_runs(code_folder: str) -> None:
    out = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=100, check=False, cwd=ROOT,
                         env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert out.stdout.splitlines() == [
        "loop True", "product True", "any signal True", "a handler that does not raise False 1", "ignored False",
        "asyncio True", "child 0", "counted 4.0", "end"], out.stdout + out.stderr
    assert out.returncode == 0 and not out.stderr


COMPILING = """
import os, signal, threading, time
os.environ["RNNGRAPH_CACHE"] = "off"
import numpy as np
import rnngraph as tf

def program(k):
    x = tf.placeholder(tf.float32, [None, 8])
    y = x
    for j in range(6):
        y = tf.reverse(tf.tanh(y * float(10 * k + j)), [0])
    return y, {x: np.ones([2, 8])}

def interrupt(delay):
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)

sess, count = tf.Session(), 0
for k in range(6):
    try:
        thread = threading.Thread(target=interrupt, args=(0.01 * k,))
        y, feeds = program(k)
        thread.start()
        sess.run(y, feeds)
        thread.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        count += 1
    sess.run(y, feeds)
    thread.join()
print("interrupts", count)
wrong = 0
for k in range(2):
    y, feeds = program(100 + k)
    thread = threading.Thread(target=sess.run, args=(y, feeds))
    thread.start()
    time.sleep(0.01 + 0.02 * k)
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if sess.run(y, feeds).shape == (2, 8) else 1)
    wrong += os.waitpid(child, 0)[1] != 0
    thread.join()
print("wrong children", wrong)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals and forks as POSIX has them")
def test_interrupts_and_forks_while_compiling() -> None:
    out = subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", COMPILING], capture_output=True,
                         text=True, timeout=100, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert out.stdout.splitlines() == ["interrupts 6", "wrong children 0"], out.stdout + out.stderr
    assert out.returncode == 0


def test_an_interrupted_run_holds_no_lock(sess: Any) -> None:
    v, bad = tf.Variable(0), [True]

    def stop(x: Any) -> Any:
        if bad[0]:
            raise KeyboardInterrupt
        return x
    y = tf.py_func(stop, [tf.assign_add(v, 1)], tf.int32)
    sess.run(v.initializer)
    with pytest.raises(KeyboardInterrupt):
        sess.run(y)
    bad[0] = False
    thread = threading.Thread(target=sess.run, args=(y,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive() and sess.run(v) == 1


# --- threads -------------------------------------------------------------------------------------------------------------

def test_threads_that_meet_a_fetch_set_at_once_compile_it_once(sess: Any, engine: str,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    backend, count = backends.load(engine), []
    compile_ = backend.compile

    def failing_first(*args: Any) -> Any:
        count.append(1)
        if len(count) == 1:
            raise MemoryError
        time.sleep(0.05)
        return compile_(*args)
    monkeypatch.setattr(backend, "compile", failing_first)
    y = tf.constant(2.0) * 3.0
    found = together(8, lambda: sess.run(y))
    assert sorted(map(str, found)) == ["", *["6.0"] * 7] and len(count) == 2


def test_a_commit_does_not_touch_what_a_run_reads(sess: Any) -> None:
    v, w = tf.Variable(1.0), tf.Variable(2.0)
    both = tf.group(tf.assign_add(v, 1.0), tf.assign_add(w, 1.0))
    sess.run(tf.global_variables_initializer())
    before = sess._store
    kept = dict(before)
    sess.run(both)
    assert sess._store is not before and before == kept


def test_a_variable_that_changes_its_size_while_a_run_waits(sess: Any) -> None:
    v = tf.Variable([1.0, 2.0], validate_shape=False)
    inside, go = threading.Event(), threading.Event()

    def wait(x: Any) -> Any:
        inside.set()
        assert go.wait(10)
        return x
    grow = tf.assign(v, tf.py_func(wait, [tf.constant([1.0, 2.0, 3.0])], tf.float32), validate_shape=False)
    add = tf.assign(v, v + [[10.0], [20.0]], validate_shape=False)
    sess.run(v.initializer)
    first = threading.Thread(target=sess.run, args=(grow,))
    first.start()
    assert inside.wait(10)
    found: list[Any] = []
    second = threading.Thread(target=lambda: found.append(sess.run(add)))
    second.start()
    time.sleep(0.1)  # long enough to have chosen an executable for two elements, mostly
    go.set()
    first.join()
    second.join()
    assert found[0].tolist() == [[11.0, 12.0, 13.0], [21.0, 22.0, 23.0]]


def test_sizes_that_are_fed_are_read_once(sess: Any) -> None:
    fed, shape = np.array(3, np.int32), np.array([2, 2], np.int32)
    n, s, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [2]), tf.placeholder(tf.float32, [None])

    def change(y: Any) -> Any:
        fed[...] = 10 ** 6
        shape[...] = 10 ** 3
        return y
    with tf.control_dependencies([tf.py_func(change, [x], tf.float32)]):
        made = tf.fill(s, 1.0), tf.range(tf.identity(n))
    a, b = sess.run(made, {n: fed, s: shape, x: [0.0]})
    assert a.shape == (2, 2) and b.tolist() == [0, 1, 2]


def test_indices_that_change_during_a_run(sess: Any) -> None:
    x, i = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int32, [None, None])
    y = tf.reduce_sum(tf.gather(x, i))
    index = np.zeros((100, 200), np.int32)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            index[::7] = 2 ** 30
            index[::7] = 0
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(100):
            try:
                assert sess.run(y, {x: np.ones((3, 4)), i: index}) == 80000.0
            except (tf.errors.InvalidArgumentError, tf.errors.InternalError):
                continue
    finally:
        stop.set()
        thread.join()


# --- the end -------------------------------------------------------------------------------------------------------------

def loaded() -> int:
    """How much machine code is in the process."""
    gc.collect()
    return sum(ref() is not None for ref in ENGINE.libraries.values())


def test_machine_code_lives_as_long_as_the_graph() -> None:
    before, graph = loaded(), tf.Graph()
    with graph.as_default():
        y = tf.placeholder(tf.float32, [None], name="x") * 1.2345
    first, second = tf.Session(graph=graph, engine="llvm"), tf.Session(graph=graph, engine="llvm")
    for sess in (first, second):
        sess.run(y, {"x:0": [1.0]})
    assert loaded() == before + 1, "sessions share it"
    first.close()
    assert second.run(y, {"x:0": [2.0]}).tolist() == [np.float32(2.469)]
    del first, second, sess
    assert loaded() == before + 1
    del y, graph
    assert loaded() == before
