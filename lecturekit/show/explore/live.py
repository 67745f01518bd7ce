"""The common frame of the widgets: sliders above a picture that is drawn anew when they move."""

from collections.abc import Callable

from lecturekit.show.figure import png

# Okabe and Ito's colours, told apart by people with any kind of colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#555555"


def live(
    draw: Callable,
    describe: Callable,
    sliders: dict[str, tuple],
    buttons: dict[str, dict[str, float]] | None = None,
    *,
    width: float = 24,
):
    """An ipywidgets box: one slider for each name, the picture of `draw(**values)` (a
    matplotlib figure or a Pillow image), and its description.

    sliders: name -> (label, low, high, step, value), or (label, options, value) for a choice of texts, each
    `width` letters wide. buttons: label -> the values that a click gives to the sliders named. Attributes of
    the box for tests and scripts: `sliders` (by name), `buttons` (by label), `picture` (an Image) and `words`
    (an HTML text).
    """
    import ipywidgets
    import matplotlib.pyplot as plt

    made = {}
    space = min(7, 1 + 0.6 * max(len(label) for label, *_ in sliders.values()))  # letters' widths
    for name, (label, *given) in sliders.items():
        made[name] = _slider(given)
        made[name].description = label
        made[name].layout.width = f"{width}em"
        made[name].style.description_width = f"{space:.1f}em"
    picture = ipywidgets.Image(
        format="png", layout=ipywidgets.Layout(max_width="100%", align_self="flex-start")
    )
    words = ipywidgets.HTML()

    settling = False  # while a button moves many sliders, the picture waits for the last

    def update(_=None):
        if settling:
            return
        values = {name: slider.value for name, slider in made.items()}
        fig = draw(**values)
        picture.value = png(fig, dpi=80)
        if hasattr(fig, "savefig"):
            plt.close(fig)
        words.value = describe(**values)

    def button(label, values):
        def settle(_):
            nonlocal settling
            settling = True
            try:
                for name, value in values.items():
                    made[name].value = value
            finally:
                settling = False
            update()

        one = ipywidgets.Button(description=label)
        one.on_click(settle)
        return one

    for slider in made.values():
        slider.observe(update, names="value")
    update()
    clicks = {label: button(label, values) for label, values in (buttons or {}).items()}
    wrap = ipywidgets.Layout(flex_flow="row wrap")
    rows = [ipywidgets.HBox(list(row.values()), layout=wrap) for row in (made, clicks) if row]
    box = ipywidgets.VBox([*rows, words, picture])
    box.sliders, box.buttons, box.picture, box.words = made, clicks, picture, words
    return box


def _slider(given: list):
    """A slider over numbers (low, high, step, value), or over texts (options, value)."""
    import ipywidgets

    if len(given) == 2:
        options, value = given
        return ipywidgets.SelectionSlider(options=options, value=value)
    low, high, step, value = given
    written = ".2f" if step < 0.1 else ".1f" if step < 1 else ".0f"
    return ipywidgets.FloatSlider(min=low, max=high, step=step, value=value, readout_format=written)
