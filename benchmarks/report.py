"""The measured rows as a table for the terminal and as a plot for the wall."""

from pathlib import Path

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito's, told apart by everyone
MARKERS = "osD^"


def line(row: dict) -> str:
    """A row as a line of text."""
    ratio = "{median:8.2f}x  ({low:.2f} to {high:.2f})".format(**row["ratio"])
    ms = " / ".join(f"{value:.3g}" for value in row["ms"].values())
    return f"{title(row):44} {ratio:28} {row['other']:28} {ms} ms"


def title(row: dict) -> str:
    """What a row is about: system or part, size, what is timed."""
    return f"{row['ours']}, {row['size']}: {row['what']}"


def panels(rows: list[dict], systems: list[str]) -> dict[str, list[dict]]:
    """The rows by panel: whole networks, parts, video; panels without rows are left out."""
    sorted_out = {
        "Whole networks": [r for r in rows if r["name"] in systems and r["what"] != "video"],
        "Parts": [r for r in rows if r["name"] not in systems],
        "Video": [r for r in rows if r["what"] == "video"],
    }
    return {name: found for name, found in sorted_out.items() if found}


def plot(rows: list[dict], systems: list[str], path: Path) -> None:
    """Every ratio as a point with its quartiles, on a logarithmic axis; right of 1 ours is the faster one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = panels(rows, systems)
    titles = {name: list(dict.fromkeys(map(title, own))) for name, own in found.items()}
    heights = [len(own) + 1.6 for own in titles.values()]
    fig, axes = plt.subplots(
        len(found), 1, figsize=(13, 0.52 * sum(heights)), height_ratios=heights, squeeze=False
    )
    for ax, (name, own) in zip(axes[:, 0], found.items(), strict=True):
        others = list(dict.fromkeys(row["other"] for row in own))
        for i, other in enumerate(others):
            points = [row for row in own if row["other"] == other]
            y = [titles[name].index(title(row)) + 0.16 * (i - (len(others) - 1) / 2) for row in points]
            middle = [row["ratio"]["median"] for row in points]
            reach = [
                [row["ratio"]["median"] - row["ratio"]["low"] for row in points],
                [row["ratio"]["high"] - row["ratio"]["median"] for row in points],
            ]
            style = {"color": COLOURS[i % 4], "marker": MARKERS[i % 4], "markersize": 10, "capsize": 4}
            ax.errorbar(middle, y, xerr=reach, linestyle="", elinewidth=2, label=other, **style)
        ax.axvline(1, color="#555555", linewidth=1.5)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}x")
        ax.set_yticks(range(len(titles[name])), titles[name], fontsize=14)
        ax.set_ylim(len(titles[name]) - 0.4, -0.6)
        ax.tick_params(axis="x", labelsize=14)
        ax.set_title(f"{name}: times as fast as", fontsize=16, loc="left")
        ax.legend(fontsize=13, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        ax.grid(axis="x", color="#dddddd")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
