"""show.watch, show.source, show.figure: what a lesson looks at is what really ran."""

import pytest
import torch
from torch import nn

from lecturekit import show
from lecturekit.show.source import text_of

torch.set_num_threads(1)


class Twice(nn.Module):
    """A network that calls one part twice, changes its output in place, and returns several tensors."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(3, 3)
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
        self.pair = Pair()

    def forward(self, x):
        """Run it."""

        return self.pair(self.body(self.stem(self.stem(x))))


class Pair(nn.Module):
    def forward(self, x):
        return {"a": x, "b": [x + 1, (x + 2, "text")]}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Twice()


def test_outputs_are_those_of_the_run(model):
    x = torch.randn(2, 3)
    with show.watch(model, "stem", "pair", "body.0") as seen:
        out = model(x)
    assert torch.equal(seen["pair"]["a"], out["a"])
    assert torch.equal(seen["pair"]["b"][1][0], out["b"][1][0])
    assert seen["pair"]["b"][1][1] == "text"
    first, second = seen.calls["stem"]
    assert torch.equal(first, model.stem(x))
    assert torch.equal(second, seen["stem"])
    assert torch.equal(seen["body.0"], model.body[0](second)), "seen before the ReLU in place"
    assert (seen["body.0"] < 0).any()
    assert not seen["stem"].requires_grad
    assert list(seen.keys()) == ["stem", "pair", "body.0"]


def test_inputs_are_recorded_when_asked_for(model):
    x = torch.randn(2, 3)
    with show.watch(model, "body", inputs=True) as seen:
        model(x)
    (given,) = seen.inputs["body"]
    assert torch.equal(given, model.stem(model.stem(x)))
    with show.watch(model, "body") as seen:
        model(x)
    assert seen.inputs == {}


def test_hooks_are_gone_afterwards_and_after_an_exception(model):
    with show.watch(model, "stem") as seen:
        pass
    model(torch.randn(1, 3))
    assert seen.calls["stem"] == []
    with pytest.raises(RuntimeError), show.watch(model, "stem", "body"):
        model(torch.randn(1, 4))
    assert not any(m._forward_hooks for m in model.modules())


def test_unknown_names_are_refused_with_close_ones(model):
    with pytest.raises(ValueError, match=r"Twice has no part 'bodi\.0'.*body\.0"):
        show.watch(model, "bodi.0")
    with pytest.raises(ValueError, match="stem, body, pair"):
        show.watch(model, "zzz")
    with pytest.raises(ValueError, match=r"'0'.*body\.0"):
        show.watch(model, "0")
    with pytest.raises(ValueError, match="at least one"):
        show.watch(model)


def test_what_did_not_run_is_said(model):
    with show.watch(model, "stem") as seen:
        pass
    with pytest.raises(KeyError, match="did not run"):
        seen["stem"]
    with pytest.raises(KeyError, match="not watched; watched: stem"):
        seen["body"]


def test_source_is_shown_as_it_stands(capsys):
    assert text_of(Twice.forward).startswith('def forward(self, x):\n    """Run it."""\n\n    return')
    assert text_of(Twice.forward, docstring=False) == (
        "def forward(self, x):\n    return self.pair(self.body(self.stem(self.stem(x))))"
    )
    assert "class Pair" in text_of(Pair, docstring=False)
    with pytest.raises(ValueError, match="objects: 3 has no Python source"):
        text_of(3)


def displayed(monkeypatch, call, *args, **kwargs):
    """What a call hands to IPython's display."""
    import IPython.display

    out = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **kw: out.append((data, kw)))
    call(*args, **kwargs)
    return out


def test_source_is_displayed_as_highlighted_code(monkeypatch):
    ((data, _),) = displayed(monkeypatch, show.source, Pair.forward)
    start = f"```python\n# {Pair.__module__}.Pair.forward\ndef forward(self, x):"
    assert data["text/markdown"].startswith(start)
    assert data["text/markdown"].endswith("```")


def test_figures_carry_their_text_and_are_closed(monkeypatch):
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    fig, axes = show.maps([torch.rand(3, 8, 8), torch.rand(4, 4), torch.rand(8, 8)], ["a", "b"], columns=2)
    assert len(axes) == 3
    with pytest.raises(ValueError, match="alt"):
        show.figure(fig, "picture")
    (picture, kw), (caption, _) = displayed(monkeypatch, show.figure, fig, "Three random maps side by side.")
    assert picture["image/png"].startswith(b"\x89PNG")
    assert kw["metadata"]["image/png"]["alt"] == "Three random maps side by side."
    assert "Three random maps" in caption["text/markdown"]
    assert not plt.fignum_exists(fig.number)


def test_pillow_images_can_be_shown_too(monkeypatch):
    from PIL import Image

    (picture, _), _ = displayed(monkeypatch, show.figure, Image.new("RGB", (4, 4)), "A small black square.")
    assert picture["image/png"].startswith(b"\x89PNG")
