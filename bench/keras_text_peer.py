"""Characters per second of a text network under Keras: KERAS_BACKEND=jax python bench/keras_text_peer.py --cell lstm --hidden 512.

Runs in an environment of its own (keras with tensorflow or jax); needs nothing of Vitral. One-hot codes, one recurrent layer, a dense layer,
cross-entropy, Adam, float32, random codes: the arithmetic is the same. The memory starts blank in every window: Keras hands it on only where a
layer is stateful, which costs no arithmetic. Prints one number, measured after the first three windows, and the back
end that computed it.
"""

import argparse
import time

import keras
import numpy as np

NUM_SYMBOLS = 87


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", choices=["rnn", "gru", "lstm"], default="lstm")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    text = random.integers(0, NUM_SYMBOLS, (options.batch_size, options.length + 1))
    x, y = np.eye(NUM_SYMBOLS, dtype=np.float32)[text[:, :-1]], text[:, 1:]
    cell = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[options.cell]
    layers = [keras.Input((options.length, NUM_SYMBOLS)), cell(options.hidden, return_sequences=True), keras.layers.Dense(NUM_SYMBOLS)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.002), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(3):
        model.train_on_batch(x, y)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds:
        model.train_on_batch(x, y)
        count += y.size
    print(f"{count / (time.perf_counter() - start):.1f} Keras {keras.__version__}, {keras.backend.backend()}")


if __name__ == "__main__":
    main()
