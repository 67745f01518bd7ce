"""The stuff of Toy Town: sky, hills, grass, pavement and road, by day and by night."""

from dataclasses import dataclass

import numpy as np

from lecturekit.town import palette
from lecturekit.town.sketch import RGB, ellipse, poly

STUFF = ("sky", "grass", "pavement", "road")
LEVELS = 256  # rows of the vertical colour gradients
REACH = 2.0  # picture heights drawn beyond either side, for wide pictures and camera pans

# zenith, sky at the horizon, far hills, near hills, far grass, near grass, light (factor per channel)
THEMES = (
    ((74, 152, 232), (198, 230, 248), (134, 182, 200), (112, 176, 130), (128, 196, 92), (98, 170, 74), (1, 1, 1)),
    ((96, 170, 226), (252, 236, 204), (170, 186, 200), (140, 176, 128), (156, 196, 96), (120, 170, 78), (1.0, 0.99, 0.95)),
    ((108, 122, 206), (252, 188, 150), (162, 136, 178), (128, 140, 130), (150, 170, 90), (112, 146, 76), (1.02, 0.95, 0.88)),
    ((120, 190, 214), (226, 244, 236), (150, 196, 196), (120, 184, 150), (116, 192, 120), (84, 164, 98), (0.98, 1.0, 1.0)),
)  # fmt: skip
NIGHT_SKY = ((16, 20, 58), (74, 74, 136))
PAVEMENT = ((226, 214, 196), (206, 192, 174))
KERB = (182, 170, 156)
ROAD = ((112, 114, 128), (88, 90, 104))


@dataclass(frozen=True)
class Patch:
    """A polygon of stuff. `day` None shows the row's own colour; `night` None the moonlit day colour."""

    points: list[complex]  # in picture heights
    stuff: int  # index into STUFF
    day: RGB | None
    night: RGB | str | None = None  # "row": the row's own colour
    cloud: bool = False  # drifts in a clip


@dataclass(frozen=True)
class Backdrop:
    """The street without its actors; borders are heights in 0..1 from the top."""

    theme: int
    horizon: float
    pavement: float  # where the grass ends
    road: float  # where the road begins
    patches: tuple[Patch, ...]

    @classmethod
    def random(cls, rng: np.random.Generator, aspect: float) -> "Backdrop":
        """Draw a street; borders lie on the rows of the gradients."""
        theme = int(rng.choice(len(THEMES), p=(0.5, 0.2, 0.12, 0.18)))
        horizon = int(rng.integers(100, 120)) / LEVELS
        pavement = int(rng.integers(154, 166)) / LEVELS
        road = pavement + 18 / LEVELS
        left, right = -REACH, aspect + REACH
        patches = [
            *_sky(rng, aspect, horizon),
            *_hills(rng, theme, left, right, horizon),
            *_ground(rng, left, right, horizon, pavement, road),
        ]
        return cls(theme, horizon, pavement, road, tuple(patches))

    def rows(self, night: bool) -> tuple[np.ndarray, np.ndarray]:
        """Colour [LEVELS,3] (0..255) and stuff index [LEVELS] of each row of the picture."""
        top, bottom, _, _, far, near, light = THEMES[self.theme]
        horizon, pavement, road = (round(v * LEVELS) for v in (self.horizon, self.pavement, self.road))
        bands = (
            (0, horizon, top, bottom),
            (horizon, pavement, far, near),
            (pavement, road, *PAVEMENT),
            (road, LEVELS, *ROAD),
        )
        colours, stuff = np.empty((LEVELS, 3)), np.empty(LEVELS, dtype=np.uint8)
        for index, (start, stop, first, last) in enumerate(bands):
            step = np.linspace(0, 1, stop - start)[:, None]
            colours[start:stop] = (1 - step) * np.array(first) + step * np.array(last)
            stuff[start:stop] = index
        colours[road - 4 : road] = KERB
        colours[road - 1] = np.array(KERB) * 0.7
        colours *= np.array(light)
        if night:
            step = np.linspace(0, 1, horizon)[:, None]
            colours = palette.night(colours)
            colours[:horizon] = (1 - step) * np.array(NIGHT_SKY[0]) + step * np.array(NIGHT_SKY[1])
        return colours, stuff

    def colours(self, rows: np.ndarray, night: bool) -> np.ndarray:
        """Colour [K,3] of the patches over rows of colours [LEVELS,3]."""
        light = np.array(THEMES[self.theme][6])
        out = np.empty((len(self.patches), 3))
        for k, patch in enumerate(self.patches):
            chosen = patch.night if night else patch.day
            if chosen == "row" or (chosen is None and patch.day is None):
                y = sum(z.imag for z in patch.points) / len(patch.points)
                out[k] = rows[min(max(int(y * LEVELS), 0), LEVELS - 1)]
            elif chosen is None:
                out[k] = palette.night(np.array(patch.day) * light)
            else:
                out[k] = np.array(chosen) * (1 if night else light)
        return out


