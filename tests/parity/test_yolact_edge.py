"""YolactEdge against the authors' public network, by the golden files: a key frame and one after it."""

import pytest
import torch
from golden import load

from lecturekit.instance.yolact_edge import YolactEdge, warp


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def as_published(outputs):
    """`YolactEdge.outputs` by the golden files' names."""
    return {
        "loc": outputs["boxes"],
        "conf": outputs["classes"],
        "mask": outputs["coefficients"],
        "proto": outputs["prototypes"].permute(0, 2, 3, 1),
    }


@pytest.mark.parametrize("name", ["yolact_edge_vid_r50"])
def test_network(name):
    golden = load(name)
    model = YolactEdge.from_official(golden.state_dict())
    assert sum(p.numel() for p in model.parameters()) == golden.parameters == 35_389_247
    first, second = golden.inputs()
    found = {}
    with torch.no_grad():
        key_outputs = model.outputs(first)
        key = key_outputs["key"]
        outputs = model.outputs(second, key)
        lateral = model.fpn.lateral["c3"](model.shallow(first))
        now = model.fpn.lateral["c3"](model.shallow(second))
        sums, flows = model.follow(model.shallow(second), key)
        moves = model.flow(model.flow.reduce(now), key.motion, 2)
    found |= {f"key_{k}": v for k, v in as_published(key_outputs).items()}
    found |= {f"non_{k}": v for k, v in as_published(outputs).items()}
    found |= {"key_lateral": lateral}
    for i in range(3):
        found |= {f"key_fpn{i + 3}": key.sums[i], f"non_fpn{i + 3}": sums[i]}
    for level, move in zip((5, 4), moves, strict=True):
        found |= {f"{name}{level}": value for name, value in move._asdict().items()}
    for flow, own in zip(flows, outputs["flows"], strict=True):
        assert torch.equal(flow, own)
    assert set(found) == set(golden.outputs)
    for output in golden.outputs:
        golden.check(output, found[output])


@pytest.mark.parametrize("name", ["fn_yolact_edge_warp"])
def test_warp(name):
    golden = load(name)
    assert torch.allclose(warp(golden["x"], golden["offset"]), golden["out"], rtol=0, atol=1e-5)
