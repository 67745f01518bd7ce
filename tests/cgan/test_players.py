"""What all systems of the lecture promise the training loop and the user: the same tests run over each."""

import copy
import math

import pytest
import torch
from cgan_toys import SYSTEMS, Pairs, make

from lecturekit.training import Interrupted, losses, players, train
from lecturekit.training.game import Turn, gradients

TURNS = [
    (system, player)
    for system, turns in {
        "conditional_gan": ("discriminator", "generator"),
        "super_resolution": ("model",),
        "srgan": ("discriminator", "generator"),
        "pix2pix": ("discriminator", "generator"),
        "cyclegan": ("generators", "discriminators"),
    }.items()
    for player in turns
]
GANS = [turn for turn in TURNS if turn[1] != "model"]


def tensors(module):
    return {name: v.clone() for name, v in module.state_dict().items() if torch.is_tensor(v)}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("system", SYSTEMS)
def test_players_are_in_order_and_share_nothing(system):
    model = make(system)
    game = players(model)
    assert list(game) == [player for name, player in TURNS if name == system]
    everybody = [id(p) for parameters in game.values() for p in parameters]
    assert len(everybody) == len(set(everybody)) == len(list(model.parameters()))


@pytest.mark.parametrize(("system", "player"), TURNS)
def test_losses_are_finite_and_reach_every_parameter_of_the_player(system, player):
    model = make(system).train()
    found = losses(model, Pairs(system).batch(), player)
    assert all(name.startswith("loss_") and math.isfinite(value.detach()) for name, value in found.items())
    sum(found.values()).backward()
    mine = {id(p) for p in players(model)[player]}
    still = [n for n, p in model.named_parameters() if id(p) in mine and (p.grad is None or not p.grad.any())]
    assert [n for n in still if not cancelled(system, n)] == []


def cancelled(system, name):
    """Biases right before an instance norm do nothing, in the authors' networks too."""
    return system == "cyclegan" and name.endswith("bias")


@pytest.mark.parametrize(("system", "player"), GANS)
def test_a_turn_leaves_the_other_player_as_it_was(system, player):
    """Neither gradients nor weights nor running statistics of the other change; the player's own do."""
    model = make(system).train()
    game = players(model)
    (other,) = set(model.players()) - {player}
    parts, before = model.players(), {name: tensors(part) for name, part in model.players().items()}
    optimiser = torch.optim.SGD(game[player], lr=0.1)
    gradients(Turn(model), Pairs(system).batch(), player, game, clip=0, step=1)
    optimiser.step()
    assert same(tensors(parts[other]), before[other])
    assert not same(tensors(parts[player]), before[player])
    assert all(p.grad is None for p in game[other])
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("system", [s for s in SYSTEMS if s != "super_resolution"])
def test_the_discriminator_does_not_teach_the_generator(system):
    """The fakes are detached: even where all parameters require gradients, the generator's get none."""
    model = make(system).train()
    player = "discriminators" if system == "cyclegan" else "discriminator"
    sum(model.losses(Pairs(system).batch(), player).values()).backward()
    (other,) = set(model.players()) - {player}
    assert all(p.grad is None for p in players(model)[other])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_loop_trains_it_and_a_seed_tells_all(system):
    runs = []
    for _ in range(2):
        model = make(system)
        before = tensors(model)
        history = train(model, Pairs(system), steps=2, batch_size=4, average=0.5, progress=False)
        assert history.players == list(players(model))
        assert not same(tensors(model), before)
        runs.append((history.rows, tensors(model)))
    assert runs[0][0] == runs[1][0]
    assert same(runs[0][1], runs[1][1])


class Stopping:
    """A dataset that ends the training when sample number `at` is asked for."""

    def __init__(self, dataset, at):
        self.dataset, self.at, self.asked = dataset, at, 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        self.asked += 1
        if self.asked == self.at:
            raise KeyboardInterrupt
        return self.dataset[i]

    def __repr__(self):
        return repr(self.dataset)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_resumed_training_is_the_same_bit_for_bit(system, tmp_path):
    settings = {"steps": 6, "batch_size": 2, "average": 0.5, "every": 1, "progress": False}
    whole, file = make(system), tmp_path / "x.pt"
    expected = train(whole, Stopping(Pairs(system), -1), **settings).rows
    with pytest.raises(Interrupted):
        train(make(system), Stopping(Pairs(system), 2 * 4 + 1), checkpoint=file, **settings)
    model = make(system, seed=9)
    found = train(model, Stopping(Pairs(system), -1), checkpoint=file, resume=True, **settings).rows
    assert found == expected
    assert same(tensors(model), tensors(whole))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_foreign_checkpoint_is_refused_by_its_keys(system):
    cls = SYSTEMS[system][0]
    with pytest.raises(ValueError, match=r"(?s)missing.*unexpected: not.a.key"):
        cls.from_official({"not.a.key": torch.zeros(3)})
    with pytest.raises(ValueError, match="must map names to tensors"):
        cls.from_official([torch.zeros(3)])


