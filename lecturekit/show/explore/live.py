"""The common frame of the widgets: sliders above a picture that is drawn anew when they move."""

from collections.abc import Callable

from lecturekit.show.figure import png

# Okabe and Ito's colours, told apart by people with any kind of colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#555555"


def live(draw: Callable, describe: Callable, sliders: dict[str, tuple]):
    """An ipywidgets box: one slider for each name, the picture of `draw(**values)`, and its description.

    sliders: name -> (label, low, high, step, value). Attributes of the box for tests and scripts: `sliders`
    (by name), `picture` (an Image) and `words` (an HTML text).
    """
    import ipywidgets
    import matplotlib.pyplot as plt

    made = {}
    for name, (label, low, high, step, value) in sliders.items():
        made[name] = ipywidgets.FloatSlider(
            description=label,
            min=low,
            max=high,
            step=step,
            value=value,
            readout_format=".2f" if step < 0.1 else ".1f",
            layout=ipywidgets.Layout(width="24em"),
            style={"description_width": "7em"},
        )
    picture = ipywidgets.Image(
        format="png", layout=ipywidgets.Layout(max_width="100%", align_self="flex-start")
    )
    words = ipywidgets.HTML()

    def update(_=None):
        values = {name: slider.value for name, slider in made.items()}
        fig = draw(**values)
        picture.value = png(fig, dpi=80)
        plt.close(fig)
        words.value = describe(**values)

    for slider in made.values():
        slider.observe(update, names="value")
    update()
    rows = ipywidgets.HBox(list(made.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))
    box = ipywidgets.VBox([rows, words, picture])
    box.sliders, box.picture, box.words = made, picture, words
    return box
