"""The stuff of Toy Town: sky, hills, grass, pavement and road, by day and by night."""

from dataclasses import dataclass

import numpy as np

from lecturekit.town import palette
from lecturekit.town.sketch import RGB, ellipse, poly

STUFF = ("sky", "grass", "pavement", "road")
LEVELS = 256  # rows of the vertical colour gradients
REACH = 2.0  # picture heights drawn beyond either side, for wide pictures and camera pans


@dataclass(frozen=True)
class Theme:
    """Colours of a time of day."""

    zenith: RGB
    low_sky: RGB
    hills: tuple[RGB, RGB]  # far, near
    far_grass: RGB
    near_grass: RGB
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)  # factor of each channel


THEMES = (
    Theme((74, 152, 232), (198, 230, 248), ((134, 182, 200), (112, 176, 130)), (128, 196, 92), (98, 170, 74)),
    Theme(
        (96, 170, 226), (252, 236, 204), ((170, 186, 200), (140, 176, 128)), (156, 196, 96), (120, 170, 78),
        light=(1.0, 0.99, 0.95),
    ),
    Theme(
        (108, 122, 206), (252, 188, 150), ((162, 136, 178), (128, 140, 130)), (150, 170, 90), (112, 146, 76),
        light=(1.02, 0.95, 0.88),
    ),
    Theme(
        (120, 190, 214), (226, 244, 236), ((150, 196, 196), (120, 184, 150)), (116, 192, 120), (84, 164, 98),
        light=(0.98, 1.0, 1.0),
    ),
)  # fmt: skip
NIGHT_SKY = ((18, 22, 66), (88, 84, 150))
NIGHT_HILLS = ((52, 58, 116), (38, 66, 88))
PAVEMENT = ((226, 214, 196), (206, 192, 174))
KERB, KERB_FOOT = (182, 170, 156), (127, 119, 109)
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
            *_grass(rng, theme, left, right, horizon, pavement),
            *_street(rng, aspect, left, right, pavement, road),
        ]
        return cls(theme, horizon, pavement, road, tuple(patches))

    def scale(self, y: float) -> float:
        """How large things stand at height `y`: 0.62 at the horizon, 1.17 at the lower border."""
        return 0.62 + 0.55 * (y - self.horizon) / (1 - self.horizon)

    def bands(self) -> np.ndarray:
        """Stuff index [LEVELS], uint8, of each row of the picture without patches."""
        rows = np.arange(LEVELS) / LEVELS
        return np.searchsorted((self.horizon, self.pavement, self.road), rows, side="right").astype(np.uint8)

    def rows(self, night: bool) -> np.ndarray:
        """Colour [LEVELS,3] (0..255) of each row of the picture without patches."""
        theme = THEMES[self.theme]
        ends = [0, *(round(v * LEVELS) for v in (self.horizon, self.pavement, self.road)), LEVELS]
        grass = (theme.far_grass, theme.near_grass)
        shades = ((theme.zenith, theme.low_sky), grass, PAVEMENT, ROAD)
        colours = np.concatenate([_fade(b - a, *s) for a, b, s in zip(ends, ends[1:], shades, strict=False)])
        kerb = ends[3]
        colours[kerb - 4 : kerb - 1] = KERB
        colours[kerb - 1] = KERB_FOOT
        colours *= theme.light
        if night:
            colours = palette.night(colours)
            colours[: ends[1]] = _fade(ends[1], *NIGHT_SKY)
        return colours

    def colours(self, rows: np.ndarray, night: bool) -> np.ndarray:
        """Colour [K,3] of the patches over rows of colours [LEVELS,3]."""
        out = np.array([patch.day or (0, 0, 0) for patch in self.patches]) * THEMES[self.theme].light
        if night:
            out = palette.night(out)
        for k, patch in enumerate(self.patches):
            if (patch.night if night else patch.day or "row") == "row":
                y = sum(z.imag for z in patch.points) / len(patch.points)
                out[k] = rows[min(max(int(y * LEVELS), 0), LEVELS - 1)]
            elif night and patch.night is not None:
                out[k] = patch.night
        return out


def _fade(count: int, first: RGB, last: RGB) -> np.ndarray:
    step = np.linspace(0, 1, count)[:, None]
    return (1 - step) * first + step * last


