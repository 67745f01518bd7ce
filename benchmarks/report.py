"""The measured rows as lines for the terminal and as a plot for the wall."""

from pathlib import Path

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito's, told apart by everyone
MARKERS = "osD^"
PARTS = {"assembly": "YOLACT's mask assembly", "nms": "Fast NMS", "roi_align": "RoIAlign as matrix products"}


def line(row: dict) -> str:
    """A row as a line of text."""
    ratio = "{median:8.2f}x  ({low:.2f} to {high:.2f})".format(**row["ratio"])
    ms = " / ".join(f"{value:.3g}" for value in row["ms"].values())
    return f"{row['ours']}, {title(row):32} {ratio:28} {row['other']:28} {ms} ms"


def title(row: dict) -> str:
    """What a row is about: its size, and what is timed."""
    return f"{row['size']}: {row['what']}"


def panels(rows: list[dict], systems: list[str]) -> dict[str, list[dict]]:
    """The rows by panel: the systems' inference, their training, each part, video; none without rows."""
    own = [row for row in rows if row["name"] in systems]
    found = {"Inference": [row for row in own if row["what"] == "inference"]}
    found["Training step"] = [row for row in own if row["what"] == "training step"]
    for part, name in PARTS.items():
        found[name] = [row for row in rows if row["name"] == part]
    for name in dict.fromkeys(row["name"] for row in own if row["what"] == "video"):
        found[name] = [row for row in own if row["name"] == name and row["what"] == "video"]
    return {name: rows for name, rows in found.items() if rows}


def label(row: dict) -> str:
    """A row's name within its panel."""
    if row["what"] in ("inference", "training step"):
        return f"{row['ours']}, {row['size']}"
    if row["what"] == "video":
        return f"{row['size']}, {row['ours'].split(', ')[1]}"
    return title(row)


def plot(rows: list[dict], systems: list[str], path: Path) -> None:
    """Every ratio as a point with its quartiles, on a logarithmic axis; right of 1 ours is the faster one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    found = panels(rows, systems)
    labels = {name: list(dict.fromkeys(map(label, own))) for name, own in found.items()}
    heights = [len(own) + 2 for own in labels.values()]
    fig, axes = plt.subplots(
        len(found), 1, figsize=(12, 0.5 * sum(heights)), height_ratios=heights, squeeze=False
    )
    for ax, (name, own) in zip(axes[:, 0], found.items(), strict=True):
        others = list(dict.fromkeys(row["other"] for row in own))
        for i, other in enumerate(others):
            points = [row for row in own if row["other"] == other]
            y = [labels[name].index(label(row)) + 0.3 * (i - (len(others) - 1) / 2) for row in points]
            middle = [row["ratio"]["median"] for row in points]
            reach = [
                [row["ratio"]["median"] - row["ratio"]["low"] for row in points],
                [row["ratio"]["high"] - row["ratio"]["median"] for row in points],
            ]
            style = {"color": COLOURS[i % 4], "marker": MARKERS[i % 4], "markersize": 9, "capsize": 3}
            ax.errorbar(middle, y, xerr=reach, linestyle="", elinewidth=2, label=f"as {other}", **style)
            for row, height in zip(points, y, strict=True):
                place = (row["ratio"]["high"], height)
                text = f"{row['ratio']['median']:.3g}x"
                patch = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                shown = {"textcoords": "offset points", "va": "center", "fontsize": 11, "bbox": patch}
                ax.annotate(text, place, (8, 0), **shown)
        ax.axvline(1, color="#555555", linewidth=1.5)
        ends = [row["ratio"][end] for row in own for end in ("low", "high")]
        ax.set_xscale("log")
        ax.set_xlim(min(0.5, min(ends) / 1.3), max(2.0, max(ends) * 1.6))
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}x")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_yticks(range(len(labels[name])), labels[name], fontsize=13)
        ax.set_ylim(len(labels[name]) - 0.4, -0.6)
        ax.tick_params(axis="x", labelsize=12)
        ax.set_title(f"{name}: how many times as fast", fontsize=15, loc="left")
        ax.legend(fontsize=12, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        ax.grid(axis="x", color="#dddddd")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, dpi=100, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
