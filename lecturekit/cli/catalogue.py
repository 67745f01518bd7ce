"""`lecturekit list`, `train` and `evaluate`: the networks, made and measured."""

import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.options import (
    Annotations,
    AsJson,
    Data,
    Device,
    Root,
    System,
    Threads,
    Weights,
    coco,
    prepare,
)
from lecturekit.cli.report import Failed, result, say, short, table


def list_systems(as_json: AsJson = False) -> None:
    """Which networks there are, and how large they are.

    Every network exists at two sizes that differ in nothing but sizes: `tiny` trains on a laptop in about a
    minute and a half, `paper` is, number for number, the public one and loads its published weights.

    --json: [{system, lecture, paper, year, arxiv, params: {tiny, paper}, weights}], weights being a file's
    name, or null where none are shipped.

    \b
    Examples:
      lecturekit list
      lecturekit list --json
    """
    from lecturekit import recipes, zoo

    shipped = zoo.names()
    rows = [
        recipes.row(name) | {"weights": f"{name}.safetensors" if name in shipped else None}
        for name in recipes.names()
    ]

    def show(rows):
        table(
            ["system", "lecture", "paper", "year", "arXiv", "tiny", "paper size", "weights"],
            [
                [r["system"], r["lecture"], r["paper"], r["year"], r["arxiv"]]
                + [f"{r['params'][size]:,}" for size in ("tiny", "paper")]
                + ["shipped" if r["weights"] else "-"]
                for r in rows
            ],
            right={"tiny", "paper size"},
        )

    result(rows, as_json, show)


def train(
    system: System,
    full: Annotated[
        bool, typer.Option("--full", help="As long as the shipped weights were trained.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps instead of the recipe's.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed instead of the recipe's.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all files; runs/SYSTEM by default.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/checkpoint.pt.")] = False,
    data: Data = "town",
    root: Root = None,
    annotations: Annotations = None,
    val_annotations: Annotated[
        Path | None,
        typer.Option(help="With --data coco: the JSON to evaluate on afterwards.", show_default=False),
    ] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="With --full: make the result the package's shipped weights.")
    ] = False,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Train a network, and measure what it has learnt.

    The recipe says how: the tiny size, from scratch, on Toy Town, within about a minute and a half on two
    cores (the steps are the budget, seconds are reported). --full takes as many steps as the shipped weights
    had. A bar shows the losses.

    Everything lands in OUT: checkpoint.pt (written every 50 steps), history.json (every loss of every step),
    weights.safetensors (for `evaluate` and `predict --weights`) and metrics.json. Ctrl-C, a power cut or
    kill -9 cost at most 50 steps: the same command with --resume goes on from the checkpoint, and at the same
    thread count ends with the same weights, bit for bit.

    --data coco trains on your own pictures: a folder in COCO's instances format (polygons, RLE; crowds are
    left out), or of keypoints for keypoint_rcnn. The network gets as many classes as the annotations have.

    --json: {system, data, steps, seed, seconds, metrics, bar, files, shipped}.

    \b
    Examples:
      lecturekit train mask_rcnn
      lecturekit train mask_rcnn --steps 50 --out runs/try
      lecturekit train mask_rcnn --full --resume
      lecturekit train mask_rcnn --data coco --root balloons --annotations balloons/train.json
    """
    prepare(threads, device)
    from lecturekit import recipes, training

    recipe = recipes.get(system)
    if ship and (not full or steps or data != "town"):
        raise ValueError("--ship goes with --full, the recipe's own steps, and Toy Town")
    evaluated = data == "town" or val_annotations is not None
    if data == "coco":
        recipe = _on_coco(recipe, root, annotations, val_annotations)
    elif root or annotations or val_annotations:
        raise ValueError("--root, --annotations and --val-annotations go with --data coco")
    names = tuple(recipe.train.class_names)
    ids = getattr(recipe.train, "category_ids", tuple(range(1, len(names) + 1)))
    budget = "full" if full else "quick"
    steps = steps or recipe.budget(budget).steps
    seed = recipe.seed if seed is None else seed
    out = out or Path("runs") / (system if data == "town" else f"{system}-coco")
    out.mkdir(parents=True, exist_ok=True)
    files = {
        name: out / name for name in ("checkpoint.pt", "history.json", "weights.safetensors", "metrics.json")
    }
    card = {"class_names": names, "category_ids": ids, "budget": budget}
    say(f"{recipe.paper.title}, tiny: {steps} steps of {recipe.batch_size} pictures; files in {out}/")
    try:
        model, history = training.fit(
            recipe,
            budget,
            steps=steps,
            seed=seed,
            checkpoint=files["checkpoint.pt"],
            resume=resume,
            device=device,
            about={"card": json.dumps(card)},
        )
    except training.NonFiniteLoss as error:
        raise Failed(str(error)) from None
    from lecturekit.cli import weights
    from lecturekit.cli.seeing import Observer

    files["history.json"].write_text(history.to_json())
    told = {"system": system, **card, "data": repr(recipe.train), "steps": steps, "seed": seed}
    weights.save(files["weights.safetensors"], model, told | {"seconds": round(history.seconds, 1)})
    seen_by = model if data == "town" else Observer(model).eval()
    metrics = recipe.evaluate(seen_by, recipe.val, True) if evaluated else {}
    done = {"system": system, "data": _place(data, recipe.train), "steps": steps, "seed": seed}
    done |= {"seconds": round(history.seconds, 1), "metrics": metrics}
    done["bar"] = recipe.judged(metrics, budget) if data == "town" else None
    files["metrics.json"].write_text(json.dumps(done, indent=2) + "\n")
    done["files"] = {name.split(".")[0]: str(path) for name, path in files.items()}
    done["shipped"] = None
    if ship:
        from lecturekit import zoo

        zoo.save(model, recipe, history, seed=seed)
        done["shipped"] = str(zoo.FOLDER / f"{system}.safetensors")
    result(done, as_json, _show_training)


def _on_coco(recipe, root: Path | None, annotations: Path | None, val_annotations: Path | None):
    """The recipe for a folder in COCO's format: its pictures, and as many classes as it has."""
    own = coco(recipe, root, annotations, "train", crowd=False)
    held_out = coco(recipe, root, val_annotations, "val", crowd=True) if val_annotations else own
    if held_out.class_names != own.class_names or held_out.keypoint_names != own.keypoint_names:
        raise ValueError(f"--val-annotations: other categories or keypoints than in {own.annotations}")
    sizes = {"num_classes": len(own.class_names) + 1}
    if own.keypoints:
        sizes["num_keypoints"] = len(own.keypoint_names)
    model = functools.partial(recipe.model, **sizes)
    return dataclasses.replace(recipe, model=model, train=own, val=held_out)


