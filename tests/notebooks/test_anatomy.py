"""The rules that every lesson keeps. nbval checks what cells print; it can't see cells never run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
IGNORED = "nbval-ignore-output"
SHOWS = re.compile(r"\bprint\(|\bshow\.(source|figure)\(|\.check\(|\.show\(\)")
MINUTES = re.compile(r"\((\d+) min\)$")

# Terms of the field and what the Korean notes call them: at its first use a term stands with its Korean one.
KOREAN = {
    "instance segmentation": "개체 분할",
    "semantic segmentation": "의미론적 분할",
    "object detection": "객체 검출",
    "feature pyramid": "특징 피라미드",
    "region proposal network": "영역 제안 네트워크",
    "region of interest": "관심 영역",
    "bilinear interpolation": "이중 선형 보간",
    "non-maximum suppression": "비최대 억제",
    "average precision": "평균 정밀도",
    "panoptic segmentation": "파놉틱 분할",
    "receptive field": "수용 영역",
    "heat map": "히트맵",
    "keypoint detection": "키포인트 검출",
    "prototypes": "프로토타입",
    "linear combination": "선형 결합",
    "key frame": "키 프레임",
    "optical flow": "광학 흐름",
    "super-resolution": "초해상도",
    "conditional generative model": "조건부 생성 모델",
    "generative adversarial network": "적대적 생성 신경망",
    "generator": "생성자",
    "discriminator": "판별자",
    "mode collapse": "모드 붕괴",
    "supervised learning": "지도 학습",
    "self-supervised learning": "자기 지도 학습",
}


def read(path):
    return nbformat.read(path, as_version=4)


def code(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code" and cell.source.strip()]


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def tags(cell):
    return cell.metadata.get("tags", [])


def wrong_cells(cells):
    """What is wrong with code cells: never run, not run in order, or stripped of what they show."""
    wrong, count = [], 0
    for number, cell in enumerate(cells):
        if "nbval-skip" in tags(cell):
            continue
        count += 1
        if not cell.source.strip():
            wrong.append(f"cell {number} is empty")
        elif cell.execution_count != count:
            wrong.append(f"cell {number} was not run in order: [{cell.execution_count}], expected [{count}]")
        elif SHOWS.search(cell.source) and not cell.outputs and IGNORED not in tags(cell):
            wrong.append(f"cell {number} shows something and has no output")
        elif any(out.output_type == "error" for out in cell.outputs):
            wrong.append(f"cell {number} ended in an error")
    return wrong


def long_functions(source):
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    return [f.name for f in functions if f.end_lineno - f.lineno + 1 > 10]


def test_there_are_lessons():
    assert [path.stem for path in LESSONS][:1] == ["1_instance"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
class TestLesson:
    def test_every_cell_was_run_and_kept_what_it_shows(self, path):
        assert wrong_cells([c for c in read(path).cells if c.cell_type == "code"]) == []

    def test_code_is_short(self, path):
        for cell in code(path):
            assert len(cell.source.splitlines()) <= 15, cell.source
            assert max(map(len, cell.source.splitlines())) <= 110, cell.source
            assert long_functions(cell.source) == []
            assert not re.search(r";\s*$", cell.source, re.MULTILINE), f"trailing ';': {cell.source}"
            assert not cell.source.lstrip().startswith(("!", "%")), cell.source

    def test_outputs_hold_facts_only(self, path):
        """No addresses, clocks, widgets' state or figures' reprs: nothing that another run would say."""
        notebook = read(path)
        assert "widgets" not in notebook.metadata
        for cell in code(path):
            assert "execution" not in cell.metadata
            if IGNORED in tags(cell):
                continue
            for out in cell.outputs:
                text = out.get("text", "") + "".join(map(str, out.get("data", {}).get("text/plain", "")))
                assert not re.search(r"\b0x[0-9a-f]{6}|<Figure size|it/s\]|<Axes", text), text
                assert out.get("name") != "stderr", text
                assert not re.search(r"\d\.\d{5,}", text), f"digits that no two machines share: {text}"

    def test_pictures_have_alternative_texts(self, path):
        pictures = 0
        for cell in code(path):
            for out in cell.outputs:
                if "image/png" in out.get("data", {}):
                    pictures += 1
                    alt = out.metadata.get("image/png", {}).get("alt", "")
                    assert len(alt.split()) >= 5, f"no alternative text: {cell.source}"
        assert pictures >= 5
        for alt in re.findall(r"!\[(.*?)\]\(", prose(path)):
            assert len(alt.split()) >= 5

    def test_sections_say_how_long_they_take(self, path):
        headings = re.findall(r"^## (.*)$", prose(path), re.MULTILINE)
        assert len(headings) >= 5
        minutes = [MINUTES.search(heading) for heading in headings]
        assert all(minutes), [h for h, m in zip(headings, minutes, strict=True) if not m]
        total = sum(int(m.group(1)) for m in minutes)
        assert f"{total} minutes" in prose(path), (
            f"the sections take {total} minutes; the opening says otherwise"
        )

    def test_terms_stand_with_their_korean_ones_at_first_use(self, path):
        text = re.sub(r"\s+", " ", re.sub(r"[*_`]", "", prose(path)))
        for english, korean in KOREAN.items():
            first = re.search(rf"\b{english}", text, re.IGNORECASE)
            if first:
                after = text[first.end() : first.end() + 40]
                assert korean in after, f"{english!r} first stands before {after!r}, without {korean}"

    def test_the_anatomy_of_a_lesson(self, path):
        everything = "\n".join(cell.source for cell in code(path))
        text = prose(path)
        assert "show.source(" in everything
        assert "show.watch(" in everything
        assert re.search(r"predict before you run", text, re.IGNORECASE)
        assert re.search(r"^#+ .*\bremember\b", text, re.MULTILINE | re.IGNORECASE)
        assert re.search(r"^#+ .*\breferences\b", text, re.MULTILINE | re.IGNORECASE)
        hidden = [c for c in code(path) if c.metadata.get("jupyter", {}).get("source_hidden")]
        assert hidden or "<details>" in text, "exercises have folded solutions"

    def test_a_widget_follows_a_checked_cell(self, path):
        cells = code(path)
        widgets = [i for i, c in enumerate(cells) if "explore." in c.source and IGNORED in tags(c)]
        assert widgets
        for i in widgets:
            before = cells[i - 1]
            assert IGNORED not in tags(before)
            assert any(out.output_type == "stream" for c in cells[max(0, i - 2) : i] for out in c.outputs)

    @pytest.mark.slow
    def test_the_first_cell_does_not_wait_for_torchvision(self, path):
        source = code(path)[0].source + "\nimport sys; assert 'torchvision' not in sys.modules"
        subprocess.run([sys.executable, "-c", source], check=True, cwd=path.parent)


def cell(source="print(1)", count=1, outputs=None, **metadata):
    made = nbformat.v4.new_code_cell(source, execution_count=count, metadata=metadata)
    shown = [nbformat.v4.new_output("stream", name="stdout", text="1\n")] if outputs is None else outputs
    made.outputs = shown
    return made


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([cell(count=None)], "not run in order"),
        ([cell(), cell(count=3)], "not run in order"),
        ([cell(outputs=[])], "has no output"),
        ([cell("show.figure(fig, alt='x')", outputs=[])], "has no output"),
        ([cell(" ")], "empty"),
        ([cell(outputs=[nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])])], "error"),
    ],
)
def test_the_guard_sees_cells_that_nbval_passes(cells, words):
    assert words in " ".join(wrong_cells(cells))


def test_the_guard_lets_good_cells_pass():
    good = [
        cell(),
        cell("x = 1", 2, []),
        cell(count=None, outputs=[], tags=["nbval-skip"]),
        cell("print(1)", 3, [], tags=[IGNORED]),
    ]
    assert wrong_cells(good) == []
    assert long_functions("def f():\n" + "    x = 1\n" * 10) == ["f"]
    assert long_functions("def f():\n" + "    x = 1\n" * 9) == []
