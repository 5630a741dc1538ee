"""Images per second of the lecture's network under Keras: KERAS_BACKEND=jax python bench/keras_peer.py --seconds 10.

Runs in an environment of its own (keras with tensorflow or jax); needs nothing of Vitral. Batch 128, float32, AdamW, flips and shifts of up to
2 pixels drawn on the batch in NumPy, random images: the arithmetic is the same. Prints one number, measured after the first ten batches.
"""

import argparse
import time

import keras
import numpy as np


def lecture_network() -> keras.Model:
    layers = [keras.Input((32, 32, 3))]
    for filters in (16, 20, 20):
        layers += [keras.layers.Conv2D(filters, 5, padding="same", activation="relu"), keras.layers.MaxPooling2D(2)]
    return keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(10)])


def vary(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (32, 32), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    dy, dx = random.integers(0, 5, (2, len(images)))
    shifted = windows[np.arange(len(images)), dy, dx]
    flip = random.random(len(images)) < 0.5
    shifted[flip] = shifted[flip, :, ::-1]
    return shifted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    images = random.standard_normal((5000, 32, 32, 3), dtype=np.float32)
    labels = random.integers(0, 10, 5000)
    model = lecture_network()
    assert model.count_params() == 22_466
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def step() -> None:
        chosen = random.integers(0, len(images), options.batch_size)
        model.train_on_batch(vary(images[chosen], random), labels[chosen])

    for _ in range(10):
        step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds:
        step()
        count += options.batch_size
    print(f"{count / (time.perf_counter() - start):.1f}")


if __name__ == "__main__":
    main()
