"""Colours that colour-blind eyes tell apart too: Okabe and Ito's set, then the same lighter and darker."""

OKABE_ITO = (  # M. Okabe, K. Ito, Color Universal Design (2008), without the black; neighbours differ most
    (213, 94, 0),  # vermilion
    (86, 180, 233),  # sky blue
    (240, 228, 66),  # yellow
    (204, 121, 167),  # reddish purple
    (0, 158, 115),  # bluish green
    (230, 159, 0),  # orange
    (0, 114, 178),  # blue
)
NATURAL = {  # what everybody expects of these words, on a semantic map
    "sky": (158, 208, 240),
    "grass": (120, 180, 100),
    "road": (92, 92, 98),
    "pavement": (190, 186, 178),
    "tree": (0, 80, 45),
}


def colour(number: int) -> tuple[int, int, int]:
    """The RGB colour of a number >= 0, 0..255. The first 21 are all different."""
    base = OKABE_ITO[number % len(OKABE_ITO)]
    shade = number // len(OKABE_ITO) % 3
    if shade == 1:
        return tuple(round(0.5 * c + 0.5 * 255) for c in base)
    return tuple(round(0.55 * c) for c in base) if shade == 2 else base


def class_colours(names) -> list[tuple[int, int, int]]:
    """One colour for each class name: the natural one where it is known, the next of the set elsewhere."""
    names = list(names)
    free = [k for k in range(len(names) + 6) if not (set(names) & set(NATURAL) and k in (1, 4))]
    others = iter(free)  # beside sky and grass, not the sky blue and green of the set
    return [NATURAL[name] if name in NATURAL else colour(next(others)) for name in names]


def on(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white: the text that can be read better on a background (contrast by WCAG 2.1)."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in background]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
