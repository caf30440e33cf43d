"""Ctrl-C while native code runs: the C-level signal handler writes to a pipe, a waiting thread sets a flag that loops poll."""

from __future__ import annotations

import ctypes
import signal
import socket
import threading

FLAG = ctypes.c_int32(0)
"""Non-zero: native loops leave at the next step."""

_lock = threading.Lock()
_watching = False


def watch() -> None:
    """Start watching, once, if this is the main thread and nobody else uses the wake-up descriptor."""
    global _watching
    if _watching or threading.current_thread() is not threading.main_thread():
        return
    with _lock:
        if _watching:
            return
        _watching = True
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        previous = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        if previous != -1:
            signal.set_wakeup_fd(previous)
            return
        threading.Thread(target=_wait, args=(ours, theirs), daemon=True, name="rnngraph-interrupts").start()


def _wait(ours: socket.socket, theirs: socket.socket) -> None:
    """Set the flag when SIGINT arrives. `theirs` is held so that the descriptor stays open."""
    while True:
        data = ours.recv(64)
        if not data:
            theirs.close()
            return
        if signal.SIGINT in data:
            FLAG.value = 1
