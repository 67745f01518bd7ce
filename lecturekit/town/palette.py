"""Colours of Toy Town: saturated, a little warm, and few enough to go together."""

import numpy as np

from lecturekit.town.sketch import RGB

SKIN = ((255, 219, 187), (241, 194, 150), (214, 160, 112), (170, 116, 76), (121, 79, 52), (92, 60, 42))
HAIR = ((44, 34, 38), (84, 54, 38), (140, 88, 46), (222, 172, 84), (190, 84, 44), (150, 146, 152))
DARK_HAIR = (HAIR[0], HAIR[1], (104, 62, 40), HAIR[5])
SHIRTS = (
    (229, 72, 77), (247, 144, 61), (250, 199, 69), (84, 178, 110), (48, 160, 176),
    (66, 118, 214), (134, 96, 204), (232, 112, 164), (244, 240, 230), (40, 66, 110),
)  # fmt: skip
TROUSERS = (
    (52, 72, 120),
    (74, 60, 54),
    (60, 64, 76),
    (150, 116, 82),
    (98, 62, 120),
    (38, 92, 98),
    (176, 64, 72),
)
SHOES = ((60, 44, 42), (236, 232, 226), (196, 60, 54), (40, 48, 72))
CAPS = ((214, 56, 62), (52, 104, 200), (250, 190, 60), (62, 150, 96))
CARS = (
    (226, 58, 62), (250, 186, 56), (58, 132, 214), (70, 176, 140), (244, 238, 226),
    (242, 124, 62), (126, 92, 188), (120, 200, 224), (78, 90, 110),
)  # fmt: skip
LEAVES = ((74, 152, 74), (50, 128, 84), (112, 168, 66), (42, 112, 92), (150, 168, 58))
BLOSSOM = ((248, 168, 196), (252, 206, 216), (240, 136, 160))
AUTUMN = ((226, 138, 52), (206, 84, 54), (232, 180, 66))
BARK = ((122, 82, 54), (96, 66, 52), (142, 104, 76))
BALLS = ((232, 60, 70), (44, 120, 220), (250, 190, 48), (52, 170, 120), (236, 104, 176), (246, 126, 50))
FUR = ((240, 156, 72), (128, 130, 144), (58, 52, 60), (248, 244, 236), (222, 184, 138), (140, 94, 62))
WALLS = (
    (252, 232, 196),
    (246, 204, 178),
    (214, 232, 236),
    (250, 218, 120),
    (226, 214, 240),
    (198, 226, 196),
    (240, 150, 128),
)
ROOFS = ((196, 80, 62), (150, 66, 70), (64, 104, 148), (80, 92, 104), (58, 128, 118), (170, 104, 60))
DOORS = ((120, 72, 48), (50, 110, 130), (190, 60, 60), (70, 120, 80))

NIGHT_TINT = np.array([0.38, 0.42, 0.60])
NIGHT_LIFT = np.array([6.0, 8.0, 26.0])


def pick(rng: np.random.Generator, colours: tuple[RGB, ...], spread: int) -> RGB:
    """One of the colours, each channel moved by up to `spread`."""
    return vary(rng, colours[int(rng.integers(len(colours)))], spread)


def vary(rng: np.random.Generator, colour: RGB, spread: int) -> RGB:
    """The colour with each channel moved by up to `spread`, within 0..255."""
    moved = np.clip(np.array(colour) + rng.integers(-spread, spread + 1, 3), 0, 255)
    return tuple(int(v) for v in moved)


def shade(colours: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Colours [K,3] (0..255) darkened by factors [K] below 1, mixed with white by factors above 1."""
    factors = factors[:, None]
    white = np.maximum(factors - 1, 0)
    return np.minimum(factors, 1) * colours * (1 - white) + 255 * white


def night(colours: np.ndarray) -> np.ndarray:
    """Colours [K,3] as moonlight shows them: dark and blue."""
    return colours * NIGHT_TINT + NIGHT_LIFT
