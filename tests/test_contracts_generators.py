"""What every system that makes pictures promises, whatever its paper: the same tests run over all of them."""

import copy
import dataclasses
import math

import pytest
import torch

from lecturekit import recipes
from lecturekit.training import losses, players

SYSTEMS = [name for name in recipes.names() if recipes.entry(name).lecture == "cgan"]
TRANSLATORS = [name for name in SYSTEMS if name in ("pix2pix", "cyclegan")]
CONDITIONED = [name for name in SYSTEMS if name != "conditional_gan"]  # pictures in, pictures out


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    return made(request.param)


@pytest.fixture(scope="module", params=CONDITIONED)
def conditioned(request):
    return made(request.param)


def made(name):
    """A recipe, its freshly made tiny model and a batch drawn as the recipe's own data are."""
    torch.manual_seed(0)
    recipe = recipes.get(name)
    data = recipe.train
    if name in TRANSLATORS:
        data = dataclasses.replace(data, first=30_000_000, count=8, size=64)
    elif name != "conditional_gan":
        data = dataclasses.replace(data, first=30_000_000, count=8)
    return recipe, recipe.model(), torch.utils.data.default_collate([data[i] for i in range(3)])


def fresh(system):
    """(a copy of the model that may be changed, the batch)."""
    torch.manual_seed(1)
    return copy.deepcopy(system[1]).train(), system[2]


def verb(model):
    return model.upscale if hasattr(model, "upscale") else model.translate


def shown(model, batch):
    """The pictures that it makes, [B, C, H, W]."""
    return model.sample(batch[1], seed=3) if hasattr(model, "sample") else verb(model)(batch[0])


def tensors(model):
    return {name: v.clone() for name, v in model.state_dict().items() if torch.is_tensor(v)}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_losses_are_named_finite_scalars_and_reach_all_of_their_player(system):
    model, batch = fresh(system)
    for module in model.modules():  # norms that begin at zero hold the gradients of a branch back
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any():
            torch.nn.init.ones_(module.weight)
    game, names = players(model), {id(p): name for name, p in model.named_parameters()}
    assert sum(map(len, game.values())) == len(names)
    for player, own in game.items():
        found = losses(model, batch, player)
        assert found
        assert all(name.startswith("loss_") and v.shape == () for name, v in found.items())
        assert all(math.isfinite(v.detach()) for v in found.values())
        grads = torch.autograd.grad(sum(found.values()), own, allow_unused=True)
        still = [names[id(p)] for p, g in zip(own, grads, strict=True) if g is None or not g.any()]
        assert [name for name in still if not idle(system[0].name, name)] == []


def idle(system, name):
    """What does nothing by its nature: biases before an instance norm (the authors' networks have them, too),
    and what a Wasserstein critic adds to all its scores."""
    if system == "cyclegan":
        return name.endswith("bias")
    return name == "discriminator.output.bias"


def test_a_turn_of_a_discriminator_teaches_nobody_else(system):
    model, batch = fresh(system)
    for player in players(model):
        if player.startswith("discriminator"):
            model.zero_grad()
            sum(losses(model, batch, player).values()).backward()
            (other,) = set(players(model)) - {player}
            assert all(p.grad is None for p in players(model)[other])


def test_the_same_seed_gives_the_same_model_losses_and_pictures(system):
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        model = system[0].model().train()
        told = {
            f"{player}: {name}": float(value.detach())
            for player in players(model)
            for name, value in losses(model, system[2], player).items()
        }
        runs.append((told, tensors(model), shown(model, system[2])))
    assert runs[0][0] == runs[1][0]
    assert same(runs[0][1], runs[1][1])
    assert torch.equal(runs[0][2], runs[1][2])


def test_save_and_load_give_the_same_pictures(system, tmp_path):
    model, batch = fresh(system)
    torch.save(model.eval().state_dict(), tmp_path / "weights.pt")
    torch.manual_seed(99)
    other = system[0].model()
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(0.5)
    assert not torch.equal(shown(other, batch), shown(model, batch))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(shown(other, batch), shown(model, batch))


