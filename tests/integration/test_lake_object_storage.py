"""The lake on object storage: the same merges, reads and races as in a folder."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake, MergeResult

DAY = datetime(2025, 11, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def bucket():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=address, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    client.create_bucket(Bucket="shops")
    yield {
        "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    server.stop()


def stock(item, units):
    schema = {name: KINDS["stock"].schema[name] for name in ("shop", "available_at", "date", "item_id", "closing_units")}
    return pl.DataFrame([("s", DAY, date(2025, 11, 10), item, units)], schema=schema, orient="row")


def test_merge_read_and_correct(bucket):
    lake = Lake("s3://shops/first", bucket)
    assert lake.merge("stock", stock("a", 1)) == MergeResult(1, 0, 0)
    assert lake.merge("stock", stock("a", 1)) == MergeResult(0, 1, 0)
    assert lake.merge("stock", stock("a", 2)) == MergeResult(0, 0, 1)
    frame = Lake("s3://shops/first", bucket).frames(["stock"], ["s"], DAY)["stock"].collect()
    assert frame["closing_units"].to_list() == [2]


def test_the_settings_of_the_environment_are_enough(bucket, monkeypatch):
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    lake = Lake("s3://shops/second")
    lake.merge("stock", stock("a", 1))
    assert lake.frames(["stock"], ["s"], DAY)["stock"].collect().height == 1
    assert lake.secret() == Lake("s3://shops/second").secret()


def test_two_who_write_at_once_both_arrive_and_no_row_twice(bucket):
    Lake("s3://shops/third", bucket).merge("stock", stock("shared", 1))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: [Lake("s3://shops/third", bucket).merge("stock", stock(name, 1)) for name in (item, "new")], "abcd"))
    items = Lake("s3://shops/third", bucket).everything("stock", ["s"]).collect()["item_id"]
    assert sorted(items) == ["a", "b", "c", "d", "new", "shared"]
