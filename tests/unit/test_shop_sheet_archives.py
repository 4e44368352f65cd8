"""Zips of exports."""

import zipfile

import pytest
import xlsxwriter

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import package, read_tables


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path):
    with pytest.raises(ShopDataError) as caught:
        read_tables(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def workbook(tmp_path):
    with xlsxwriter.Workbook(str(tmp_path / "w.xlsx")) as book:
        book.add_worksheet("一月").write(0, 0, "订单")
    return (tmp_path / "w.xlsx").read_bytes()


def test_every_export_in_the_zip_is_read(tmp_path):
    members = {"日报/": b"", "日报/a.csv": b"a,b\n", "b.xlsx": workbook(tmp_path), "__MACOSX/a.csv": b"\0", ".hidden.csv": b"\0", "说明.md": b"x"}
    tables = read_tables(zipped(tmp_path / "a.zip", members))
    assert [(table.sheet, table.frame.rows()) for table in tables] == [("日报/a.csv", [("a", "b")]), ("b.xlsx/一月", [("订单",)])]


def test_one_file_in_a_zip_is_as_if_alone(tmp_path):
    assert [table.sheet for table in read_tables(zipped(tmp_path / "a.zip", {"订单.xlsx": workbook(tmp_path)}))] == ["一月"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_without_the_mark_for_utf8(tmp_path, encoding):
    names = {f"{number}{text}.csv".encode(encoding): f"{number}{text}.csv" for number, text in enumerate(["订单", "商品"])}
    path = zipped(tmp_path / "a.zip", {("x" * (len(raw) - 1) + str(number)): b"a,b\n" for number, raw in enumerate(names)})
    content = path.read_bytes()
    for number, raw in enumerate(names):
        content = content.replace(b"x" * (len(raw) - 1) + str(number).encode(), raw)
    path.write_bytes(content)
    assert [table.sheet for table in read_tables(path)] == list(names.values())


def test_progress_rises_to_one(tmp_path):
    heard = []
    read_tables(zipped(tmp_path / "a.zip", {f"{n}.csv": b"a,b\n" for n in range(4)}), heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0


def test_a_refused_member_is_named(tmp_path):
    assert "b.csv in a.zip is a PDF" in refused(zipped(tmp_path / "a.zip", {"a.csv": b"a,b\n", "b.csv": b"%PDF-1.7"}))


def test_a_zip_inside_a_zip(tmp_path):
    inner = zipped(tmp_path / "i.zip", {"a.csv": b"a"}).read_bytes()
    assert "zip inside a zip" in refused(zipped(tmp_path / "a.zip", {"a.csv": inner}))


@pytest.mark.parametrize("members", [{}, {"a.pdf": b"x", "b.zip": b"x"}])
def test_nothing_to_read(tmp_path, members):
    assert "no .csv" in refused(zipped(tmp_path / "a.zip", members))


def test_too_many_files(tmp_path):
    assert "50" in refused(zipped(tmp_path / "a.zip", {f"{n}.csv": b"a" for n in range(51)}))


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    from ecops.shop.sheet import archive

    monkeypatch.setattr(archive, "MOST_UNPACKED", 2**20)
    assert archive.MOST_UNPACKED < package.MOST_UNPACKED
    assert "unpacks to more than" in refused(zipped(tmp_path / "a.zip", {"a.csv": b"a\n" * 2**18, "b.csv": b"a\n" * (2**18 + 1)}))


def test_a_zip_under_a_password(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.csv": b"a,b\n"})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "password" in refused(path)


def test_a_zip_cut_short(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.csv": b"a,b\n" * 99})
    path.write_bytes(path.read_bytes()[:-40])
    assert "damaged" in refused(path)
