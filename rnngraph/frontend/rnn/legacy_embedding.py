"""contrib.legacy_seq2seq: models over symbols, with embeddings and projections (legacy_seq2seq.md, 4).

Source: tensorflow/contrib/legacy_seq2seq/python/ops/seq2seq.py (r1.4).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, variable_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import RNNCell
from rnngraph.frontend.rnn.contrib_wrappers import EmbeddingWrapper, OutputProjectionWrapper
from rnngraph.frontend.rnn.legacy_decoders import LoopFunction, Scope, rnn_decoder, tied_rnn_seq2seq
from rnngraph.frontend.rnn.static import static_rnn
from rnngraph.frontend.variables.variable import Variable

Projection = tuple[Any, Any] | None
Decoded = tuple[list[Any], Any]


def feed_argmax(embedding: Any, output_projection: Projection, update_embedding: bool) -> Callable[[Any, int], Any]:
    """A loop function: the embedding of the most likely symbol of the previous output (projected if asked)."""
    def loop_function(previous: Any, _: int) -> Any:
        if output_projection is not None:
            previous = nn_ops.xw_plus_b(previous, output_projection[0], output_projection[1])
        embedded = nn_ops.embedding_lookup(embedding, math.argmax(previous, 1))
        return embedded if update_embedding else array.stop_gradient(embedded)
    return loop_function


def check_projection_shapes(output_projection: Projection, symbols: int, weights: bool = True) -> None:
    """Raise ValueError unless the projection (W, b) fits `[?, symbols]`, `[symbols]`."""
    if output_projection is None:
        return
    w, b = (convert.convert_to_tensor(x) for x in output_projection)
    if weights:
        w.shape.assert_is_compatible_with([None, symbols])
    b.shape.assert_is_compatible_with([symbols])


def chosen_at_run(feed_previous: Any, decoder: Callable[[bool], Decoded], like: Nest) -> Decoded:
    """The decoder that the bool tensor `feed_previous` picks; both share variables.

    `like` is what the final state is packed like if it is a nest.
    """
    counts: list[int] = []

    def branch(feed: bool) -> list[Any]:
        with variable_scope(get_variable_scope(), reuse=None if feed else True):
            outputs, state = decoder(feed)
            counts.append(len(outputs))
            return [*outputs, *nest.flatten(state)]

    results = control.cond(feed_previous, lambda: branch(True), lambda: branch(False), strict=True)
    outputs, leaves = list(results[:counts[0]]), list(results[counts[0]:])
    return outputs, nest.pack_sequence_as(like, leaves) if nest.is_sequence(like) else leaves[0]


def decoded(feed_previous: Any, decoder: Callable[[bool], Decoded], like: Nest) -> Decoded:
    """`decoder(feed_previous)`, or both and a choice if `feed_previous` is a tensor."""
    if isinstance(feed_previous, Tensor | Variable):
        return chosen_at_run(feed_previous, decoder, like)
    return decoder(bool(feed_previous))


def embedding_rnn_decoder(decoder_inputs: Sequence[Any], initial_state: Nest, cell: Any, num_symbols: int,
                          embedding_size: int, output_projection: Projection = None, feed_previous: bool = False,
                          update_embedding_for_previous: bool = True, scope: Scope = None) -> Decoded:
    """`rnn_decoder` over embedded symbols; (outputs `[B, output_size]`, final state).

    decoder_inputs: list of int `[B]`. With feed_previous only the first is used, then the most likely symbol of the
    last output, projected by `output_projection` (W, b) if given. Variable `embedding [num_symbols, embedding_size]`.
    Raises ValueError for a projection of other shapes. Source: tf.contrib.legacy_seq2seq.embedding_rnn_decoder.
    """
    with variable_scope(scope or "embedding_rnn_decoder"):
        check_projection_shapes(output_projection, num_symbols)
        embedding = get_variable("embedding", [num_symbols, embedding_size])
        fed = feed_argmax(embedding, output_projection, update_embedding_for_previous) if feed_previous else None
        embedded = [nn_ops.embedding_lookup(embedding, symbols) for symbols in decoder_inputs]
        return rnn_decoder(embedded, initial_state, cell, fed)


def embedding_rnn_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
                          num_encoder_symbols: int, num_decoder_symbols: int, embedding_size: int,
                          output_projection: Projection = None, feed_previous: Any = False, dtype: Any = None,
                          scope: Scope = None) -> Decoded:
    """Embed and encode with a copy of `cell`, then `embedding_rnn_decoder`; (outputs, final state).

    Lists of int `[B]`. Without output_projection outputs are `[B, num_decoder_symbols]`. `feed_previous`: a bool, or a
    bool scalar tensor that decides when run. Source: tf.contrib.legacy_seq2seq.embedding_rnn_seq2seq.
    """
    with variable_scope(scope or "embedding_rnn_seq2seq") as entered:
        if dtype is not None:
            entered.set_dtype(dtype)
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        _, encoder_state = static_rnn(encoder, encoder_inputs, dtype=entered.dtype)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
        at_run = isinstance(feed_previous, Tensor | Variable)

        def decoder(feed: bool) -> Decoded:
            return embedding_rnn_decoder(
                decoder_inputs, encoder_state, cell, num_decoder_symbols, embedding_size,
                output_projection=output_projection, feed_previous=feed, update_embedding_for_previous=not at_run)

        return decoded(feed_previous, decoder, encoder_state)


def embedding_tied_rnn_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
                               num_symbols: int, embedding_size: int, num_decoder_symbols: int | None = None,
                               output_projection: Projection = None, feed_previous: Any = False, dtype: Any = None,
                               scope: Scope = None) -> Decoded:
    """`tied_rnn_seq2seq` over symbols with one embedding for both sides; (outputs, final state).

    Lists of int `[B]`. Without output_projection outputs are `[B, num_decoder_symbols or num_symbols]`.
    `feed_previous`: a bool, or a bool scalar tensor. Source: tf.contrib.legacy_seq2seq.embedding_tied_rnn_seq2seq.
    """
    check_projection_shapes(output_projection, num_symbols)
    with variable_scope(scope or "embedding_tied_rnn_seq2seq", dtype=dtype) as entered:
        embedding = get_variable("embedding", [num_symbols, embedding_size], dtype=entered.dtype)
        encoded = [nn_ops.embedding_lookup(embedding, symbols) for symbols in encoder_inputs]
        to_decode = [nn_ops.embedding_lookup(embedding, symbols) for symbols in decoder_inputs]
        outputs = num_symbols if num_decoder_symbols is None else num_decoder_symbols
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, outputs)
        at_run = isinstance(feed_previous, Tensor | Variable)

        def decoder(feed: bool) -> Decoded:
            loop_function: LoopFunction = feed_argmax(embedding, output_projection, not at_run) if feed else None
            return tied_rnn_seq2seq(encoded, to_decode, cell, loop_function=loop_function, dtype=entered.dtype)

        return decoded(feed_previous, decoder, cell.state_size)


def one2many_rnn_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs_dict: Mapping[str, Sequence[Any]],
                         enc_cell: Any, dec_cells_dict: Mapping[str, Any], num_encoder_symbols: int,
                         num_decoder_symbols_dict: Mapping[str, int], embedding_size: int, feed_previous: Any = False,
                         dtype: Any = None, scope: Scope = None) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """One encoder, several decoders; (dict of outputs, dict of final states), keyed as `decoder_inputs_dict`.

    Decoder `name` has the scope `one2many_decoder_<name>`. Raises TypeError unless the cells are RNNCells, ValueError
    (phrase: `keys of dec_cells_dict`) where the keys differ. Source: tf.contrib.legacy_seq2seq.one2many_rnn_seq2seq.
    """
    _check_cells(enc_cell, dec_cells_dict, decoder_inputs_dict)
    outputs, states = {}, {}
    with variable_scope(scope or "one2many_rnn_seq2seq", dtype=dtype) as entered:
        encoder = EmbeddingWrapper(enc_cell, num_encoder_symbols, embedding_size)
        _, encoder_state = static_rnn(encoder, encoder_inputs, dtype=entered.dtype)
        for name, decoder_inputs in decoder_inputs_dict.items():
            symbols = num_decoder_symbols_dict[name]
            with variable_scope(f"one2many_decoder_{name}"):
                cell = OutputProjectionWrapper(dec_cells_dict[name], symbols)

                def decoder(feed: bool, inputs: Sequence[Any] = decoder_inputs, cell: Any = cell,
                            symbols: int = symbols) -> Decoded:
                    return embedding_rnn_decoder(inputs, encoder_state, cell, symbols, embedding_size,
                                                 feed_previous=feed)

                outputs[name], states[name] = decoded(feed_previous, decoder, encoder_state)
    return outputs, states


def _check_cells(enc_cell: Any, dec_cells_dict: Mapping[str, Any], decoder_inputs_dict: Mapping[str, Any]) -> None:
    if not isinstance(enc_cell, RNNCell):
        raise TypeError(f"enc_cell is not an RNNCell: got {type(enc_cell).__name__}: {enc_cell!r}")
    if set(dec_cells_dict) != set(decoder_inputs_dict):
        raise ValueError("keys of dec_cells_dict must be the same as those of decoder_inputs_dict: got "
                         f"{sorted(dec_cells_dict)} and {sorted(decoder_inputs_dict)}")
    for name, cell in dec_cells_dict.items():
        if not isinstance(cell, RNNCell):
            raise TypeError(f"dec_cells_dict[{name!r}] is not an RNNCell: got {type(cell).__name__}: {cell!r}")
