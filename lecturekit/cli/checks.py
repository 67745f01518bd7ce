"""`lecturekit claims` and `doctor`: are the lectures' sentences true, and is the installation sound?"""

from typing import Annotated

import typer

from lecturekit.cli.options import AsJson
from lecturekit.cli.report import result, say, table


def claims(
    name: Annotated[str | None, typer.Argument(help="A claim to test again.", show_default=False)] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2, max=10, help="Repetitions; the claim's own number by default.", show_default=False
        ),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Keep the result in the package, for the notebooks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The lectures' sentences, put to the test.

    Each claim is an experiment: two arms on equal budgets, several seeds, and a verdict from the 95 %
    confidence intervals of the paired differences: "shown", "not shown" or "contradicted".

    Without NAME the stored outcomes are listed. With NAME the experiment is done again, which takes minutes;
    finished parts are kept in runs/claims, so a broken-off run goes on where it was.

    --json: without NAME [{claim, lecture, sentence, verdict, seeds, date}], with NAME the whole result.

    \b
    Examples:
      lecturekit claims
      lecturekit claims roi_align --seeds 3 --json
    """
    from lecturekit import claims as tested

    if name is None:
        if seeds or store:
            raise ValueError("--seeds and --store go with a claim's name")
        result([_outcome(tested, known) for known in tested.names()], as_json, _show_outcomes)
        return
    say(f"Claim: {tested.get(name).sentence}")
    found = tested.run(name, seeds=seeds, progress=True)
    if store:
        say(f"stored in {tested.store(found)}")
    result(found, as_json, _show_experiment)


def _outcome(tested, name: str) -> dict:
    claim, found = tested.get(name), tested.stored(name) or {}
    told = {"claim": name, "lecture": claim.lecture, "sentence": claim.sentence}
    return told | {key: found.get(key) for key in ("verdict", "seeds", "date")}


def _show_outcomes(outcomes: list[dict]) -> None:
    rows = [[o["claim"], o["verdict"] or "not tested yet", o["sentence"]] for o in outcomes]
    table(["claim", "verdict", "sentence"], rows)


def _show_experiment(found: dict) -> None:
    rows = []
    for one in found["comparisons"]:
        arms = [f"{arm} {a['mean']:.3f} ± {a['deviation']:.3f}" for arm, a in one["arms"].items()]
        rows.append([one["what"], *arms, f"{one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"])
    table(["", "", "", "difference (95 %)"], rows)
    print(f"{found['verdict']} ({len(found['seeds'])} seeds, {found['seconds']} s)")


def doctor(as_json: AsJson = False) -> None:
    """Is the installation sound? If not, how to mend it?

    Compares Python and the libraries with the versions that the course was tested with (requirements.lock),
    tries torch, torchvision's operators, the shipped weights and the drawing, and tells threads, graphics
    processor, browser and disk. The exit code is 1 if something is broken; a note breaks nothing.

    --json: {ok, checks: [{name, status: "ok" | "note" | "wrong", found, mend}]}.

    \b
    Examples:
      lecturekit doctor
      lecturekit doctor --json
    """
    from lecturekit.doctor import examine

    checks = examine()
    wrong = [check for check in checks if check["status"] == "wrong"]
    result({"ok": not wrong, "checks": checks}, as_json, _show_checks)
    if wrong:
        raise typer.Exit(1)


def _show_checks(told: dict) -> None:
    signs = {"ok": "ok", "note": "note", "wrong": "WRONG"}
    table(["", "what", "found"], [[signs[c["status"]], c["name"], c["found"]] for c in told["checks"]])
    for check in told["checks"]:
        if check["mend"]:
            print(f"\n{check['name']}: {check['mend']}")
    print("\nEverything is as it should be." if told["ok"] else "\nThe installation is broken, see above.")
