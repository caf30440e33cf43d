"""A hunt: `python -m tests.support.random_programs --start 0 --count 1000 --jobs 2` prints a small script per fault.

Batches run in processes of their own, so that one that dies, or hangs, names its seed.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.random_programs.generate import generate
from tests.support.random_programs.run import faults
from tests.support.random_programs.shrink import kind, shrunk

ROOT = Path(__file__).resolve().parents[3]
BATCH, PATIENCE = 100, 1000


def main() -> int:
    """Runs a hunt, or with --batch the seeds of one batch in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shrink", type=float, default=40.0, help="seconds for each fault")
    parser.add_argument("--quick", action="store_true", help="engine reference and NumPy only: ten times as many programs")
    parser.add_argument("--show", action="store_true", help="print the script of --start and its faults, nothing else")
    parser.add_argument("--batch", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.show:
        program = generate(args.start)
        print(program.script(), *faults(program), sep="\n")
        return 0
    if args.batch:
        return batch(args.start, args.count, args.shrink, not args.quick)
    starts = range(args.start, args.start + args.count, BATCH)
    seen: dict[str, list[int]] = {}
    with ThreadPoolExecutor(args.jobs) as pool:
        for text in pool.map(lambda s: apart(s, min(BATCH, args.start + args.count - s), args), starts):
            for report in text.split("\f")[1:]:
                seed, what, script = report.split("\n", 2)
                if what not in seen:
                    print(f"{'=' * 120}\nseed {seed}: {script}", flush=True)
                seen.setdefault(what, []).append(int(seed))
    print("=" * 120)
    for what, seeds in sorted(seen.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):4}  {what}  {seeds[:8]}")
    return 1 if seen else 0


def batch(start: int, count: int, seconds: float, compiled: bool) -> int:
    """Seeds one after the other; a line before each tells where a crash was."""
    gc.set_threshold(200_000, 20, 20)  # many objects, few of them dead: collecting often would take a tenth of the time
    seen = set()
    for seed in range(start, start + count):
        print(f"\vseed {seed}", flush=True)
        program = generate(seed)
        found = faults(program, compiled)
        if found:
            small = shrunk(program, seconds) if kind(found[0]) not in seen else program
            seen.add(kind(found[0]))
            print(f"\f{seed}\n{kind(found[0])}\n{found[0]}\n{small.script()}", flush=True)
    print("\vdone", flush=True)
    return 0


def apart(start: int, count: int, args: argparse.Namespace) -> str:
    """The reports of a batch in another process; if that ends early, one for the seed, and the rest anew."""
    command = [sys.executable, "-m", "tests.support.random_programs", "--batch", "--start", str(start), "--count", str(count),
               "--shrink", str(args.shrink), *(["--quick"] if args.quick else [])]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE + count * args.shrink)
        out, code, err = done.stdout, done.returncode, done.stderr
    except subprocess.TimeoutExpired as error:
        out = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        code, err = -1, f"hangs after {time.monotonic() - begin:.0f} s"
    marks = [line for line in out.split("\n") if line.startswith("\v")]
    text = "\n".join(line for line in out.split("\n") if not line.startswith("\v"))
    if marks and marks[-1] == "\vdone":
        return text
    seed = int(marks[-1].split()[1]) if marks else start
    last = err.strip().split("\n")[-1] if err else ""
    text += f"\f{seed}\nthe process ends with {code}\nthe process ends with {code}: {last}\n{generate(seed).script()}"
    rest = start + count - seed - 1
    return text + (apart(seed + 1, rest, args) if rest else "")


if __name__ == "__main__":
    sys.exit(main())
