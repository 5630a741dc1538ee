"""The lecture's numbers (LECTURE rows L1 to L11 and L20 to L28), by hand, from the presets that show them."""

import numpy as np
import pytest

from vitral.explain import fade, presets


def trace(operation, name):
    return presets.load(operation, name).trace()


def test_l1_convolution_pooling_and_a_fully_connected_layer_follow_one_another():
    found = trace("convolution", "L1").output
    pooled = trace("pooling", "L1")
    judged = trace("dense", "L1")
    shares = trace("softmax", "L1")
    assert np.array_equal(pooled.image, found)
    assert np.array_equal(judged.x, pooled.output.reshape(-1))
    assert np.array_equal(shares.scores, judged.output)
    assert (found.shape, pooled.shape, judged.shape) == ((1, 8, 8), (1, 4, 4), (2,))
    assert shares.output.sum() == pytest.approx(1)


def test_l2_a_pixel_is_an_edge_where_it_differs_from_the_8_around_it():
    made = trace("convolution", "L2")
    for _, i, j in np.ndindex(made.shape):
        around = made.image[0, i : i + 3, j : j + 3]
        assert made.output[0, i, j] == sum(around[1, 1] - neighbour for neighbour in around.reshape(-1))


def test_l3_shared_weights():
    made = trace("convolution", "L3")
    assert made.image.size == 100
    assert made.shape == (1, 8, 8)
    assert made.sharing.shared == 9 + 1
    assert made.sharing.unshared == 64 * 9
    assert made.sharing.dense == 64 * 100


def test_l4_relu_says_which_pixel_is_an_edge():
    before, after = trace("convolution", "L2").output, trace("convolution", "L4").output
    assert np.array_equal(after, np.where(before > 0, before, 0))
    assert (before < 0).any()


def test_l5_the_sum_of_nine_products():
    window = trace("convolution", "L5").window(0, 0, 0)
    assert window.cells[0].tolist() == [[1, 3, 2], [6, 6, 4], [5, 7, 6]]
    assert window.products[0].tolist() == [[-1, -3, -2], [-6, 48, -4], [-5, -7, -6]]
    assert window.value == 14


def test_l6_without_padding_the_layer_shrinks():
    assert trace("convolution", "L6").shape == (1, 8, 8)
    assert trace("convolution", "L6-stride").shape == (1, 4, 4)


def test_l7_zero_padding_1_keeps_6x6():
    made = trace("convolution", "L7")
    assert made.image.shape == (1, 6, 6)
    assert made.shape == (1, 6, 6)
    assert made.window(0, 0, 0).padded.sum() == 5
    assert made.window(0, 2, 2).padded.sum() == 0
    assert made.output[0, 0, 0] == 8 - 2


def test_l8_depth_never_shrinks():
    assert trace("pooling", "L8").image.shape == (3, 4, 4)
    assert trace("pooling", "L8").shape == (3, 2, 2)


def test_l9_640x480_under_32_filters_pooled_to_a_quarter():
    made = trace("convolution", "L9")
    assert made.image.shape == (1, 480, 640)
    assert made.shape == (32, 480, 640)
    assert made.window(31, 479, 639).value is not None
    assert "output" not in vars(made), "a window never computes the whole layer"
    pooled = trace("pooling", "L9")
    assert pooled.shape == (32, 240, 320)
    assert pooled.area_kept == 0.25


def test_l10_the_largest_of_four():
    made = trace("pooling", "L10")
    assert made.output[0].tolist() == [[6, 4], [7, 8]]
    assert made.window(0, 1, 0).winner == (2, 1)


def test_l11_the_mean_of_the_same_four_and_a_window_that_is_too_large():
    assert trace("pooling", "L11").output[0].tolist() == [[4, 1.75], [3.25, 4.75]]
    assert trace("pooling", "L11-large").area_kept == 1 / 16


def test_l20_the_state_keeps_what_was_seen():
    made = trace("rnn", "L20")
    states = [np.tanh(1.0)]
    for _ in range(3):
        states.append(np.tanh(states[-1] / 2))
    assert made.output[:, 0] == pytest.approx(states)


def test_l21_a_recurrent_neuron_without_memory_is_the_traditional_one():
    neuron, recurrent = trace("dense", "L21"), trace("rnn", "L21")
    assert recurrent.output[0] == pytest.approx(neuron.output)
    assert neuron.output[0] == pytest.approx(np.tanh(0.5 * 1 - 1 * 0.5 + 0.25 * -1 + 0.1))
    assert recurrent.output[1, 0] == pytest.approx(np.tanh(-1 + 0.1 + 0.8 * recurrent.output[0, 0]))


def test_l22_an_lstm_reaches_further_back():
    plain, gated = fade(trace("rnn", "L22")), fade(trace("lstm", "L22"))
    assert plain.survival[0] < 0.01
    assert gated.cell_survival[0] > 0.9


def test_l23_three_valves_and_a_candidate():
    tick = trace("lstm", "L23").at(0)
    assert [gate.symbol for gate in tick.gates] == ["i", "f", "g", "o"]
    assert [gate.function for gate in tick.gates] == ["sigmoid", "sigmoid", "tanh", "sigmoid"]
    forget = 1 / (1 + np.exp(-(0.5 * 1 - 0.5 * -0.5 + 0.6 * 0.4 + 0.0 * -0.3 + 1.0)))
    assert tick["f"].value[0] == pytest.approx(forget)


def test_l24_learn():
    learned, ignored = trace("lstm", "L24").ticks
    assert learned["i"].value > 0.95
    assert ignored["i"].value < 0.05
    assert learned.learned == pytest.approx(learned["i"].value * np.tanh(1.0))


def test_l25_forget():
    before, after = trace("lstm", "L25").ticks
    assert before["f"].value > 0.95
    assert after["f"].value < 0.05
    assert after.kept == pytest.approx(after["f"].value * before.cell)


def test_l26_remember():
    tick = trace("lstm", "L26").at(1)
    assert tick.cell == pytest.approx(tick["f"].value * tick.cell_before + tick["i"].value * tick["g"].value)


def test_l27_use():
    silent, used = trace("lstm", "L27").ticks
    assert silent["o"].value < 0.05
    assert used["o"].value > 0.95
    assert used.hidden == pytest.approx(used["o"].value * np.tanh(used.cell))


def test_l28_both_memories_feed_the_next_step():
    for operation in ("lstm", "gru"):
        made = trace(operation, "L28")
        for before, after in zip(made.ticks[:-1], made.ticks[1:], strict=True):
            assert after.hidden_before is before.hidden
            assert after.cell_before is before.cell
