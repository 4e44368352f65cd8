"""An import that dies anywhere leaves every table as before or as after; the same file again brings what is lacking, once."""

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecops.shop.imports import import_file
from ecops.shop.lake import Lake

CHILD = Path(__file__).with_name("import_child.py")
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "子订单编号,主订单编号,标题,价格,购买数量,订单状态,商家编码,买家应付货款,买家实际支付金额,退款状态,退款金额,订单创建时间,订单付款时间"
ROWS = 4_000


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Lines of orders: every hundredth cannot be trusted."""
    path = tmp_path_factory.mktemp("files") / "lines.csv"
    lines = (
        f"{n},{n // 2},面膜,{'?' if n % 100 == 7 else '9.90'},1,交易成功,A{n},9.90,9.90,没有申请退款,0,2025-11-11 00:00:01,2025-11-11 00:01:01" for n in range(ROWS)
    )
    path.write_text("\n".join([HEAD, *lines]), encoding="gb18030")
    return path


def start(lake, export, *words):
    return subprocess.Popen([sys.executable, str(CHILD), str(lake), str(export), *words], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})


def whole(lake, kind):
    return lake.everything(kind, ["s"]).collect()


def must_be_before_or_after(lake):
    assert len(whole(lake, "order_lines")) in (0, ROWS - ROWS // 100)
    assert len(lake.quarantined("s")) in (0, ROWS // 100)


def must_be_complete(lake, export):
    [report] = import_file(lake, export, "s", NOW)
    assert report.rows == ROWS == report.loaded + report.duplicates + report.replaced + report.refused
    assert report.replaced == 0 and len(whole(lake, "order_lines")) == ROWS - ROWS // 100
    assert whole(lake, "order_lines")["line_id"].is_unique().all()
    assert len(lake.quarantined("s")) == ROWS // 100


@pytest.mark.parametrize("point", ["compared", "committing", "committed"])
@pytest.mark.parametrize("nth", [1, 2])
def test_death_at_every_commit_of_an_import(tmp_path, export, point, nth):
    assert start(tmp_path, export, point, str(nth)).wait(120) == 9
    lake = Lake(str(tmp_path))
    must_be_before_or_after(lake)
    must_be_complete(lake, export)


def test_kill_9_at_any_moment_of_an_import(tmp_path, export):
    """The moments are told by the files of the lake: killed as soon as there are so many of them."""
    dice = random.Random(11)
    for turn in range(5):
        folder, wanted = tmp_path / str(turn), dice.randint(1, 14)
        process = start(folder, export)
        while process.poll() is None and sum(1 for path in folder.rglob("*") if path.is_file()) < wanted:
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        process.wait()
        lake = Lake(str(folder))
        must_be_before_or_after(lake)
        must_be_complete(lake, export)