def _sky(rng: np.random.Generator, aspect: float, horizon: float) -> list[Patch]:
    patches = []
    x, y = rng.uniform(0.12, 0.88) * aspect, rng.uniform(0.09, 0.17)
    stars = np.stack([rng.uniform(-0.5, aspect + 0.5, 44), rng.uniform(0.01, 0.9 * horizon, 44)], axis=1)
    for k, (sx, sy) in enumerate(stars):
        r = 0.007 if k % 4 == 0 else 0.004
        bright = (255, 250, 226) if k % 4 == 0 else (190, 196, 230)
        patches.append(Patch(poly(sx, sy - r, sx + r, sy, sx, sy + r, sx - r, sy), 0, None, bright))
    patches.append(Patch(ellipse(x, y, 0.085, n=24), 0, (255, 244, 206), (40, 44, 98)))
    patches.append(Patch(ellipse(x, y, 0.058, n=24), 0, (255, 226, 112), (250, 244, 214)))
    patches.append(Patch(ellipse(x + 0.026, y - 0.012, 0.05, n=22), 0, (255, 230, 126), (40, 44, 98)))
    for _ in range(int(rng.integers(2, 6))):
        cx, cy, s = rng.uniform(-0.4, aspect + 0.4), rng.uniform(0.06, 0.72 * horizon), rng.uniform(0.5, 1.1)
        puffs = ((-0.07, 0, 0.045), (0.07, 0.004, 0.04), (-0.02, -0.025, 0.055), (0.035, -0.018, 0.045))
        for dy, day, night in ((0.012, (214, 226, 242), (40, 44, 98)), (0.0, (252, 252, 255), (54, 58, 114))):
            for px, py, r in puffs:
                puff = ellipse(cx + s * px, cy + s * (py + dy), s * r, s * 0.8 * r, 14)
                patches.append(Patch(puff, 0, day, night, cloud=True))
    for _ in range(int(rng.integers(0, 4))):
        bx, by, r = (
            rng.uniform(0.05, aspect - 0.05),
            rng.uniform(0.08, 0.8 * horizon),
            rng.uniform(0.012, 0.022),
        )
        wings = poly(-2, -0.9, -1, -1.1, 0, 0, 1, -1.1, 2, -0.9, 1, -0.7, 0, 0.5, -1, -0.7)
        patches.append(Patch([complex(bx, by) + r * z for z in wings], 0, (70, 84, 120), "row", cloud=True))
    return patches


def _hills(rng: np.random.Generator, theme: int, left: float, right: float, horizon: float) -> list[Patch]:
    patches = []
    xs = np.linspace(left, right, 70)
    for layer, (height, wave) in enumerate(((0.075, 4.2), (0.035, 6.0))):
        a, b = rng.uniform(0, 2 * np.pi, 2)
        ys = horizon - height * (0.55 + 0.3 * np.sin(wave * xs + a) + 0.15 * np.sin(2.3 * wave * xs + b))
        ridge = [complex(x, y) for x, y in zip(xs, ys, strict=True)]
        low = horizon + 0.002
        outline = [*ridge, complex(right, low), complex(left, low)]
        patches.append(Patch(outline, 1, THEMES[theme].hills[layer], NIGHT_HILLS[layer]))
    return patches


def _grass(
    rng: np.random.Generator, theme: int, left: float, right: float, horizon: float, pavement: float
) -> list[Patch]:
    patches = []
    flowers = ((252, 246, 250), (255, 214, 84), (244, 148, 182), (190, 150, 232))
    blade = tuple(int(0.84 * v) for v in THEMES[theme].near_grass)
    places = zip(rng.uniform(left, right, 44), rng.uniform(horizon + 0.02, pavement - 0.012, 44), strict=True)
    for k, (x, y) in enumerate(places):
        r = 0.003 + 0.02 * (y - horizon)
        tuft = poly(
            x - 2 * r, y, x - 2.4 * r, y - 2 * r, x - 0.6 * r, y - r, x, y - 3 * r, x + r, y - r,
            x + 2.4 * r, y - 2 * r, x + 2 * r, y,
        )  # fmt: skip
        patches.append(Patch(tuft, 1, blade))
        if k % 2:
            patches.append(Patch(ellipse(x, y - 3 * r, 1.7 * r, n=6), 1, flowers[k // 2 % 4]))
    return patches


def _street(
    rng: np.random.Generator, aspect: float, left: float, right: float, pavement: float, road: float
) -> list[Patch]:
    patches = []
    kerb = road - 4 / LEVELS
    start = rng.uniform(0, 0.2)
    for x in np.arange(left + start, right, 0.2):
        joint = poly(x, pavement, x + 0.008, pavement, x - 0.012, kerb, x - 0.022, kerb)
        patches.append(Patch(joint, 2, (188, 174, 158)))
    crossing = rng.uniform(0.1, aspect - 0.1) if rng.random() < 0.35 else None
    middle, half = (road + 1) / 2 + 0.01, 0.011
    start = rng.uniform(0, 0.3)
    for x in np.arange(left + start, right, 0.3):
        if crossing is None or not -0.35 < x - crossing < 0.2:
            dash = poly(
                x + 0.01, middle - half, x + 0.16, middle - half, x + 0.15, middle + half, x, middle + half
            )
            patches.append(Patch(dash, 3, (240, 236, 220)))
    if crossing is not None:
        for k in range(5):
            y0, y1 = (road + 0.02 + (0.97 - road - 0.02) * (k + v) / 5 for v in (0, 0.58))
            x0, x1 = crossing - 0.11 - 0.4 * (y0 - road), crossing - 0.11 - 0.4 * (y1 - road)
            patches.append(Patch(poly(x0, y0, x0 + 0.2, y0, x1 + 0.2, y1, x1, y1), 3, (232, 228, 216)))
    return patches
