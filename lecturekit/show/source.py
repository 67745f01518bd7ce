"""Show code of the package in a notebook, as it is: never a copy that grows old."""

import ast
import inspect
import textwrap


def source(*objects, docstring: bool = True) -> None:
    """Display the source of functions, classes or methods, highlighted, under their full names.

    `docstring=False` leaves out the docstring of each object shown (those inside a class stay).
    Raises ValueError for an object that has no Python source.
    """
    from IPython.display import display

    for item in objects:
        text = f"# {_where(item)}\n{text_of(item, docstring=docstring)}"
        display({"text/markdown": f"```python\n{text}\n```", "text/plain": text}, raw=True)


def text_of(item, *, docstring: bool = True) -> str:
    """The source text of one object, without the indentation that it has in its file."""
    item = inspect.unwrap(getattr(item, "__func__", item))
    if isinstance(item, property):
        item = item.fget
    try:
        text = textwrap.dedent(inspect.getsource(item)).rstrip()
    except (TypeError, OSError) as error:
        raise ValueError(
            f"objects: {item!r} has no Python source; expected a function, class or method of lecturekit"
        ) from error
    return text if docstring else _without_docstring(text)


def _without_docstring(text: str) -> str:
    definition = ast.parse(text).body[0]
    if ast.get_docstring(definition) is None:
        return text
    node = definition.body[0]
    lines = text.splitlines()
    end = node.end_lineno
    while end < len(lines) and not lines[end].strip():
        end += 1
    return "\n".join(lines[: node.lineno - 1] + lines[end:])


def _where(item) -> str:
    item = inspect.unwrap(getattr(item, "__func__", item))
    if isinstance(item, property):
        item = item.fget
    return f"{item.__module__}.{item.__qualname__}"
