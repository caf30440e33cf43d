"""The LLVM engine: plans to machine code. The only room that knows llvmlite."""
