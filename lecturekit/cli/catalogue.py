"""`lecturekit list`, `train` and `evaluate`: the networks, made and measured."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.material import chosen, place, unit
from lecturekit.cli.options import (
    Annotations,
    AsJson,
    Data,
    Device,
    Root,
    System,
    Threads,
    Weights,
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
    data: Data = None,
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

    The recipe says how: the tiny size, from scratch, on Toy Town (digits, photographs), within about a minute
    and a half on two cores (the steps are the budget, seconds are reported). --full takes as many steps as
    the shipped weights had. A bar shows the losses, and names a game of two players that goes wrong.

    Everything lands in OUT: checkpoint.pt (written every 50 steps), history.json (every loss of every step),
    weights.safetensors (for `evaluate` and `predict --weights`) and metrics.json. Ctrl-C, a power cut or
    kill -9 cost at most 50 steps: the same command with --resume goes on from the checkpoint, and at the same
    thread count ends with the same weights, bit for bit.

    --data coco trains on your own pictures: a folder in COCO's instances format (polygons, RLE; crowds are
    left out), or of keypoints for keypoint_rcnn. The network gets as many classes as the annotations have.
    --data mnist has conditional_gan draw digits of 28 x 28 pixels; ROOT/MNIST/raw holds the four files.
    --data photos has super-resolution learn from the JPEGs and PNGs in ROOT.

    --json: {system, data, steps, seed, seconds, metrics, bar, files, shipped}.

    \b
    Examples:
      lecturekit train mask_rcnn
      lecturekit train mask_rcnn --steps 50 --out runs/try
      lecturekit train mask_rcnn --full --resume
      lecturekit train mask_rcnn --data coco --root balloons --annotations balloons/train.json
      lecturekit train super_resolution --data photos --root holidays
    """
    prepare(threads, device)
    from lecturekit import recipes, training

    recipe = recipes.get(system)
    recipe, where = chosen(recipe, data, root, annotations, val_annotations, training=True)
    theirs = where != place(recipes.get(system))
    if ship and (not full or steps or theirs):
        raise ValueError("--ship goes with --full, the recipe's own steps, and the recipe's own data")
    evaluated = data != "coco" or val_annotations is not None
    names = tuple(getattr(recipe.train, "class_names", ()))
    ids = getattr(recipe.train, "category_ids", tuple(range(1, len(names) + 1)))
    budget = "full" if full else "quick"
    steps = steps or recipe.budget(budget).steps
    seed = recipe.seed if seed is None else seed
    out = out or Path("runs") / (f"{system}-{data}" if theirs else system)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        name: out / name for name in ("checkpoint.pt", "history.json", "weights.safetensors", "metrics.json")
    }
    card = {"class_names": names, "category_ids": ids, "budget": budget}
    title = f"{recipe.paper.title}, tiny" if recipe.paper else system
    say(f"{title}: {steps} steps of {recipe.batch_size} {unit(recipe.train)}; files in {out}/")
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
    seen_by = Observer(model).eval() if data == "coco" else model
    metrics = recipe.evaluate(seen_by, recipe.val, True) if evaluated else {}
    done = {"system": system, "data": where, "steps": steps, "seed": seed}
    done |= {"seconds": round(history.seconds, 1), "metrics": metrics}
    done["bar"] = None if theirs else recipe.judged(metrics, budget)
    files["metrics.json"].write_text(json.dumps(done, indent=2) + "\n")
    done["files"] = {name.split(".")[0]: str(path) for name, path in files.items()}
    done["shipped"] = None
    if ship:
        from lecturekit import zoo

        zoo.save(model, recipe, history, seed=seed)
        done["shipped"] = str(zoo.FOLDER / f"{system}.safetensors")
    result(done, as_json, _show_training)


