"""Credentials come from the environment or a secret block, and never get out again."""

import json

import pytest
from pytest_httpserver import HTTPServer

from ecops.platforms.credentials import Credentials, block, credentials_of, prefect_blocks, variable
from ecops.platforms.errors import NoCredentials, Refused, spoken
from ecops.platforms.rate import TokenBucket

GIVEN = {"app_key": "12345678", "app_secret": "very-secret", "access_token": "token/with+signs=", "refresh_token": "refresh-me"}


def test_names_are_made_of_the_shop_s_key():
    assert (variable("shop-a.1"), block("Shop_A.1")) == ("ECOPS_PLATFORM_SHOP_A_1", "ecops-platform-shop-a-1")


def test_the_environment_wins_over_the_secret_block(monkeypatch):
    monkeypatch.setenv("ECOPS_PLATFORM_SHOP_A", json.dumps(GIVEN))
    found = credentials_of("shop-a", blocks=lambda name: pytest.fail("not asked"))
    assert (found.app_key, found.app_secret, found.access_token, found.refresh_token) == tuple(GIVEN.values())


def test_without_a_variable_the_secret_block_is_read(monkeypatch):
    monkeypatch.delenv("ECOPS_PLATFORM_SHOP_A", raising=False)
    blocks = {"ecops-platform-shop-a": json.dumps({**GIVEN, "refresh_token": None})}
    assert credentials_of("shop-a", blocks=blocks.get).refresh_token is None


def test_missing_credentials_say_how_to_set_them():
    with pytest.raises(NoCredentials, match="set ECOPS_PLATFORM_SHOP_A or the Prefect secret block ecops-platform-shop-a to JSON with app_key"):
        credentials_of("shop-a", {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("very-secret", "are not JSON"), ('["very-secret"]', "are not JSON"),
            (json.dumps({"app_key": "1", "app_secret": "very-secret"}), "lack access_token"),
        (json.dumps({**GIVEN, "app_secret": 5}), "lack app_secret"), (json.dumps({**GIVEN, "refresh_token": 5}), "refresh_token must be a text"),
        (json.dumps({**GIVEN, "gateway": "http://evil.example"}), "not an https address"),
        (json.dumps({**GIVEN, "gateway": "https://[very-secret"}), "not an https address"),
    ],
)
def test_unusable_credentials_say_what_is_wrong_and_repeat_nothing(text, words):
    with pytest.raises(NoCredentials, match=words) as raised:
        credentials_of("shop-a", {"ECOPS_PLATFORM_SHOP_A": text})
    assert "very-secret" not in str(raised.value) and raised.value.__suppress_context__ | (raised.value.__context__ is None)


def test_a_repr_and_a_veiled_text_show_no_secret():
    held = Credentials(**GIVEN)
    said = held.veil(f"bad token {held.access_token} or token%2Fwith%2Bsigns%3D or very-secret or refresh-me")
    assert said == "bad token *** or *** or *** or ***"
    assert not any(secret in repr(held) for secret in ("very-secret", "with+signs", "refresh-me")) and "12345678" in repr(held)


def test_renewed_credentials_keep_the_refresh_token_where_none_is_given():
    held = Credentials(**GIVEN)
    assert held.renewed("new", None).refresh_token == "refresh-me" and held.renewed("new", "also new").refresh_token == "also new"


def test_a_secret_block_is_read_from_prefect(httpserver: HTTPServer):
    path = "/api/block_types/slug/secret/block_documents/name/ecops-platform-shop-a"
    httpserver.expect_request(path, query_string={"include_secrets": "true"}).respond_with_json({"data": {"value": GIVEN}})
    blocks = prefect_blocks(httpserver.url_for("/api"), "user:pass")
    assert credentials_of("shop-a", {}, blocks).app_secret == "very-secret"
    assert httpserver.log[0][0].authorization.password == "pass"


def test_no_block_is_no_credentials_and_a_prefect_that_fails_says_so(httpserver: HTTPServer):
    httpserver.expect_request("/gone/block_types/slug/secret/block_documents/name/x").respond_with_data(status=404)
    httpserver.expect_request("/broken/block_types/slug/secret/block_documents/name/x").respond_with_data("very-secret", status=500)
    assert prefect_blocks(httpserver.url_for("/gone"))("x") is None and prefect_blocks(None)("x") is None
    with pytest.raises(NoCredentials, match="ecops doctor") as raised:
        prefect_blocks(httpserver.url_for("/broken"))("x")
    assert "very-secret" not in str(raised.value)


def test_what_a_platform_says_is_repeated_on_one_short_line_without_phone_numbers():
    assert spoken("call\n13812345678  now") == "call *********** now"
    assert len(spoken("x" * 900)) == 201
    assert str(Refused("c", "1", "bad", "mend it", "isv.x")) == "c was refused (1 isv.x): bad; mend it."


def test_a_token_bucket_lets_a_burst_through_and_then_keeps_the_rate():
    time, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        time[0] += seconds

    bucket = TokenBucket(2.0, 3, lambda: time[0], sleep)
    for _ in range(6):
        bucket.take()
    assert slept == [0.5, 0.5, 0.5] and time[0] == 1.5
    time[0] += 100
    for _ in range(4):
        bucket.take()
    assert slept == [0.5] * 4


def test_a_token_bucket_needs_a_rate():
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(0, 1, lambda: 0, lambda seconds: None)
