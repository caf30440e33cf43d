"""The way into native code and, for signals, out of it: `guarded` runs a stretch, `ask` is what long stretches call.

CPython's own signal handler only notes a signal; the main thread acts on it between two steps of Python code, and in
native code there are none. So native code that has worked for a while (`pulse`) calls `ask`, which looks at the clock
and, every `PERIOD`, does what the interpreter would do: takes the interpreter lock and lets the handlers run. If one
raises, the stretch leaves and the exception is raised where it was called. If none does, it goes on.

Nothing here belongs to the process: the state lies on the stack of its run. There is no thread, no descriptor and no
signal handler of ours, so a fork copies nothing, and whoever uses them (asyncio, the user) need not share them.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

from rnngraph.backends.llvm.apart import handlers_run_here
from rnngraph.backends.llvm.toolchain import Library

PERIOD = 40_000_000
"""Nanoseconds between two looks at signals."""
NEVER = 2**63 - 1
"""When a run is due that handlers do not interrupt: they only run in the main thread."""

TEXT = f"""
%state = type {{ ptr, ptr, ptr, i64, i1 }} ; ask, the interpreter's functions, thread, when due (0: not begun), stopped

define i64 @guarded(ptr %python, ptr %run, ptr %inputs, ptr %outputs, ptr %sizes, ptr %arena, i64 %due) nounwind {{
  %state = alloca %state, align 8
  %python.at = getelementptr %state, ptr %state, i64 0, i32 1
  %thread.at = getelementptr %state, ptr %state, i64 0, i32 2
  %due.at = getelementptr %state, ptr %state, i64 0, i32 3
  %stopped.at = getelementptr %state, ptr %state, i64 0, i32 4
  store ptr @ask, ptr %state
  store ptr %python, ptr %python.at
  store i64 %due, ptr %due.at
  store i1 false, ptr %stopped.at
  %save = load ptr, ptr %python
  %thread = call ptr %save()
  store ptr %thread, ptr %thread.at
  %status = call i64 %run(ptr %inputs, ptr %outputs, ptr %sizes, ptr %arena, ptr %state)
  %restore.at = getelementptr ptr, ptr %python, i64 1
  %restore = load ptr, ptr %restore.at
  %last = load ptr, ptr %thread.at
  call void %restore(ptr %last)
  ret i64 %status
}}

define internal i1 @ask(ptr %state) nounwind {{
  %python.at = getelementptr %state, ptr %state, i64 0, i32 1
  %thread.at = getelementptr %state, ptr %state, i64 0, i32 2
  %due.at = getelementptr %state, ptr %state, i64 0, i32 3
  %stopped.at = getelementptr %state, ptr %state, i64 0, i32 4
  %python = load ptr, ptr %python.at
  %stopped = load i1, ptr %stopped.at
  br i1 %stopped, label %leave, label %timed
timed:
  %due = load i64, ptr %due.at
  %never = icmp eq i64 %due, {NEVER}
  br i1 %never, label %stay, label %look
look:
  %now = call i64 @now(ptr %python)
  %early = icmp slt i64 %now, %due
  br i1 %early, label %stay, label %late
late:
  %following = add i64 %now, {PERIOD}
  store i64 %following, ptr %due.at
  %first = icmp eq i64 %due, 0
  br i1 %first, label %stay, label %handle
handle:
  %restore.at = getelementptr ptr, ptr %python, i64 1
  %check.at = getelementptr ptr, ptr %python, i64 2
  %save = load ptr, ptr %python
  %restore = load ptr, ptr %restore.at
  %check = load ptr, ptr %check.at
  %thread = load ptr, ptr %thread.at
  call void %restore(ptr %thread)
  %raised = call i32 %check()
  %again = call ptr %save()
  store ptr %again, ptr %thread.at
  %stop = icmp ne i32 %raised, 0
  store i1 %stop, ptr %stopped.at
  ret i1 %stop
stay:
  ret i1 false
leave:
  ret i1 true
}}

define internal i64 @now(ptr %python) nounwind {{
  %time = alloca {{ i64, i64 }}, align 8
  %clock.at = getelementptr ptr, ptr %python, i64 3
  %clock = load ptr, ptr %clock.at
  %failed = call i32 %clock(i32 {getattr(time, "CLOCK_MONOTONIC", 0)}, ptr %time)
  %seconds = load i64, ptr %time
  %rest.at = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
}}
"""
"""LLVM text, taken as it is. It holds no address, so that its object can be kept on disk."""

_GUARDED = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 6, ctypes.c_int64)
"""Called with the interpreter lock, which `guarded` gives back itself; raises what a handler raised."""


class Guard:
    """Runs native code."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._call = _GUARDED(library.address("guarded"))
        self._timed = os.name == "posix"
        api = ctypes.pythonapi
        functions = [api.PyEval_SaveThread, api.PyEval_RestoreThread, api.PyErr_CheckSignals]
        if self._timed:
            functions.append(ctypes.CDLL(None).clock_gettime)
        self._python = (ctypes.c_void_p * 4)(*[ctypes.cast(f, ctypes.c_void_p).value for f in functions])

    def run(self, code: int, inputs: Any, outputs: Any, sizes: Any, arena: int) -> int:
        """The status that the code at an address gives. Raises what signal handlers raise meanwhile."""
        due = 0 if self._timed and handlers_run_here() else NEVER
        status: int = self._call(self._python, code, inputs, outputs, sizes, arena, due)
        return status
