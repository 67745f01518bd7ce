"""Run the lesson notebooks again and store their outputs: `python -m lecturekit.notebooks [NAMES]`.

What is stored is the same from run to run: no times, no addresses, no live widgets or progress bars
(which are dead without their kernel). A notebook that fails is left as it was.
"""

import argparse
import re
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
TIMEOUT = 300  # seconds a cell
NOISE = ("application/vnd.jupyter.widget-view+json",)
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(path: Path) -> float:
    """Run one notebook from top to bottom in a fresh kernel and store its outputs; returns the seconds.

    Raises nbclient's CellExecutionError (with cell and traceback) or CellTimeoutError; the file stays then.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    started = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    ).execute()
    seconds = time.perf_counter() - started
    store(notebook, path)
    return seconds


def store(notebook, path: Path) -> None:
    """Write a notebook in the form in which it is kept."""
    import nbformat

    clean(notebook)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, indent=1)
    whole = path.with_suffix(".part")
    whole.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    whole.replace(path)


def clean(notebook) -> None:
    """Take out of a notebook, in place, what differs from run to run."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = [clean_output(o, count) for o in cell.outputs if not _is_noise(o)]


def clean_output(output, count: int):
    """One output without the addresses and process numbers of its session."""
    if output.output_type == "execute_result":
        output.execution_count = count
    if output.output_type == "stream":
        output.text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x…", output.text)
        output.text = re.sub(r"ipykernel_\d+", "ipykernel", output.text)
    return output


def _is_noise(output) -> bool:
    """A live widget (dead without its kernel) or a progress bar written as text."""
    if output.output_type in ("display_data", "execute_result"):
        return any(kind in output.data for kind in NOISE)
    return output.output_type == "stream" and output.name == "stderr" and "it/s" in output.text


def find(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """The notebooks of these names (with or without .ipynb), or all, homework too, when there is none.

    Raises ValueError for a name that is not there, listing those that are.
    """
    there = {
        path.stem: path for path in sorted(folder.glob("*.ipynb")) + sorted(folder.glob("homework/*.ipynb"))
    }
    if not there:
        raise ValueError(f"folder: no notebook in {folder}; expected the course's folder, installed in place")
    stems = [Path(name).stem for name in names] or list(there)
    for stem in stems:
        if stem not in there:
            raise ValueError(f"names: there is no notebook {stem!r}; expected some of {', '.join(there)}")
    return [there[stem] for stem in stems]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lecturekit.notebooks",
        description="Run the notebooks from top to bottom, each in a fresh kernel, and store their outputs.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="1_instance, ... (default: every notebook)")
    names = parser.parse_args(arguments).names
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    try:
        paths = find(names)
    except ValueError as error:
        parser.error(str(error))
    failed = 0
    for path in paths:
        print(f"{path.stem} ...", end=" ", flush=True)
        try:
            print(f"{execute(path):.0f} s")
        except (CellExecutionError, CellTimeoutError) as error:
            failed += 1
            print(f"failed; the stored notebook is as before\n{error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