def evaluate(
    system: System,
    weights: Weights = None,
    data: Data = None,
    root: Root = None,
    annotations: Annotations = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="How many samples; all by default.", show_default=False)
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
    """Measure a network on data it has never seen.

    By default the shipped weights, on what the recipe holds out (scenes or clips of Toy Town, digits,
    photographs), against the bar that they must reach. --weights takes any others: of your own training, or
    the authors' (see `predict --help`).

    --data coco measures on a folder in COCO's instances format. Classes of weights and folder are matched by
    their names (or, if no name is known, by COCO's category ids); crowds forgive, as COCO wants it. --data
    photos measures super-resolution on the pictures in a folder.

    AP is the average precision over the IoU thresholds 0.50, 0.55, … 0.95 as COCO defines it, from 0 to 1;
    AP50 asks for an overlap of 0.5 only. Keypoints overlap by their similarity (OKS). PSNR is in dB, on luma.
    What networks draw is judged by others that were trained on real pictures: how often they read in it what
    they should. A metric with nothing to measure is null.

    --json: {system, data, n, seed, metrics: {name: value}, bar: {metric, at_least, value, reached},
    seconds}; seed is the first scene's, bar is null when the data aren't the recipe's.

    \b
    Examples:
      lecturekit evaluate mask_rcnn
      lecturekit evaluate mask_rcnn --weights runs/mask_rcnn/weights.safetensors --json
      lecturekit evaluate super_resolution --data photos --root holidays
      lecturekit evaluate mask_rcnn --data coco --root val2017 --annotations instances_val2017.json --n 50 \\
          --weights maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth
    """
    prepare(threads, device)
    from torch.utils.data import Subset

    from lecturekit import recipes
    from lecturekit.cli.seeing import Observer
    from lecturekit.cli.weights import trained, translation

    start = time.monotonic()
    recipe, where = chosen(recipes.get(system), data, root, annotations)
    theirs, pictures = where != place(recipe), recipe.val
    if seed is not None and (theirs or not hasattr(pictures, "first")):
        raise ValueError("--seed goes with Toy Town")
    if n and hasattr(pictures, "all"):
        raise ValueError(f"--n: {system} is measured on all {len(pictures)} held-out {unit(pictures)}")
    if hasattr(pictures, "first"):
        seed = pictures.first if seed is None else seed
        shown = pictures = dataclasses.replace(pictures, first=seed, count=n or len(pictures))
        if seed < recipe.train.first + len(recipe.train):
            say("note: these scenes may have been trained on")
    else:
        shown = Subset(pictures, range(min(n, len(pictures)))) if n else pictures
    names = tuple(getattr(pictures, "class_names", ()))
    ids = getattr(pictures, "category_ids", tuple(range(1, len(names) + 1)))
    found = trained(system, weights, device)
    model, labels = found.model, None
    if found.class_names != names:
        labels = translation(found, names, ids)
        if unknown := [name for k, name in enumerate(names, 1) if k not in labels.values()]:
            say(f"note: the weights don't know {', '.join(unknown)}")
    if labels or data == "coco":
        model = Observer(model, labels).eval()
    metrics = recipe.evaluate(model, shown, True)
    told = {"system": system, "data": where, "n": len(shown), "seed": seed, "metrics": metrics}
    told["bar"] = None if theirs else recipe.judged(metrics, found.budget)
    told["seconds"] = round(time.monotonic() - start, 1)
    result(told, as_json, lambda told: _show_metrics(told, unit(pictures)))


def _show_training(done: dict) -> None:
    _show_metrics(done)
    for name, path in done["files"].items():
        print(f"{name:10} {path}")
    if done["shipped"]:
        print(f"{'shipped':10} {done['shipped']}")


def _show_metrics(told: dict, of: str = "") -> None:
    head = f"{told['system']} on {told['data']}: "
    head += f"{told['n']} {of}" if "n" in told else f"{told['steps']} steps"
    print(f"{head}, {told['seconds']} s")
    if told["metrics"]:
        table(["metric", "value"], [[k, short(v)] for k, v in told["metrics"].items()], right={"value"})
    if bar := told["bar"]:
        side = "at least" if "at_least" in bar else "at most"
        verdict = "reached" if bar["reached"] else "NOT reached"
        print(f"bar: {bar['metric']} {side} {bar[side.replace(' ', '_')]}: {verdict}")
