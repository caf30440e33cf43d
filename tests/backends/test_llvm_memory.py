"""Blocks of memory come back when the last view of them is gone, and not before."""

from __future__ import annotations

from rnngraph.backends.llvm.memory import SMALLEST, Blocks, address

SIZE = SMALLEST


def test_a_block_is_lent_again_when_nobody_holds_it() -> None:
    blocks = Blocks()
    loan = blocks.block(SIZE)
    place = address(loan)
    view = loan[:16].reshape(4, 4)[1:, ::2].T
    del loan
    other = blocks.block(SIZE)
    assert address(other) != place  # the view still reads the first one
    del view
    assert address(blocks.block(SIZE)) == place
    assert address(blocks.block(SIZE)) == place
    assert blocks.total == 2 * SIZE


def test_sizes_have_blocks_of_their_own() -> None:
    blocks = Blocks()
    small = address(blocks.block(SIZE))
    large = blocks.block(2 * SIZE)
    assert large.nbytes == 2 * SIZE and address(blocks.block(SIZE)) == small


def test_too_many_blocks_are_forgotten() -> None:
    blocks = Blocks(most=3 * SIZE)
    held = [blocks.block(SIZE) for _ in range(4)]
    assert blocks.total == SIZE
    for number, loan in enumerate(held):
        loan[:] = number
    del loan
    held += [blocks.block(SIZE) for _ in range(3)]
    assert [int(a[0]) for a in held[:4]] == [0, 1, 2, 3] and len({address(a) for a in held}) == 7