def test_pictures_lie_in_0_to_1_and_nothing_changes_by_making_them(system):
    model, batch = fresh(system)
    before, kept = tensors(model), [part.clone() for part in batch]
    state = torch.get_rng_state()
    pictures = shown(model, batch)
    assert pictures.dtype == torch.float32
    assert not pictures.requires_grad
    assert len(pictures) == 3
    assert 0 <= pictures.min() < pictures.max() <= 1
    assert same(tensors(model), before)
    assert all(torch.equal(part, then) for part, then in zip(batch, kept, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert torch.equal(shown(model.eval(), batch), pictures)


def test_a_picture_is_seen_alike_alone_in_a_batch_and_in_a_list(conditioned):
    model, (pictures, _) = fresh(conditioned)
    see = verb(model)
    together = see(pictures)
    assert torch.allclose(see(pictures[1:2]), together[1:2], rtol=0, atol=1e-5)
    listed = see([pictures[2], pictures[0]])
    assert torch.allclose(torch.stack(listed), together[[2, 0]], rtol=0, atol=1e-5)


def test_pictures_of_any_size_that_the_network_can_take(conditioned):
    recipe, model, _ = conditioned
    multiple = {"pix2pix": model.multiple if recipe.name == "pix2pix" else 0, "cyclegan": 4}.get(
        recipe.name, 1
    )
    times = 4 if hasattr(model, "upscale") else 1
    for rows, columns in ((3, 2), (2, 5)):
        picture = torch.rand(3, rows * multiple, columns * multiple)
        (made,) = verb(model)([picture])
        assert made.shape == (3, picture.shape[1] * times, picture.shape[2] * times)
    if multiple > 1:
        with pytest.raises(
            ValueError, match=rf"images: .*multiples of {multiple}.*, got {multiple + 1} x 64"
        ):
            verb(model)(torch.rand(1, 3, multiple + 1, 64))


def test_a_reconstruction_overfits_one_batch(conditioned):
    """The generator alone; the discriminators hold still and their opinion doesn't count."""
    torch.manual_seed(0)
    model, batch = type(conditioned[1]).tiny().train(), conditioned[2]
    if hasattr(model, "upscale"):  # begins as an interpolation, from which there is little left to gain
        torch.nn.init.normal_(model.generator.output.weight, 0, 0.05)
    (player,) = [name for name in players(model) if not name.startswith("discriminator")]
    optimiser = torch.optim.AdamW(players(model)[player], lr=2e-3)
    batch, history = [part[:1] for part in batch], []
    for _ in range(25):
        found = losses(model, batch, player)
        loss = sum(v for name, v in found.items() if "adversarial" not in name)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert history[-1] < 0.7 * history[0], history


MISTAKES = {
    "channels last": (lambda x: x.permute(0, 2, 3, 1), r"shape \[B, \d, H, W\]"),
    "bytes": (lambda x: (x * 255).byte(), r"0\.\.1, got torch\.uint8"),
    "0 to 255": (lambda x: x * 255, r"0\.\.1, got"),
    "one picture": (lambda x: x[0], r"shape \[B, \d, H, W\]"),
    "no tensor": (lambda x: x.numpy(), "ndarray"),
    "not a number": (lambda x: x * math.nan, "got nan"),
    "nothing": (lambda x: x[:0], r"\(0, "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_by_name(system, mistake):
    change, words = MISTAKES[mistake]
    model, (first, second) = fresh(system)
    for player in players(model):
        with pytest.raises(ValueError, match=words):
            losses(model, (change(first), second), player)
        if not hasattr(model, "sample"):
            with pytest.raises(ValueError, match=words):
                losses(model, (first, change(second)), player)
    if not hasattr(model, "sample"):
        with pytest.raises(ValueError, match=f"images.*{words}"):
            verb(model)(change(first))


def test_wrong_labels_are_answered():
    model = recipes.get("conditional_gan").model()
    for labels in ([10], [-1], [0.5], "7", None):
        with pytest.raises(ValueError, match=r"labels must be a row of integers 0\.\.9"):
            model.sample(labels)


def test_tiny_and_paper_are_one_class_and_differ_in_size_alone(system):
    recipe, tiny, _ = system
    with torch.device("meta"):
        paper = recipe.paper_model()
    assert type(paper) is type(tiny)
    assert list(players(paper)) == list(players(tiny))
    assert sum(p.numel() for p in paper.parameters()) > 10 * sum(p.numel() for p in tiny.parameters())


def test_the_weights_are_small_in_float16(system):
    assert sum(v.numel() for v in tensors(system[1]).values()) * 2 < 2.5e6


def test_a_foreign_checkpoint_is_refused_by_its_keys(system):
    with pytest.raises(ValueError, match=r"(?s)missing.*unexpected"):
        type(system[1]).from_official({"not.a.key": torch.zeros(3)})
