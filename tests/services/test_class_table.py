"""Tables of classes, as InVEST's users have them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mineeco_xr.errors import DataError, ParameterError, SchemaError
from mineeco_xr.services.class_table import label_of, read_class_table, read_csv

FRAME = pd.DataFrame({"lucode": [30, -1, 7], "Kc": [0.5, 1, 2], "name": ["a", "b", "c"]})


@pytest.mark.parametrize(
    "text",
    [
        "lucode,Kc,name\n30,0.5,a\n-1,1,b\n7,2,c\n",
        "\ufeffLUCODE , KC,name\r\n30,0.5,a\r\n-1,1,b\r\n7,2,c\r\n",
        "lucode;kc;name\n30;0.5;a\n-1;1;b\n7;2;c\n;;\n",
        'Kc,lucode,name\n0.5,30.0,"a, or more"\n1,-1,b\n2,7,c\n\n',
        "lucode\tkc\n30\t0.5\n-1\t1\n7\t2\n",
        "lucode,kc\n30,0.5,\n-1,1,\n7,2,\n",
    ],
    ids=[
        "plain",
        "byte order mark and spaces",
        "semicolons",
        "quoted, codes as decimals",
        "tabs",
        "rows that end in a separator",
    ],
)
def test_files_as_they_come(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    for table in (path, str(path)):
        found = read_class_table(table, ["kc"], name="table")
        assert found.index.tolist() == [-1, 7, 30]
        assert found.index.dtype == np.int64
        assert found["kc"].tolist() == [1, 2, 0.5]
        assert found.columns.tolist() == ["kc"]


def test_frames_and_their_index():
    for frame in (FRAME, FRAME.set_index("lucode"), FRAME.set_index("lucode", drop=False),
                  FRAME.astype({"lucode": "float32"}), FRAME.astype({"Kc": str}),
                  FRAME.rename(columns={"Kc": " kC"})):  # fmt: skip
        before = frame.copy()
        found = read_class_table(frame, ["kc"], name="table")
        assert found["kc"].to_dict() == {-1: 1.0, 7: 2.0, 30: 0.5}
        pd.testing.assert_frame_equal(frame, before)
    assert read_class_table(FRAME, [], name="table").index.tolist() == [-1, 7, 30]


def test_other_keys():
    frame = FRAME.rename(columns={"lucode": "WS_ID"})
    assert read_class_table(frame, ["kc"], name="table", key="ws_id").index.name == "ws_id"
    with pytest.raises(ParameterError, match="kc of ws_id 7 is 2; expected 0 to 1"):
        read_class_table(frame, ["kc"], name="table", key="ws_id", ranges={"kc": (0, 1)})
    with pytest.raises(SchemaError, match=r"two rows of ws_id \[7\]"):
        read_class_table(pd.concat([frame, frame[2:]]), ["kc"], name="table", key="ws_id")


def test_bad_tables(tmp_path):
    with pytest.raises(SchemaError, match=r"the table has no column \['root'\].*\['lucode', 'kc'"):
        read_class_table(FRAME, ["kc", "root"], name="the table")
    with pytest.raises(SchemaError, match=r"no column \['lucode'\]"):
        read_class_table(FRAME.drop(columns="lucode"), ["kc"], name="the table")
    with pytest.raises(SchemaError, match=r"two columns named \['kc'\]"):
        read_csv(FRAME.assign(KC=1), name="the table")
    with pytest.raises(SchemaError, match=r"two rows of lucode \[7, 30\]: keep one of each"):
        read_class_table(pd.concat([FRAME, FRAME[2:], FRAME[:1]]), ["kc"], name="the table")
    for wrong, shown in ((2.5, "2.5"), (np.nan, "nan"), (np.inf, "inf")):
        with pytest.raises(SchemaError, match=f"lucode .*{shown}.* is no whole number"):
            read_class_table(FRAME.assign(lucode=[30, wrong, 7]), ["kc"], name="the table")
    with pytest.raises(SchemaError, match="lucode 'forest' is no whole number"):
        read_class_table(FRAME.assign(lucode=["1", "forest", "7"]), ["kc"], name="the table")
    for wrong in ("high", None, np.inf):
        with pytest.raises(SchemaError, match=r"kc of class -1 is .*; expected a number"):
            read_class_table(FRAME.assign(Kc=[1, wrong, 2]), ["kc"], name="the table")
    with pytest.raises(ParameterError, match=r"kc of class 7 is 2; expected 0 to 1.5"):
        read_class_table(FRAME, ["kc"], name="the table", ranges={"kc": (0, 1.5), "other": (5, 6)})
    assert len(read_class_table(FRAME, ["kc"], name="t", ranges={"kc": (0.5, 2)})) == 3
    with pytest.raises(DataError, match=r"absent\.csv does not exist"):
        read_csv(tmp_path / "absent.csv", name="the table")
    with pytest.raises(SchemaError, match="the table is dict; expected a DataFrame or the path"):
        read_csv({"lucode": [1]}, name="the table")
    (tmp_path / "local.csv").write_bytes("lucode,林,kc\n1,a,2\n".encode("gbk"))
    with pytest.raises(DataError, match="Save it in UTF-8"):
        read_csv(tmp_path / "local.csv", name="the table")
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match=r"noise.csv cannot be read as CSV"):
        read_csv(tmp_path / "noise.csv", name="the table")


def test_labels_for_the_history(tmp_path):
    assert label_of(None) is None
    assert label_of(FRAME) == "table"
    assert label_of(tmp_path / "a.csv").endswith("a.csv")