def evaluate(
    system: System,
    weights: Weights = None,
    data: Data = "town",
    root: Root = None,
    annotations: Annotations = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="How many pictures; all by default.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="First scene of Toy Town, instead of the held-out ones'.", show_default=False
        ),
    ] = None,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure a network on pictures it has never seen.

    By default the shipped weights, on the recipe's held-out scenes of Toy Town, against the bar that they
    must reach. --weights takes any others: of your own training, or the authors' (see `predict --help`).

    --data coco measures on a folder in COCO's instances format. Classes of weights and folder are matched by
    their names (or, if no name is known, by COCO's category ids); crowds forgive, as COCO wants it.

    AP is the average precision over the IoU thresholds 0.50, 0.55, … 0.95 as COCO defines it, from 0 to 1;
    AP50 asks for an overlap of 0.5 only. Keypoints overlap by their similarity (OKS). A metric with nothing
    to measure is null.

    --json: {system, data, n, seed, metrics: {name: value}, bar: {metric, at_least, value, reached},
    seconds}; seed is the first scene's, bar is null when the data aren't the recipe's.

    \b
    Examples:
      lecturekit evaluate mask_rcnn
      lecturekit evaluate mask_rcnn --weights runs/mask_rcnn/weights.safetensors --json
      lecturekit evaluate mask_rcnn --data coco --root val2017 --annotations instances_val2017.json --n 50 \\
          --weights maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth
    """
    prepare(threads, device)
    from torch.utils.data import Subset

    from lecturekit import recipes
    from lecturekit.cli.seeing import Observer
    from lecturekit.cli.weights import trained, translation

    start = time.monotonic()
    recipe = recipes.get(system)
    if data == "coco":
        if seed is not None:
            raise ValueError("--seed goes with --data town")
        pictures = coco(recipe, root, annotations, "val", crowd=True)
        names, ids = pictures.class_names, pictures.category_ids
        count = min(n or len(pictures), len(pictures))
        shown = Subset(pictures, range(count))
    else:
        if root or annotations:
            raise ValueError("--root and --annotations go with --data coco")
        seed = recipe.val.first if seed is None else seed
        shown = pictures = dataclasses.replace(recipe.val, first=seed, count=n or len(recipe.val))
        names, count = tuple(pictures.class_names), len(pictures)
        ids = tuple(range(1, len(names) + 1))
        if seed < recipe.train.first + len(recipe.train):
            say("note: these scenes may have been trained on")
    found = trained(system, weights, device)
    model, labels = found.model, None
    if found.class_names != names:
        labels = translation(found, names, ids)
        if unknown := [name for k, name in enumerate(names, 1) if k not in labels.values()]:
            say(f"note: the weights don't know {', '.join(unknown)}")
    if labels or data == "coco":
        model = Observer(model, labels).eval()
    metrics = recipe.evaluate(model, shown, True)
    told = {"system": system, "data": _place(data, pictures), "n": count, "seed": seed, "metrics": metrics}
    told["bar"] = recipe.judged(metrics, found.budget) if data == "town" else None
    told["seconds"] = round(time.monotonic() - start, 1)
    result(told, as_json, _show_metrics)


def _place(data: str, pictures) -> str:
    return "town" if data == "town" else str(pictures.annotations)


def _show_training(done: dict) -> None:
    _show_metrics(done)
    for name, path in done["files"].items():
        print(f"{name:10} {path}")
    if done["shipped"]:
        print(f"{'shipped':10} {done['shipped']}")


def _show_metrics(told: dict) -> None:
    head = f"{told['system']} on {told['data']}: "
    head += f"{told['n']} pictures" if "n" in told else f"{told['steps']} steps"
    print(f"{head}, {told['seconds']} s")
    if told["metrics"]:
        table(["metric", "value"], [[k, short(v)] for k, v in told["metrics"].items()], right={"value"})
    if bar := told["bar"]:
        side = "at least" if "at_least" in bar else "at most"
        verdict = "reached" if bar["reached"] else "NOT reached"
        print(f"bar: {bar['metric']} {side} {bar[side.replace(' ', '_')]}: {verdict}")
