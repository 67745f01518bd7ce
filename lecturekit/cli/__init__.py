"""The command line: `lecturekit list | train | evaluate | predict | sample | translate | upscale | …`.

Nothing heavy is imported here: `lecturekit --help` doesn't wait for torch.
"""

from typing import Annotated

import typer

import lecturekit
from lecturekit.cli.catalogue import evaluate, list_systems, train
from lecturekit.cli.checks import claims, doctor
from lecturekit.cli.generate import sample, upscale
from lecturekit.cli.homework import app as homework
from lecturekit.cli.predict import predict
from lecturekit.cli.report import Course
from lecturekit.cli.translate import translate

app = typer.Typer(
    cls=Course,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_systems)
for command in (train, evaluate, predict, sample, translate, upscale, claims, doctor):
    app.command()(command)
app.add_typer(homework, name="homework")


def version(asked: bool) -> None:
    if asked:
        print(lecturekit.__version__)
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The networks of the course: train them, measure them, let them look at your photos.

    Everything works on a laptop, without a GPU and without a network. Each command has a --help with
    examples, and a --json that prints its result as JSON, and nothing else, to standard output.

    \b
    A first walk:
      lecturekit doctor                       is everything installed as it should be?
      lecturekit list                         which networks are there?
      lecturekit evaluate mask_rcnn           how good are the weights that come along?
      lecturekit train mask_rcnn              train it yourself: about 90 seconds
      lecturekit predict mask_rcnn photo.jpg  what does it see in my photo?
      lecturekit sample conditional_gan       let a network draw digits
      lecturekit translate cyclegan day.png   what would this street look like by night?
      lecturekit upscale srgan photo.jpg      four times as large
      lecturekit claims                       is it true what the lectures say?
    """


def main() -> None:
    """The entry point of `lecturekit` and of `python -m lecturekit`."""
    app()