@pytest.mark.parametrize("system", SYSTEMS)
def test_tiny_and_paper_are_one_class_and_differ_in_size_alone(system):
    cls = SYSTEMS[system][0]
    with torch.device("meta"):
        tiny, paper = cls.tiny(), cls.paper()
    assert sum(p.numel() for p in tiny.parameters()) < 1_250_000
    assert sum(p.numel() for p in paper.parameters()) > 10 * sum(p.numel() for p in tiny.parameters())
    assert [n for n, _ in tiny.named_children()] == [n for n, _ in paper.named_children()]


@pytest.mark.parametrize("system", SYSTEMS)
def test_saved_weights_give_the_same_pictures(system, tmp_path):
    model = make(system)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other = make(system, seed=5)
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(shown(other, system), shown(model, system))
    assert not torch.equal(shown(make(system, seed=5), system), shown(model, system))


def shown(model, system):
    pictures = Pairs(system).batch()[0]
    if system == "conditional_gan":
        return model.sample([3, 1, 4], seed=2)
    return model.upscale(pictures) if hasattr(model, "upscale") else model.translate(pictures)


@pytest.mark.parametrize("system", SYSTEMS)
def test_pictures_lie_in_0_to_1_and_the_model_stays_as_it_was(system):
    model = make(system).train()
    before, kept = tensors(model), copy.deepcopy(Pairs(system).batch())
    pictures = shown(model, system)
    assert pictures.shape[0] == 3
    assert not pictures.requires_grad
    assert 0 <= pictures.min() < pictures.max() <= 1
    assert same(tensors(model), before)
    assert all(module.training for module in model.modules())
    assert torch.equal(shown(model.eval(), system), pictures)
    assert torch.equal(kept[0], Pairs(system).batch()[0])


@pytest.mark.parametrize("system", [s for s in SYSTEMS if s != "conditional_gan"])
def test_a_picture_is_seen_alike_alone_and_in_a_batch_or_a_list(system):
    model = make(system)
    seen = model.upscale if hasattr(model, "upscale") else model.translate
    pictures = Pairs(system).batch()[0]
    together = seen(pictures)
    assert torch.allclose(seen(pictures[1:2]), together[1:2], rtol=0, atol=1e-5)
    larger = torch.rand(3, 64, 32)
    listed = seen([pictures[0], larger])
    assert isinstance(listed, list)
    assert torch.allclose(listed[0], together[0], rtol=0, atol=1e-5)
    scale = together.shape[-1] // pictures.shape[-1]
    assert listed[1].shape == (3, 64 * scale, 32 * scale)


MISTAKES = {
    "no tensor": (lambda x: x.numpy(), r"float tensor.*ndarray"),
    "one picture": (lambda x: x[0], r"\[B, \d, H, W\], got \(\d, \d+, \d+\)"),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), r"\[B, \d, H, W\]"),
    "bytes": (lambda x: (255 * x).byte(), r"0\.\.1, got torch\.uint8"),
    "0 to 255": (lambda x: 255 * x, r"0\.\.1, got .* to \d{3}"),
    "-1 to 1": (lambda x: 2 * x - 1, r"0\.\.1, got -"),
    "not a number": (lambda x: x * math.nan, r"0\.\.1, got nan"),
    "none": (lambda x: x[:0], r"\(0, "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(("system", "player"), TURNS)
def test_mistakes_in_a_batch_are_answered_by_name(system, player, mistake):
    change, words = MISTAKES[mistake]
    first, second = Pairs(system).batch()
    model = make(system)
    with pytest.raises(ValueError, match=words):
        model.losses((change(first), second), player)
    if system != "conditional_gan":
        with pytest.raises(ValueError, match=words):
            model.losses((first, change(second)), player)
        seen = model.upscale if hasattr(model, "upscale") else model.translate
        with pytest.raises(ValueError, match=f"images.*{words}"):
            seen(change(first))


@pytest.mark.parametrize("system", [s for s in SYSTEMS if s != "conditional_gan"])
def test_mistakes_in_a_list_name_the_picture(system):
    model = make(system)
    seen = model.upscale if hasattr(model, "upscale") else model.translate
    good = torch.rand(3, 32, 32)
    for bad, words in (
        (good[None], r"\(1, 3, 32, 32\)"),
        (good[:1], "3, H, W"),
        (2 * good, r"0\.\.1"),
        ("x", "str"),
    ):
        with pytest.raises(ValueError, match=rf"images\[1\].*{words}"):
            seen([good, bad])
