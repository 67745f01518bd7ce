"""The plain writing of the lecture's GANs is the same networks, and does the same work."""

from collections import Counter

import pytest
import torch
from torch import nn

import benchmarks
from benchmarks import gans
from lecturekit import recipes


def shapes(module):
    return Counter(tuple(p.shape) for p in module.parameters())


def test_every_generator_of_the_catalogue_has_a_plain_counterpart():
    assert list(gans.NAMES) == [name for name in recipes.names() if recipes.entry(name).lecture == "cgan"]


@pytest.mark.parametrize("size", ["tiny", "paper"])
@pytest.mark.parametrize("name", gans.NAMES)
def test_both_have_the_same_parameters_and_norms(name, size):
    with torch.device("meta"):
        ours, plain = gans.pair(name, size)
    assert shapes(ours) == shapes(plain.nets)
    for kind in (nn.BatchNorm2d, nn.InstanceNorm2d, nn.Dropout, nn.ReflectionPad2d):
        if not (name == "conditional_gan" and kind is nn.Dropout):
            counts = [sum(isinstance(m, kind) for m in net.modules()) for net in (ours, plain.nets)]
            assert counts[0] == counts[1], kind


@pytest.mark.parametrize("name", ["super_resolution", "srgan", "cyclegan", "conditional_gan"])
def test_with_the_same_weights_both_make_the_same_pictures(name):
    ours, plain = gans.pair(name, "tiny")
    which = ours.generators["night"] if name == "cyclegan" else ours.generator
    other = plain.nets[1 if name == "cyclegan" else 0]
    given, wanted = other.state_dict(), which.state_dict()
    pairs = list(zip(given, wanted.values(), strict=True))
    assert all(given[key].shape == value.shape for key, value in pairs)
    other.load_state_dict(dict(pairs))
    ours, theirs = (next(iter(arms.values())) for arms in arms_of(name, ours, plain))
    torch.manual_seed(0)
    first = ours()
    torch.manual_seed(0)
    with torch.no_grad():
        second = theirs()
    if name != "conditional_gan":  # whose noise differs
        assert torch.allclose(first, second, atol=1e-5)
    assert first.shape == second.shape


def arms_of(name, ours, plain):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gans, "pair", lambda name, size: (ours, plain))
        return gans.inference(name, "tiny")


@pytest.mark.parametrize("name", gans.NAMES)
def test_a_step_moves_every_network(name, monkeypatch):
    made = gans.pair(name, "tiny")
    monkeypatch.setattr(gans, "pair", lambda name, size: made)
    monkeypatch.setitem(gans.BATCHES[name], "tiny", (2, gans.BATCHES[name]["tiny"][1]))
    before = [[p.clone() for p in net.parameters()] for net in (made[0], made[1].nets)]
    arms = {**gans.training(name, "tiny")[0], **gans.training(name, "tiny")[1]}
    assert list(arms) == [name, gans.PLAIN]
    with torch.no_grad():  # as the benchmark's runner has it
        for call in arms.values():
            call()
    for net, then in zip((made[0], made[1].nets), before, strict=True):
        moved = [not torch.equal(p, old) for p, old in zip(net.parameters(), then, strict=True)]
        assert sum(moved) > 0.7 * len(moved)


def test_a_case_is_measured_against_plain_pytorch():
    case = next(iter(gans.cases("conditional_gan", "tiny")))
    (row,) = benchmarks.measure(case, repeats=1)
    assert (row["ours"], row["other"], row["what"]) == ("conditional_gan", "plain PyTorch", "inference")
    assert row["note"] == "64 of 8 x 8 pixels"
