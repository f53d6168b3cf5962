"""Jobs that people write in a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core import JobError, Session, UnknownNameError, make_job
from nst_core.experiments.job_list import read_job_list, with_files_beside


def listed(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_job_list(tmp_path / name)


def test_a_row_of_csv_is_a_job(tmp_path):
    text = """\
content,style,size,style-weight,style_layers,levels,plugins,enlarge
a.jpg,x.png,512,1e6,conv1_1+conv2_1=0.5,256+512,tv:weight=5,true
"b, c.jpg", y.png; z.png ,,,,,,

"""
    first, second = listed(tmp_path, "jobs.csv", text)
    assert (first.content, first.styles) == ("a.jpg", ("x.png",))
    assert first.options == {
        "size": 512,
        "style_weight": 1e6,
        "style_layers": ["conv1_1", "conv2_1=0.5"],
        "levels": "256,512",
        "plugins": ["tv:weight=5"],
        "enlarge": True,
    }
    assert (second.content, second.styles, second.options) == ("b, c.jpg", ("y.png", "z.png"), {})


def test_a_table_of_toml_is_a_job_with_values_or_texts(tmp_path):
    text = """
[[jobs]]
content = "a.jpg"
style = ["x.png", "y.png"]
blend = [0.7, 0.3]
size = 512
style-weight = "1e6"

[[jobs]]
content = "a.jpg"
style = "x.png;y.png"
blend = "0.7+0.3"
"""
    first, second = listed(tmp_path, "jobs.toml", text)
    assert first.options == {"blend": [0.7, 0.3], "size": 512, "style_weight": 1e6}
    assert first.styles == second.styles == ("x.png", "y.png")
    assert second.options == {"blend": [0.7, 0.3]}
    assert second.place.endswith("jobs.toml', job 2")


def test_csv_of_a_spreadsheet_begins_with_a_mark(tmp_path):
    (job,) = listed(tmp_path, "jobs.csv", "\ufeffcontent,style\r\na.jpg,x.png\r\n")
    assert job.content == "a.jpg"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("jobs.csv", "content,style,sise\na,b,3\n", "line 2: unknown column 'sise'; did you mean 'size'"),
        ("jobs.csv", "content,style,size\na,b,3\na,b,big\n", "line 3: 'size' must be a whole number, not 'big'"),
        ("jobs.csv", "content,style\na,b,3\n", "line 2 has more values than columns"),
        ("jobs.csv", "content,content\na,b\n", "has the column 'content' twice"),
        ("jobs.csv", 'content,style\n"a,b\n', "is not valid CSV"),
        ("jobs.csv", "content,style,style-scale,style_scale\na,b,1,2\n", "'style_scale' is given twice"),
        ("jobs.csv", "content,style\n", "there are no jobs in .*; write a row for each"),
        ("jobs.csv", "", "there are no jobs in "),
        ("jobs.toml", "", r"there are no jobs in .*; write \[\[jobs\]\] for each"),
        ("jobs.toml", "[[jobs]]\nsize = true\n", "job 1: the option 'size' must be a whole number, not True"),
        ("jobs.toml", "[[jobs]]\ncontent = 3\n", "job 1: 'content' must be a path"),
        ("jobs.toml", "[[jobs]]\nstyle = [3]\n", "job 1: 'content' must be a path, and 'style'"),
        ("jobs.toml", "size = 3\n[[jobs]]\n", "has 'size' outside of"),
        ("jobs.toml", "jobs = 3\n", "must be an array of tables"),
        ("jobs.toml", "[[jobs]\n", "is not valid TOML"),
        ("jobs.txt", "", "a list of jobs is a .csv or .toml file"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, name, text, message):
    with pytest.raises(JobError, match=message):
        listed(tmp_path, name, text)


def test_a_list_that_is_not_there_or_not_utf_8(tmp_path):
    with pytest.raises(JobError, match=r"the list of jobs '.*none\.csv' cannot be read"):
        read_job_list(tmp_path / "none.csv")
    (tmp_path / "jobs.csv").write_text("content,style\n", encoding="utf-16")
    with pytest.raises(JobError, match="it is in UTF-16; save it in UTF-8"):
        read_job_list(tmp_path / "jobs.csv")
    with pytest.raises(UnknownNameError):
        listed(tmp_path, "jobs.csv", "contents\na\n")


def test_files_beside_the_list_are_found(tmp_path, registry, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lists").mkdir()
    for path in ("lists/a.jpg", "a.jpg", "x.png"):
        Path(path).touch()
    job = make_job("a.jpg", ["x.png", "none.png"], session=Session(registry), extractor="tiny", init="image:a.jpg")
    found = with_files_beside(job, Path("lists/jobs.csv"), registry)
    assert found.content.path == str(Path("lists/a.jpg"))
    assert [style.path for style in found.styles] == ["x.png", "none.png"]
    assert found.initializer.params["path"] == str(Path("lists/a.jpg"))
