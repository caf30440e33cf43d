"""contrib.legacy_seq2seq: decoders with attention, and models cut into buckets (legacy_seq2seq.md, 5 and 8).

Source: tensorflow/contrib/legacy_seq2seq/python/ops/seq2seq.py (r1.4).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.expect import shown
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, name_scope, variable_scope
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.attention import attend, project_rows
from rnngraph.frontend.rnn.cell import check_cell
from rnngraph.frontend.rnn.contrib_wrappers import EmbeddingWrapper, OutputProjectionWrapper
from rnngraph.frontend.rnn.legacy_decoders import LoopFunction, Scope, fed_input
from rnngraph.frontend.rnn.legacy_embedding import Decoded, Projection, check_projection_shapes, decoded, feed_argmax
from rnngraph.frontend.rnn.linear import as_tensor, depth_of, linear
from rnngraph.frontend.rnn.losses import sequence_loss, sequence_loss_by_example
from rnngraph.frontend.rnn.static import static_rnn
from rnngraph.frontend.variables.variable import Variable


def _check_attention(decoder_inputs: Sequence[Any], num_heads: int, attention_states: Tensor) -> None:
    if not decoder_inputs:
        raise ValueError("Must provide at least 1 input to attention decoder, got none")
    if num_heads < 1:
        raise ValueError("With less than 1 heads, use a non-attention decoder (rnn_decoder); "
                         f"got num_heads={num_heads}")
    if attention_states.shape.ndims != 3 or attention_states.shape[2].value is None:
        raise ValueError("Shape[2] of attention_states must be known: expected [batch, attn_length, attn_size], got "
                         f"{attention_states.shape}")


class _Attention:
    """What `num_heads` heads read from `states [B, L, A]`; the variables `AttnW_a`, `AttnV_a` are made here."""

    def __init__(self, states: Tensor, num_heads: int) -> None:
        self.states = states
        self.size: int = states.shape[2].value or 0
        length = states.shape[1].value
        steps = array.shape(states)[1] if length is None else length
        self.heads = []
        for a in range(num_heads):
            kernel = get_variable(f"AttnW_{a}", [1, 1, self.size, self.size], dtype=states.dtype)
            features = project_rows(states, kernel, steps)
            self.heads.append((features, get_variable(f"AttnV_{a}", [self.size], dtype=states.dtype)))

    def zeros(self) -> list[Any]:
        """What is read before there is a query."""
        batch = array.shape(self.states)[0] if self.states.shape[0].value is None else self.states.shape[0].value
        reads = [array.zeros(array.stack([batch, self.size]), dtype=self.states.dtype) for _ in self.heads]
        for read in reads:
            read.set_shape([None, self.size])
        return reads

    def read(self, state: Nest) -> list[Any]:
        """One `[B, A]` for each head; the query is the flattened state."""
        leaves = [as_tensor(leaf) for leaf in nest.flatten(state)]
        for leaf in leaves:
            if leaf.shape.ndims not in (None, 2):
                raise ValueError(f"attention needs states of rank 2 [batch, size] as its query, got {leaf}")
        query = array.concat(leaves, 1) if nest.is_sequence(state) else leaves[0]
        reads = []
        for a, (features, v) in enumerate(self.heads):
            with variable_scope(f"Attention_{a}"):
                y = linear(query, self.size, True)
                reads.append(array.reshape(attend(self.states, features, y, v), [-1, self.size]))
        return reads


def attention_decoder(decoder_inputs: Sequence[Any], initial_state: Nest, attention_states: Any, cell: Any,
                      output_size: int | None = None, num_heads: int = 1, loop_function: LoopFunction = None,
                      dtype: Any = None, scope: Scope = None, initial_state_attention: bool = False) -> Decoded:
    """Decode with attention over `attention_states [B, L, A]`; (outputs `[B, output_size]`, final cell state).

    Each step mixes its input with the last reads, runs the cell, reads anew with the new state as query, and projects
    the cell's output and the reads. The first reads are zeros, or of `initial_state` with initial_state_attention.
    Raises ValueError (phrases: `Must provide at least 1 input`, `less than 1 heads`, `Shape[2] of attention_states
    must be known`, `Could not infer input size`). Source: tf.contrib.legacy_seq2seq.attention_decoder.
    """
    attention_states = convert.convert_to_tensor(attention_states)
    _check_attention(decoder_inputs, num_heads, attention_states)
    size = cell.output_size if output_size is None else output_size
    with variable_scope(scope or "attention_decoder", dtype=dtype):
        attention = _Attention(attention_states, num_heads)
        state, outputs, previous = initial_state, [], None
        reads = attention.read(initial_state) if initial_state_attention else attention.zeros()
        for i, given in enumerate(decoder_inputs):
            if i > 0:
                get_variable_scope().reuse_variables()
            x = as_tensor(fed_input(loop_function, previous, i, given))
            mixed = linear([x, *reads], depth_of(x), True)
            cell_output, state = cell(mixed, state)
            # The heads' maps exist already where the initial state was a query.
            reuse = True if i == 0 and initial_state_attention else None
            with variable_scope(get_variable_scope(), reuse=reuse):
                reads = attention.read(state)
            with variable_scope("AttnOutputProjection"):
                previous = linear([cell_output, *reads], size, True)
            outputs.append(previous)
    return outputs, state


def embedding_attention_decoder(decoder_inputs: Sequence[Any], initial_state: Nest, attention_states: Any, cell: Any,
                                num_symbols: int, embedding_size: int, num_heads: int = 1,
                                output_size: int | None = None, output_projection: Projection = None,
                                feed_previous: bool = False, update_embedding_for_previous: bool = True,
                                dtype: Any = None, scope: Scope = None,
                                initial_state_attention: bool = False) -> Decoded:
    """`attention_decoder` over embedded symbols; (outputs, final cell state).

    Variable `embedding [num_symbols, embedding_size]`; `output_projection` (W, b) serves only to feed the previous
    symbol. Raises ValueError for a bias of another shape. Source:
    tf.contrib.legacy_seq2seq.embedding_attention_decoder.
    """
    check_cell(cell)
    size = cell.output_size if output_size is None else output_size
    check_projection_shapes(output_projection, num_symbols, weights=False)
    with variable_scope(scope or "embedding_attention_decoder", dtype=dtype):
        embedding = get_variable("embedding", [num_symbols, embedding_size])
        fed = feed_argmax(embedding, output_projection, update_embedding_for_previous) if feed_previous else None
        embedded = [nn_ops.embedding_lookup(embedding, symbols) for symbols in decoder_inputs]
        return attention_decoder(embedded, initial_state, attention_states, cell, output_size=size, num_heads=num_heads,
                                 loop_function=fed, initial_state_attention=initial_state_attention)


def embedding_attention_seq2seq(encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
                                num_encoder_symbols: int, num_decoder_symbols: int, embedding_size: int,
                                num_heads: int = 1, output_projection: Projection = None, feed_previous: Any = False,
                                dtype: Any = None, scope: Scope = None,
                                initial_state_attention: bool = False) -> Decoded:
    """Embed and encode with a copy of `cell`, then decode with attention over the encoder's outputs.

    Without output_projection outputs are `[B, num_decoder_symbols]`. `feed_previous`: a bool, or a bool scalar tensor.
    Source: tf.contrib.legacy_seq2seq.embedding_attention_seq2seq.
    """
    with variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype) as entered:
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        encoder_outputs, encoder_state = static_rnn(encoder, encoder_inputs, dtype=entered.dtype)
        attention_states = array.concat([array.reshape(out, [-1, 1, cell.output_size]) for out in encoder_outputs], 1)
        output_size = None
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
            output_size = num_decoder_symbols
        at_run = isinstance(feed_previous, Tensor | Variable)

        def decoder(feed: bool) -> Decoded:
            return embedding_attention_decoder(
                decoder_inputs, encoder_state, attention_states, cell, num_decoder_symbols, embedding_size,
                num_heads=num_heads, output_size=output_size, output_projection=output_projection, feed_previous=feed,
                update_embedding_for_previous=not at_run, initial_state_attention=initial_state_attention)

        return decoded(feed_previous, decoder, encoder_state)


def model_with_buckets(encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], targets: Sequence[Any],
                       weights: Sequence[Any], buckets: Sequence[tuple[int, int]],
                       seq2seq: Callable[[Sequence[Any], Sequence[Any]], tuple[Any, Any]],
                       softmax_loss_function: Callable[..., Any] | None = None, per_example_loss: bool = False,
                       name: str | None = None) -> tuple[list[Any], list[Any]]:
    """`seq2seq` on the first steps of the inputs, for each bucket (input length, output length); (outputs, losses).

    Buckets are ascending and share variables. Losses are scalars, or `[B]` with per_example_loss. Raises ValueError
    (phrase: `must be at least that of`) where the last bucket is longer than a list.
    Source: tf.contrib.legacy_seq2seq.model_with_buckets.
    """
    if not isinstance(buckets, Sequence) or not all(isinstance(b, Sequence) and len(b) == 2 for b in buckets) or not buckets:
        raise TypeError(f"buckets must be a list of pairs (input length, output length), but it is {shown(buckets)}.")
    for what, given, size in (("encoder_inputs", encoder_inputs, buckets[-1][0]), ("targets", targets, buckets[-1][1]),
                              ("weights", weights, buckets[-1][1])):
        if len(given) < size:
            raise ValueError(f"Length of {what} ({len(given)}) must be at least that of last bucket ({size}).")
    outputs, losses = [], []
    loss = sequence_loss_by_example if per_example_loss else sequence_loss
    with name_scope(name, "model_with_buckets", [*encoder_inputs, *decoder_inputs, *targets, *weights]):
        for j, (n, m) in enumerate(buckets):
            with variable_scope(get_variable_scope(), reuse=True if j > 0 else None):
                result, _ = seq2seq(encoder_inputs[:n], decoder_inputs[:m])
                outputs.append(result)
                losses.append(loss(result, targets[:m], weights[:m], softmax_loss_function=softmax_loss_function))
    return outputs, losses