def _sky(rng: np.random.Generator, aspect: float, horizon: float) -> list[Patch]:
    patches = []
    x, y = rng.uniform(0.12, 0.88) * aspect, rng.uniform(0.09, 0.17)
    stars = np.stack([rng.uniform(-0.5, aspect + 0.5, 44), rng.uniform(0.01, 0.9 * horizon, 44)], axis=1)
    for k, (sx, sy) in enumerate(stars):
        r = 0.007 if k % 4 == 0 else 0.004
        bright = (255, 250, 226) if k % 4 == 0 else (190, 196, 230)
        patches.append(Patch(poly(sx, sy - r, sx + r, sy, sx, sy + r, sx - r, sy), 0, None, bright))
    patches.append(Patch(ellipse(x, y, 0.085, n=24), 0, (255, 244, 206), (48, 54, 104)))
    patches.append(Patch(ellipse(x, y, 0.058, n=24), 0, (255, 226, 112), (250, 244, 214)))
    patches.append(Patch(ellipse(x + 0.026, y - 0.012, 0.05, n=22), 0, (255, 230, 126), (48, 54, 104)))
    for _ in range(int(rng.integers(2, 6))):
        cx, cy, s = rng.uniform(-0.4, aspect + 0.4), rng.uniform(0.06, 0.72 * horizon), rng.uniform(0.5, 1.1)
        puffs = ((-0.07, 0, 0.045), (0.07, 0.004, 0.04), (-0.02, -0.025, 0.055), (0.035, -0.018, 0.045))
        for dy, day, night in ((0.012, (214, 226, 242), (38, 46, 92)), (0.0, (252, 252, 255), (54, 62, 112))):
            for px, py, r in puffs:
                puff = ellipse(cx + s * px, cy + s * (py + dy), s * r, s * 0.8 * r, 14)
                patches.append(Patch(puff, 0, day, night, cloud=True))
    return patches


def _hills(rng: np.random.Generator, theme: int, left: float, right: float, horizon: float) -> list[Patch]:
    patches = []
    xs = np.linspace(left, right, 70)
    for colour, height, wave in ((THEMES[theme][2], 0.075, 4.2), (THEMES[theme][3], 0.035, 6.0)):
        a, b = rng.uniform(0, 2 * np.pi, 2)
        ys = horizon - height * (0.55 + 0.3 * np.sin(wave * xs + a) + 0.15 * np.sin(2.3 * wave * xs + b))
        ridge = [complex(x, y) for x, y in zip(xs, ys, strict=True)]
        low = horizon + 0.002
        patches.append(Patch([*ridge, complex(right, low), complex(left, low)], 1, colour))
    return patches


def _ground(
    rng: np.random.Generator, left: float, right: float, horizon: float, pavement: float, road: float
) -> list[Patch]:
    patches = []
    flowers = ((252, 244, 250), (252, 214, 90), (240, 150, 180))
    for _ in range(26):
        y = rng.uniform(horizon + 0.03, pavement - 0.01)
        x, r = rng.uniform(left, right), 0.004 + 0.012 * (y - horizon)
        if rng.random() < 0.4:
            colour = flowers[int(rng.integers(3))]
            patches.append(Patch(poly(x - r, y, x, y - r, x + r, y, x, y + r), 1, colour))
        else:
            tuft = poly(
                x - 2 * r,
                y,
                x - 2.2 * r,
                y - 2 * r,
                x - 0.5 * r,
                y - r,
                x,
                y - 3 * r,
                x + r,
                y - r,
                x + 2 * r,
                y,
            )
            patches.append(Patch(tuft, 1, (92, 160, 72)))
    kerb = road - 4 / 256
    start = rng.uniform(0, 0.2)
    for x in np.arange(left + start, right, 0.2):
        patches.append(
            Patch(
                poly(x, pavement, x + 0.008, pavement, x - 0.012, kerb, x - 0.022, kerb), 2, (188, 174, 158)
            )
        )
    middle, half = (road + 1) / 2 + 0.01, 0.011
    start = rng.uniform(0, 0.3)
    for x in np.arange(left + start, right, 0.3):
        dash = poly(
            x + 0.01, middle - half, x + 0.16, middle - half, x + 0.15, middle + half, x, middle + half
        )
        patches.append(Patch(dash, 3, (240, 236, 220)))
    return patches
