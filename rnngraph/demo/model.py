"""The demo's language model, written with TensorFlow r1.4's graph API: training, evaluation and sampling in one graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import rnngraph as tf

LAYERS, EMBEDDING, CLIP, TEMPERATURE = 2, 64, 5.0, 0.7


@dataclass(frozen=True)
class Request:
    """Something to run: what it is for, what is fetched, and feeds of the sizes that it will run with."""

    purpose: str
    fetches: Any
    feeds: dict[Any, Any]


class LanguageModel:
    """Characters embedded, two LSTM layers unrolled by dynamic_rnn, a softmax over the next character.

    inputs, targets: int32 placeholders `[batch, time]`; start, state: the layers' states before and after; loss: mean
    cross entropy in nats; train: one Adam step at rate `rate`; sampled: int32 `[length]`, characters drawn one by one in
    a while_loop after `first` `[1]`, from the states `before`.
    """

    def __init__(self, characters: int, units: int, seed: int) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(seed)
            self._variables(characters, units)
            self._training()
            self._sampling()
            self.initializer = tf.global_variables_initializer()
            self.saver = tf.train.Saver()
            self.weights = sum(int(v.shape.num_elements()) for v in tf.trainable_variables())

    def _variables(self, characters: int, units: int) -> None:
        # Inputs as large as states are: with the default, tiny embeddings, learning starts minutes later.
        self.embedding = tf.get_variable("embedding", [characters, EMBEDDING],
                                         initializer=tf.random_uniform_initializer(-1.0, 1.0))
        self.cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(units) for _ in range(LAYERS)])
        self.logits = tf.layers.Dense(characters, name="logits")
        self.units = units

    def _training(self) -> None:
        self.inputs = tf.placeholder(tf.int32, [None, None], name="inputs")
        self.targets = tf.placeholder(tf.int32, [None, None], name="targets")
        self.rate = tf.placeholder(tf.float32, [], name="rate")
        self.start = self.cell.zero_state(tf.shape(self.inputs)[0], tf.float32)
        embedded = tf.nn.embedding_lookup(self.embedding, self.inputs)
        outputs, self.state = tf.nn.dynamic_rnn(self.cell, embedded, initial_state=self.start)
        self.loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=self.targets, logits=self.logits(outputs)))
        variables = tf.trainable_variables()
        clipped, _ = tf.clip_by_global_norm(tf.gradients(self.loss, variables), CLIP)
        self.step = tf.train.get_or_create_global_step()
        self.train = tf.train.AdamOptimizer(self.rate).apply_gradients(zip(clipped, variables, strict=True),
                                                                       global_step=self.step)

    def _sampling(self) -> None:
        self.first = tf.placeholder(tf.int32, [1], name="first")
        self.length = tf.placeholder(tf.int32, [], name="length")
        self.before = self.cell.zero_state(1, tf.float32)

        def draw(i: Any, character: Any, state: Any, drawn: Any) -> tuple[Any, ...]:
            output, state = self.cell(tf.nn.embedding_lookup(self.embedding, character), state)
            character = tf.to_int32(tf.multinomial(self.logits(output) / TEMPERATURE, 1))[:, 0]
            return i + 1, character, state, drawn.write(i, character)

        drawn = tf.while_loop(lambda i, *_: i < self.length, draw,
                              [0, self.first, self.before, tf.TensorArray(tf.int32, self.length)],
                              name="sampling")[-1]
        self.sampled = tf.reshape(drawn.stack(), [-1])

    # --- what is run -------------------------------------------------------------------------------------------------

    def training(self, text: Any, state: Any, rate: float) -> Request:
        """A training step on text `[batch, time + 1]`: (loss, state, nothing) from `state` on."""
        return Request("training", [self.loss, self.state, self.train],
                       {self.inputs: text[:, :-1], self.targets: text[:, 1:], self.rate: rate, self.start: state})

    def evaluation(self, text: Any, state: Any) -> Request:
        """The loss of text `[batch, time + 1]`: (loss, state)."""
        return Request("evaluation", [self.loss, self.state],
                       {self.inputs: text[:, :-1], self.targets: text[:, 1:], self.start: state})

    def sample(self, first: int, state: Any, length: int) -> Request:
        """`length` characters drawn after the character `first`, read in `state`."""
        return Request("sampling", self.sampled, {self.first: [first], self.length: length, self.before: state})

    def zeros(self, batch: int) -> Any:
        """States before any character, as arrays."""
        zero = np.zeros((batch, self.units), np.float32)
        return tuple(tf.nn.rnn_cell.LSTMStateTuple(zero, zero) for _ in range(LAYERS))

    def drawn(self, session: Any, prompt: Sequence[int], length: int) -> Any:
        """`length` characters after a prompt of at least two."""
        request = self.evaluation(np.array([prompt], np.int32), self.zeros(1))
        _, state = session.run(request.fetches, request.feeds)
        request = self.sample(prompt[-1], state, length)
        return session.run(request.fetches, request.feeds)

    def loss_of(self, session: Any, numbers: Any, piece: int) -> float:
        """Mean cross entropy in nats of a text's characters from the third on, read in pieces."""
        state, total, start = self.zeros(1), 0.0, 1
        while start < len(numbers) - 1:
            text = numbers[None, start:start + piece + 1]
            request = self.evaluation(text, state)
            loss, state = session.run(request.fetches, request.feeds)
            total += float(loss) * (text.shape[1] - 1)
            start += piece
        return total / (len(numbers) - 2)
