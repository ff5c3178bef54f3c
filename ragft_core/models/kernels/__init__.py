"""IRBuilder compiled for the processor at hand: LLVM IR, matrix products, attention, 4-bit weights."""
