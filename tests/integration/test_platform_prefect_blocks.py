"""Credentials out of a secret block of a real Prefect server."""

import json
import logging

import httpx
import pytest

from ecops.platforms.credentials import block, credentials_of, prefect_blocks
from ecops.platforms.errors import NoCredentials
from tests.prefect_server import RunningPrefect, prefect  # noqa: F401

GIVEN = {"app_key": "12345678", "app_secret": "app-secret-never-seen", "access_token": "access-token-never-seen"}


def keep_block(api_url: str, name: str, value: object) -> None:
    """What saving a Secret in Prefect's pages does."""
    with httpx.Client(base_url=api_url, timeout=30, headers={"Prefect-Csrf-Client": "tests"}) as http:
        http.headers["Prefect-Csrf-Token"] = http.get("/csrf-token", params={"client": "tests"}).raise_for_status().json()["token"]
        kind = http.get("/block_types/slug/secret").raise_for_status().json()["id"]
        schema = http.post("/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind]}}}).raise_for_status().json()[0]["id"]
        data = {"name": name, "data": {"value": value}, "block_schema_id": schema, "block_type_id": kind}
        http.post("/block_documents/", json=data).raise_for_status()


@pytest.mark.prefect
def test_credentials_are_read_from_a_secret_block_and_reach_no_log(prefect: RunningPrefect, caplog):  # noqa: F811
    caplog.set_level(logging.DEBUG)
    blocks = prefect_blocks(prefect.api_url)
    with pytest.raises(NoCredentials, match="set ECOPS_PLATFORM_NOBODY"):
        credentials_of("nobody", {}, blocks)
    for shop, value in (("text-shop", json.dumps(GIVEN)), ("json-shop", GIVEN)):
        keep_block(prefect.api_url, block(shop), value)
        caplog.clear()
        found = credentials_of(shop, {}, blocks)
        assert (found.app_key, found.app_secret, found.access_token) == tuple(GIVEN.values())
        assert "never-seen" not in "".join(record.getMessage() for record in caplog.records) + repr(found)
