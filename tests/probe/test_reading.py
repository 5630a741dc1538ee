"""A text read in chunks is the text read at once, and what is switched off is off; the network itself stays as it is."""

import numpy as np
import pytest
import torch
from readers import SYMBOLS, own, person
from torch import nn

from vitral.errors import DataError, SpecError
from vitral.probe.cell import Held
from vitral.probe.layers import explain_layer
from vitral.probe.reading import Reader, read, side_by_side
from vitral.probe.recurrent import unfold

CODES = np.random.default_rng(1).integers(SYMBOLS, size=(3, 70))
NETWORKS = {
    "rnn": lambda: person(nn.RNN),
    "relu": lambda: person(nn.RNN, nonlinearity="relu"),
    "lstm": person,
    "gru": lambda: person(nn.GRU),
    "own": lambda: own("lstm", "gru", "rnn"),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


@pytest.mark.parametrize("chunk", [1, 7, 70, 1000])
def test_chunks_with_the_memory_carried_are_one_long_look(network, chunk):
    with torch.no_grad():
        wanted = network(torch.from_numpy(CODES)).numpy()
    whole = unfold(network, CODES)
    passages = list(read(network, CODES, chunk=chunk))
    assert [passage.start for passage in passages] == list(range(0, 70, chunk))
    np.testing.assert_allclose(np.concatenate([passage.output for passage in passages], axis=1), wanted, atol=2e-5)
    for name, layer in whole.layers.items():
        for part in layer.parts:
            np.testing.assert_allclose(np.concatenate([p.layers[name][part] for p in passages], axis=1), layer[part], atol=2e-5)


def test_our_own_cells_are_unfolded_as_torchs_are():
    net = own("lstm", "gru", "rnn")
    found = unfold(net, CODES)
    assert list(found.layers) == ["lstm1", "gru1", "rnn1"]
    assert found.deviation <= 1e-6
    assert abs(explain_layer(net, "lstm1", torch.from_numpy(CODES), (6, 3), example=2).deviation) <= 1e-6
    assert abs(explain_layer(net, "gru1", torch.from_numpy(CODES), (69, 7)).deviation) <= 1e-6


def test_a_network_that_carries_its_memory_keeps_it():
    net = own("lstm")
    net.carry()
    net(torch.from_numpy(CODES[:, :9]))
    before = {name: value.clone() for name, value in net.memories().items()}
    blank = unfold(net, CODES[:, :4]).layers["lstm1"].h
    list(read(net, CODES[:, :8], chunk=3))
    assert all(torch.equal(value, before[name]) for name, value in net.memories().items())
    net.forget()
    with torch.no_grad():
        np.testing.assert_allclose(net.get_submodule("lstm1")(torch.from_numpy(CODES[:, :4])).numpy(), blank, atol=1e-6)


def test_the_modules_run_their_own_forward_again_even_after_an_error(network):
    own_forward = {name: module.forward for name, module in network.named_modules()}
    reader = Reader(network)
    reader.feed(CODES[:, :3])
    with pytest.raises((IndexError, RuntimeError)):
        reader.feed(np.full((3, 2), SYMBOLS + 5))
    assert all(module.forward == own_forward[name] for name, module in network.named_modules())
    assert not any("forward" in vars(module) for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())


def test_forgetting_begins_again():
    reader = Reader(person())
    first = reader.feed(CODES[:, :5])
    assert reader.feed(CODES[:, :5]).start == 5
    reader.forget()
    again = reader.feed(CODES[:, :5])
    assert again.start == 0
    np.testing.assert_array_equal(again.output, first.output)


def test_a_held_unit_is_held_in_its_rows_alone():
    passage = Reader(person(), held=[Held("cell.l1", "c", 3, 0.0, slice(1, 2))]).feed(CODES)
    c = passage.layers["cell.l1"].c
    assert (c[1, :, 3] == 0).all()
    assert (c[[0, 2], :, 3] != 0).all()


def test_bidirectional_networks_are_read_at_once_or_not_at_all():
    both = person(bidirectional=True)
    with torch.no_grad():
        wanted = both(torch.from_numpy(CODES)).numpy()
    np.testing.assert_allclose(next(read(both, CODES)).output, wanted, atol=1e-5)
    with pytest.raises(SpecError, match="reads a text from its end too: expected at most 20 steps, got 70; give a shorter text"):
        read(both, CODES, chunk=20)
    reader = Reader(both)
    reader.feed(CODES)
    with pytest.raises(SpecError, match="expected the whole text at once, got a second chunk"):
        reader.feed(CODES)


@pytest.mark.parametrize(("length", "streams", "lead"), [(1000, 4, 100), (1003, 4, 100), (64, 4, 30), (5, 4, 1)])
def test_pieces_cover_the_text_behind_the_lead_in_order(length, streams, lead):
    codes = np.arange(length)
    pieces, skipped = side_by_side(codes, streams=streams, lead=lead)
    counted = pieces[:, skipped:].reshape(-1)
    np.testing.assert_array_equal(counted, np.arange(skipped, skipped + len(counted)))
    assert len(counted) + skipped > length - streams
    with pytest.raises(DataError, match="the text is empty"):
        side_by_side(codes[:0])


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (Held("cell.l2", "h", 0, 0.0), 'the network has no recurrent layer "cell.l2"; expected one of cell.l0, cell.l1'),
        (Held("cell.l1", "z", 0, 0.0), 'cell.l1 has no part "z" to hold; expected one of i, f, g, o, c, h'),
        (Held("cell.l1", "h", 8, 0.0), "cell.l1 has no unit 8; use 0 to 7"),
    ],
)
def test_what_is_not_there_cannot_be_held(held, message):
    with pytest.raises(SpecError, match=message):
        Reader(person(), held=[held])
