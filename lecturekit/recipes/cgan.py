"""Recipes of the lecture on conditional image generation."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import nn

from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.cgan.srgan import SRGAN as Srgan
from lecturekit.cgan.super_resolution import SuperResolution
from lecturekit.data import Digits, Photographs, PhotoPatches, TownHeaps, TownViews
from lecturekit.recipes import paper
from lecturekit.recipes.measures import (
    evaluate_conditional_gan,
    evaluate_cyclegan,
    evaluate_pix2pix,
    evaluate_upscaling,
)
from lecturekit.training import Budget, Recipe, adamw, constant, linear

adam = partial(adamw, betas=(0.5, 0.999))  # the momentum that GANs are trained with since DCGAN


def probe_digits(model: nn.Module, dataset) -> Mapping[str, torch.Tensor]:
    """A digit of each class, of seed 0."""
    return {"pictures": model.sample(range(model.num_classes), seed=0)}


def probe_upscaling(model: nn.Module, dataset) -> Mapping[str, torch.Tensor]:
    """The middle of the first photograph, enlarged."""
    small = dataset[0][0]
    top, left = (side // 2 for side in small.shape[1:])
    return {"picture": model.upscale(small[None, :, top : top + 16, left : left + 16])}


def probe_translation(model: nn.Module, dataset) -> Mapping[str, torch.Tensor]:
    """The first condition, translated."""
    return {"picture": model.translate(dataset[0][0][None])}


CONDITIONAL_GAN = Recipe(
    name="conditional_gan",
    lecture="cgan",
    paper=paper("conditional_gan"),
    model=ConditionalGAN.tiny,
    paper_model=ConditionalGAN.paper,
    train=Digits("train"),
    val=Digits("val"),
    evaluate=evaluate_conditional_gan,
    probe=probe_digits,
    metric="conditional_accuracy",
    quick=Budget(steps=4000, bar=0.90, note="from scratch, about 45 s on one core"),
    full=Budget(steps=20000, bar=0.97, note="the shipped weights, four minutes on one core"),
    batch_size=64,
    lr={"discriminator": 2e-3, "generator": 5e-4},
    weight_decay=0.0,
    average=0.999,
    schedule=constant,
    optimiser=adam,
)

SUPER_RESOLUTION = Recipe(
    name="super_resolution",
    lecture="cgan",
    paper=paper("super_resolution"),
    model=SuperResolution.tiny,
    paper_model=SuperResolution.paper,
    train=PhotoPatches(first=0, count=1_000_000),
    val=Photographs("val"),
    evaluate=evaluate_upscaling,
    probe=probe_upscaling,
    metric="psnr_gain",
    quick=Budget(steps=300, bar=0.3, note="from scratch, about 45 s on one core"),
    full=Budget(steps=3000, bar=0.5, note="the shipped weights, ten minutes on one core"),
    batch_size=8,
    lr=1e-3,
    weight_decay=0.0,
    warmup=50,
    clip=1.0,
    average=0.995,
)

SUPER_RESOLUTION_MAE = dataclasses.replace(
    SUPER_RESOLUTION, name="super_resolution_mae", model=partial(SuperResolution.tiny, loss="mae")
)


def tiny_srgan(**changes) -> Srgan:
    """`SRGAN.tiny()` whose generator starts with the weights of the shipped SuperResolution, as the paper's
    starts with a trained SRResNet.
    """
    from safetensors.torch import load_file

    model = Srgan.tiny(**changes)
    shipped = Path(__file__).parents[1] / "weights" / "super_resolution.safetensors"
    if shipped.is_file() and not next(model.parameters()).is_meta:
        state = {k.removeprefix("generator."): v for k, v in load_file(shipped).items()}
        own = model.generator.state_dict()
        if all(k in state and state[k].shape == v.shape for k, v in own.items()):
            model.generator.load_state_dict(state)
    return model


SRGAN = Recipe(
    name="srgan",
    lecture="cgan",
    paper=paper("srgan"),
    model=tiny_srgan,
    paper_model=Srgan.paper,
    train=PhotoPatches(first=2_000_000, count=1_000_000),
    val=Photographs("val"),
    evaluate=evaluate_upscaling,
    probe=probe_upscaling,
    metric="sharpness",
    quick=Budget(steps=150, bar=0.50, note="from SRResNet's weights, about a minute on one core"),
    full=Budget(steps=2000, bar=0.60, note="the shipped weights, ten minutes on one core"),
    batch_size=8,
    lr=2e-4,
    weight_decay=0.0,
    average=0.995,
    schedule=linear,
    optimiser=adam,
)

PIX2PIX = Recipe(
    name="pix2pix",
    lecture="cgan",
    paper=paper("pix2pix"),
    model=Pix2Pix.tiny,
    paper_model=Pix2Pix.paper,
    train=TownViews(first=0, count=1_000_000, given="labels", wanted="day"),
    val=TownViews(first=10_000_000, count=50, given="labels", wanted="day"),
    evaluate=evaluate_pix2pix,
    probe=probe_translation,
    metric="pixel_accuracy_share",
    quick=Budget(steps=400, bar=0.60, note="from scratch, about a minute on one core"),
    full=Budget(steps=6000, bar=0.85, note="the shipped weights, a quarter of an hour on one core"),
    batch_size=4,
    lr=4e-4,
    weight_decay=0.0,
    average=0.995,
    schedule=linear,
    optimiser=adam,
)

PIX2PIX_BACK = dataclasses.replace(
    PIX2PIX,
    name="pix2pix_back",
    full=Budget(steps=1500, bar=0.85, note="the shipped weights, four minutes on one core"),
    train=TownViews(first=0, count=1_000_000, given="day", wanted="labels"),
    val=TownViews(first=10_000_000, count=50, given="day", wanted="labels"),
)

PIX2PIX_EDGES = dataclasses.replace(
    PIX2PIX,
    name="pix2pix_edges",
    full=Budget(steps=3000, bar=0.85, note="the shipped weights, seven minutes on one core"),
    train=TownViews(first=0, count=1_000_000, given="edges", wanted="day"),
    val=TownViews(first=10_000_000, count=50, given="edges", wanted="day"),
)

CYCLEGAN = Recipe(
    name="cyclegan",
    lecture="cgan",
    paper=paper("cyclegan"),
    model=CycleGAN.tiny,
    paper_model=CycleGAN.paper,
    train=TownHeaps(first=0, count=500_000, crop=64),
    val=TownHeaps(first=5_000_000, count=50),  # the scenes from 10,000,000 on
    evaluate=evaluate_cyclegan,
    probe=probe_translation,
    metric="joint",
    quick=Budget(steps=200, bar=0.5, note="from scratch, about a minute on one core"),
    full=Budget(steps=4000, bar=1.0, note="the shipped weights, twenty minutes on one core"),
    batch_size=2,
    lr=4e-4,
    weight_decay=0.0,
    average=0.995,
    schedule=linear,
    optimiser=adam,
)
