"""The stored result of a claim, in words and as a picture: every seed of both arms, and the difference."""

from lecturekit.show.explore.live import BLUE, GREY, ORANGE


def findings(result: dict) -> None:
    """Print a claim's sentence and verdict, and for each comparison in how many of the seeds the favoured arm
    was above the other, and where the 95 % interval of the mean difference lies.

    result: as `lecturekit.claims.stored(name)` returns it.
    """
    print(f"{result['sentence']} -> {result['verdict']} ({len(result['seeds'])} seeds)")
    for comparison in result["comparisons"]:
        pairs = list(zip(*(arm["values"] for arm in comparison["arms"].values()), strict=True))
        ahead = sum(one > other for one, other in pairs)
        lies = "lies above" if comparison["low"] > 0 else "lies below" if comparison["high"] < 0 else "holds"
        arms = " above ".join(comparison["arms"])
        print(f"  {comparison['what']}: {arms} in {ahead} of {len(pairs)}; the interval {lies} zero")


def evidence(result: dict):
    """A figure of a claim's result, as `lecturekit.claims.stored(name)` returns it.

    One panel for each comparison: the two arms' values, joined seed by seed, their means as bars, and above
    them the mean difference with its 95 % confidence interval.
    """
    import matplotlib.pyplot as plt

    comparisons = result["comparisons"]
    shape = (3.6 * len(comparisons), 3.4)
    fig, axes = plt.subplots(1, len(comparisons), figsize=shape, squeeze=False, layout="constrained")
    for ax, comparison in zip(axes[0], comparisons, strict=True):
        arms = comparison["arms"]
        pairs = list(zip(*(arm["values"] for arm in arms.values()), strict=True))
        for pair in pairs:
            ax.plot([0, 1], pair, color=GREY, linewidth=1, zorder=1)
        for x, (arm, colour, marker) in enumerate(zip(arms.values(), (BLUE, ORANGE), "os", strict=True)):
            ax.scatter([x] * len(pairs), arm["values"], s=46, color=colour, marker=marker, zorder=2)
            ax.hlines(arm["mean"], x - 0.18, x + 0.18, color=colour, linewidth=4, zorder=3)
        ax.set_xticks([0, 1], list(arms))
        ax.set_xlim(-0.5, 1.5)
        difference = "{difference:+.3f}\n95 %: {low:+.3f} to {high:+.3f}".format(**comparison)
        ax.set_title(f"{comparison['what']}\n{difference}", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    return fig
