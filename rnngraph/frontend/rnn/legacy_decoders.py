"""contrib.legacy_seq2seq: the plain decoders and encoder-decoder models (legacy_seq2seq.md, 1 to 3).

Everything is unrolled: inputs are Python lists with one entry for each time step.
Source: tensorflow/contrib/legacy_seq2seq/python/ops/seq2seq.py (r1.4).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, get_variable_scope, variable_scope
from rnngraph.frontend.rnn.static import static_rnn
from rnngraph.ir.types import float32

Scope = str | VariableScope | None
LoopFunction = Callable[[Any, int], Any] | None


def fed_input(loop_function: LoopFunction, previous: Any, i: int, given: Any) -> Any:
    """The input of step i: made by `loop_function` of the previous output, if there are both, else the one given."""
    if loop_function is None or previous is None:
        return given
    with variable_scope("loop_function", reuse=True):
        return loop_function(previous, i)


def _decode(decoder_inputs: Iterable[Any], initial_state: Nest, cell: Any, loop_function: LoopFunction,
            scope: Scope) -> tuple[list[Any], list[Nest]]:
    """Outputs and states of all steps."""
    with variable_scope(scope or "rnn_decoder"):
        state, states, outputs, previous = initial_state, [], [], None
        for i, given in enumerate(decoder_inputs):
            x = fed_input(loop_function, previous, i, given)
            if i > 0:
                get_variable_scope().reuse_variables()
            output, state = cell(x, state)
            outputs.append(output)
            states.append(state)
            previous = output
    return outputs, states


def rnn_decoder(decoder_inputs: Iterable[Any], initial_state: Nest, cell: Any, loop_function: LoopFunction = None,
                scope: Scope = None, *, return_all_states: bool = False) -> tuple[list[Any], Any]:
    """Run `cell` over `decoder_inputs`; (outputs `[B, output_size]` of each step, final state).

    With `loop_function(prev, i)` the input of step i >= 1 is made of the output before it, without making variables.
    `return_all_states` gives the list of the states of all steps in place of the final one.
    Source: tf.contrib.legacy_seq2seq.rnn_decoder.
    """
    outputs, states = _decode(decoder_inputs, initial_state, cell, loop_function, scope)
    if return_all_states:
        return outputs, states
    return outputs, states[-1] if states else initial_state


def basic_rnn_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs: Iterable[Any], cell: Any, dtype: Any = float32,
                      scope: Scope = None, *, return_all_states: bool = False) -> tuple[list[Any], Any]:
    """Encode with a copy of `cell`, decode with `cell`; (decoder outputs, final decoder state).

    encoder_inputs: non-empty list of `[B, input_size]` (ValueError, phrase: `inputs must not be empty`). Variables
    `basic_rnn_seq2seq/rnn/...` and `basic_rnn_seq2seq/rnn_decoder/...`. Source:
    tf.contrib.legacy_seq2seq.basic_rnn_seq2seq.
    """
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = static_rnn(copy.deepcopy(cell), encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell, return_all_states=return_all_states)


def tied_rnn_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs: Iterable[Any], cell: Any,
                     loop_function: LoopFunction = None, dtype: Any = float32, scope: Scope = None, *,
                     return_all_states: bool = False) -> tuple[list[Any], Any]:
    """Encode and decode with the same `cell` and the same variables; (decoder outputs, final decoder state).

    encoder_inputs: non-empty list of `[B, input_size]`; decoder_inputs: list of the same, may be empty (then the
    state is the encoder's). dtype: of the encoder's zero state. Variables
    `combined_tied_rnn_seq2seq/tied_rnn_seq2seq/<cell>/...`; `scope` replaces the second part. `return_all_states`
    gives the list of the states of all decoder steps, as r1.4's page promises and its code does not. Raises
    ValueError (phrases: `inputs must not be empty`, `already exists`). Source:
    tf.contrib.legacy_seq2seq.tied_rnn_seq2seq.
    """
    with variable_scope("combined_tied_rnn_seq2seq"):
        shared = scope or "tied_rnn_seq2seq"
        _, state = static_rnn(cell, encoder_inputs, dtype=dtype, scope=shared)
        get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function, shared, return_all_states=return_all_states)
