"""Importing a million orders beside merely reading and writing the same file: seconds, the ratio, and the peak of memory."""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 1_000_000
HEAD = (
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,买家实际支付积分,订单状态,买家留言,收货人姓名,收货地址,"
    "运送方式,联系电话,联系手机,订单创建时间,订单付款时间,宝贝标题,宝贝种类,物流单号,物流公司,订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因"
)
START = datetime(2025, 11, 1)


def write(path: Path, rows: int) -> None:
    """An order export of `rows` orders as Taobao writes it, in GB18030; nobody buys twice, which costs memory most."""
    with path.open("w", encoding="gb18030", newline="") as stream:
        stream.write(HEAD + "\r\n")
        for number in range(rows):
            made = (START + timedelta(seconds=3 * number)).strftime("%Y-%m-%d %H:%M:%S")
            yuan = f"{10 + number * 7919 % 49000 / 100:.2f}"
            stream.write(
                f'="{4_000_000_000_000_000_000 + number}",买家{number},a{number}@x.cn,{yuan},0.00,0,{yuan},0,{yuan},0,"交易成功",,张三{number},'
                f"浙江省 杭州市 西湖区 某路{number}号,快递,'null,'139{number:08},{made},{made},面膜 补水 保湿,1,YT{number},圆通速递,,1,0,店,订单未关闭\r\n"
            )


def ours(path: Path, lake: str) -> int:
    """Import the file."""
    from ecops.shop.imports import import_file
    from ecops.shop.lake import Lake

    [report] = import_file(Lake(lake), path, "s", datetime(2026, 1, 1, tzinfo=UTC))
    return report.loaded


def bare(path: Path, lake: str) -> int:
    """Decode, read as texts, write: the least that anybody could do."""
    import polars as pl
    from deltalake import write_deltalake

    frame = pl.read_csv(path.read_bytes().decode("gb18030").encode(), infer_schema=False)
    write_deltalake(lake, frame)
    return len(frame)


def child(what: str, path: str, lake: str) -> None:
    """Run one of both and print its figures: memory belongs to a process."""
    import resource

    started = time.perf_counter()
    rows = {"ours": ours, "bare": bare}[what](Path(path), lake)
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "mib": peak}))


def main() -> None:
    """Print seconds, memory and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.csv")
        write(path, ROWS)
        told = {}
        for what in ("bare", "ours"):
            done = subprocess.run([sys.executable, "-m", "tests.bench.imports", what, str(path), f"{folder}/{what}"], capture_output=True, text=True, check=True)
            told[what] = json.loads(done.stdout)
    print(f"{'1,000,000 orders':24}{'seconds':>10}{'MiB':>10}")
    for what, name in (("ours", "ecops import"), ("bare", "read and write, bare")):
        print(f"{name:24}{told[what]['seconds']:>10.1f}{told[what]['mib']:>10.0f}")
    print(f"ratio of seconds {told['ours']['seconds'] / told['bare']['seconds']:.1f}")


if __name__ == "__main__":
    child(*sys.argv[1:]) if sys.argv[1:] else main()
