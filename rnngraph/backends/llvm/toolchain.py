"""From LLVM text to object bytes to loaded code.

Three ways through LLVM, because they suit different text (see `text.Module.optimise`). Plain scalar loops go through the O2
pipeline, whose loop vectoriser makes them fast. Kernels that are written as they shall be go straight to code generation: the
pipeline would only hoist the tile loads of a product over the inner loop and spill. The function that calls them has nothing
to vectorise, and is long: a few passes that make it shorter pay for themselves, all of O2 takes as long as its code.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from rnngraph.backends.llvm.apart import LOCK, apart, close_after
from rnngraph.backends.llvm.text import AS_WRITTEN, LOOPS
from rnngraph.lowering.target import Target
from rnngraph.release import RELEASE

T = TypeVar("T")

_RECIPE = 2
"""Counted up when the passes or options below change: the same text gives another object then."""

_initialised = False


class CompilationError(RuntimeError):
    """LLVM refused a module; the message names the file the text was saved to."""


def _initialise() -> None:
    global _initialised
    if not _initialised:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _initialised = True


def _refused(stage: str, text: str, error: Exception) -> CompilationError:
    with tempfile.NamedTemporaryFile("w", prefix="rnngraph-", suffix=".ll", delete=False) as file:
        file.write(text)
    return CompilationError(f"LLVM could not {stage} the module (text saved in {file.name}): {error}")


@dataclass(eq=False)
class Object:
    """Machine code under its key, the kernels in it that libraries share, and the objects that have what these call: an
    object is loaded as a whole, so with all that any of its kernels needs."""

    data: bytes
    key: str = ""
    kernels: tuple[str, ...] = ()
    needs: tuple[Object, ...] = ()


class Library:
    """Loaded machine code. Addresses stay valid as long as this object lives, and so does what is in `objects`."""

    def __init__(self, engine: llvm.ExecutionEngine) -> None:
        self._engine = engine
        self.objects: Sequence[Object] = ()
        close_after(self, engine)

    def _find(self, symbol: str) -> int:
        with LOCK:
            return int(self._engine.get_function_address(symbol))

    def address(self, symbol: str) -> int:
        """The address of a function of the loaded object."""
        address = apart(partial(self._find, symbol))
        if not address:
            raise KeyError(f"the loaded object has no symbol {symbol!r}")
        return address


def machine(cpu: str | None = None, features: str | None = None) -> Target:
    """This machine, unless a CPU name and feature string say otherwise. Raises CompilationError for one that no code can be
    made for."""
    with LOCK:
        _initialise()
        triple = str(llvm.get_process_triple())
        name = str(llvm.get_host_cpu_name()) if cpu is None else cpu
        if features is None:
            features = str(llvm.get_host_cpu_features().flatten()) if cpu is None else ""
    enabled = _enabled(name, features)
    if triple.startswith("x86_64") and "fma" not in enabled:
        raise CompilationError(f"the CPU {name!r} has no fused multiply-add: kernels would call the C library for it")
    wide = "avx512f" in enabled
    registers = 32 if wide or not triple.startswith("x86_64") else 16
    return Target(triple, name, features, 512 if wide else 256 if "avx2" in enabled else 128, registers,
                  _cache("SC_LEVEL1_DCACHE_SIZE", 32 << 10), _cache("SC_LEVEL2_CACHE_SIZE", 512 << 10))


def _enabled(cpu: str, features: str) -> set[str]:
    """What the feature string switches on; a named CPU with no feature string is taken at its level."""
    enabled = {name[1:] for name in features.split(",") if name.startswith("+")}
    disabled = {name[1:] for name in features.split(",") if name.startswith("-")}
    levels = {"x86-64-v3": {"avx2", "fma"}, "x86-64-v4": {"avx2", "fma", "avx512f"}}
    return (enabled | levels.get(cpu, set())) - disabled


def _cache(name: str, otherwise: int) -> int:
    """The bytes of a cache, if the system says so."""
    found = os.sysconf(name) if name in os.sysconf_names else 0
    return found if found > 0 else otherwise


class Toolchain:
    """LLVM, for one target."""

    def __init__(self, target: Target) -> None:
        with LOCK:
            _initialise()
        self.target = target

    def key(self) -> str:
        """Whatever, besides the text, decides the object bytes: a component of cache keys."""
        version = ".".join(str(part) for part in llvm.llvm_version_info)
        target = self.target
        return (f"rnngraph-{RELEASE}.{_RECIPE}/llvmlite-{llvmlite.__version__}/llvm-{version}/"
                f"{target.triple}/{target.cpu}/{target.features}")

    def _machine(self) -> llvm.TargetMachine:
        target = llvm.Target.from_triple(self.target.triple)
        return target.create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=2, reloc="pic", codemodel="default", jit=False
        )

    def _parse(self, text: str, machine: llvm.TargetMachine, context: llvm.ContextRef) -> llvm.ModuleRef:
        try:
            module = llvm.parse_assembly(text, context)
            module.triple = self.target.triple
            module.data_layout = str(machine.target_data)
            module.verify()
        except RuntimeError as error:
            raise _refused("parse", text, error) from None
        return module

    def _build(self, text: str, optimise: str) -> tuple[llvm.ModuleRef, llvm.TargetMachine, llvm.ContextRef]:
        machine = self._machine()
        context = llvm.create_context()
        module = self._parse(text, machine, context)
        if optimise != AS_WRITTEN:
            _optimise(module, machine, optimise)
        return module, machine, context

    def compile(self, text: str, optimise: str = LOOPS) -> bytes:
        """Object bytes of a module. `optimise`: see `text.Module`."""
        return apart(partial(self._locked, self._compile, text, optimise))

    def assembly(self, text: str, optimise: str = LOOPS) -> str:
        """What `compile` would put in the object, as assembly text, for people and tests."""
        return apart(partial(self._locked, self._assembly, text, optimise))

    def load(self, *objects: bytes) -> Library:
        """Map objects into this process, linked with each other and ready to call."""
        return apart(partial(self._locked, self._load, objects))

    def _locked(self, work: Callable[..., T], *args: Any) -> T:
        """Use LLVM. What `work` makes and does not give dies with its call, and so inside the lock."""
        with LOCK:
            return work(*args)

    def _compile(self, text: str, optimise: str) -> bytes:
        module, machine, _context = self._build(text, optimise)
        try:
            return bytes(machine.emit_object(module))
        except RuntimeError as error:
            raise _refused("generate code for", text, error) from None

    def _assembly(self, text: str, optimise: str) -> str:
        module, machine, _context = self._build(text, optimise)
        return str(machine.emit_assembly(module))

    def _load(self, objects: Sequence[bytes]) -> Library:
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly("", llvm.create_context()), self._machine())
        try:
            for data in objects:
                engine.add_object_file(llvm.ObjectFileRef.from_data(data))
            engine.finalize_object()
        except RuntimeError as error:
            sizes = ", ".join(str(len(data)) for data in objects)
            raise CompilationError(f"LLVM could not load objects of {sizes} bytes: {error}") from None
        return Library(engine)


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, how: str) -> None:
    """The O2 pipeline with the loop vectoriser, tuned for the machine; or the few passes for scalars."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.loop_interleaving = True
    # Kernels are loops over long rows: unrolling the vector loop doubles the code to generate and gains nothing.
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    if how == LOOPS:
        manager = builder.getModulePassManager()
    else:
        manager = llvm.create_new_module_pass_manager()
        manager.add_sroa_pass()
        manager.add_instruction_combine_pass()
        manager.add_simplify_cfg_pass()
    manager.run(module, builder)
    # The manager's own way to it is hidden by a base class's empty method, so that each module would leave 80 kB.
    NewPassManager._dispose(manager)
    manager.detach()
