"""Calls are signed as the platforms publish it."""

import hashlib
import hmac
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.platforms.signing import canonical_json, douyin_sign, pdd_sign, top_sign

TOP = {
    "method": "taobao.item.seller.get", "app_key": "12345678", "session": "test", "timestamp": "2016-01-01 12:00:00", "format": "json", "v": "2.0",
    "sign_method": "md5", "fields": "num_iid,title,nick,price,num", "num_iid": "11223344",
}
PDD = {
    "access_token": "asd78172s8ds9a921j9qqwda12312w1w21211", "client_id": "1", "data_type": "XML", "order_status": "1", "page": "1",
    "page_size": "10", "timestamp": "1480411125", "type": "pdd.order.number.list.get",
}
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
params = st.dictionaries(texts.filter(lambda name: name != "sign"), texts, min_size=1, max_size=8)


def test_the_published_taobao_vector():
    assert top_sign(TOP, "helloworld", "md5") == "66987CB115214E59E6EC978214934FB8"


@pytest.mark.parametrize(
    ("sign_method", "sign"),
    [("md5", "a84d3597bbb7aaeb0540d1022623165c"), ("hmac-sha256", "8a5350b8fdacaa753c0885ab9859d382a31de4add09c6943c1d34298bd2165f1")],
)
def test_the_published_douyin_vectors(sign_method, sign):
    body = canonical_json({"size": 100, "page": 0})
    assert body == '{"page":0,"size":100}'
    assert douyin_sign("appkey123", "order.searchList", body, "1800000000", "secret123", sign_method) == sign


def test_the_published_pinduoduo_vector():
    assert pdd_sign(PDD, "testSecret") == "E4DE3ED21002510DED352819E7AE6775"


@pytest.mark.parametrize(("sign_method", "digest"), [("hmac", "md5"), ("hmac-sha256", "sha256")])
def test_taobao_s_keyed_signatures_are_over_the_same_text_without_the_secret_around(sign_method, digest):
    text = "".join(name + TOP[name] for name in sorted(TOP))
    assert top_sign(TOP, "helloworld", sign_method) == hmac.new(b"helloworld", text.encode(), digest).hexdigest().upper()


@given(params, st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(found, dice: random.Random):
    names = list(found)
    dice.shuffle(names)
    shuffled = {name: found[name] for name in names}
    assert top_sign(found, "s") == top_sign(shuffled, "s") and pdd_sign(found, "s") == pdd_sign(shuffled, "s")


@given(params)
def test_empty_values_and_an_old_sign_are_left_out(found):
    more = {**found, "sign": "OLD", "\uffffempty": ""}
    assert top_sign(more, "s", "md5") == top_sign(found, "s", "md5") == pdd_sign(more, "s")


@given(params, texts, texts)
def test_another_secret_or_another_value_gives_another_signature(found, one, other):
    name = next(iter(found))
    changed = {**found, name: found[name] + "x"}
    for sign in (top_sign, pdd_sign):
        assert sign(found, one) != sign(changed, one)
        assert (sign(found, one) == sign(found, other)) == (one == other)


@given(params)
def test_signatures_are_hexadecimal_of_a_known_length(found):
    upper, lower = set("0123456789ABCDEF"), set("0123456789abcdef")
    assert len(top_sign(found, "s", "md5")) == 32 and len(top_sign(found, "s")) == 64 and set(top_sign(found, "s")) <= upper
    assert set(pdd_sign(found, "s")) <= upper and set(douyin_sign("k", "m", canonical_json(found), "1", "s")) <= lower


def test_every_part_of_a_douyin_call_is_signed():
    parts = ["key", "order.searchList", "{}", "1800000000", "secret"]
    whole = douyin_sign(*parts)
    assert all(douyin_sign(*[part + "x" if place == number else part for number, part in enumerate(parts)]) != whole for place in range(5))


def test_param_json_is_sorted_at_every_depth_and_escapes_what_go_escapes():
    text = canonical_json({"b": [{"z": 1, "a": "<&>"}], "a": "中"})
    assert text == '{"a":"中","b":[{"a":"\\u003c\\u0026\\u003e","z":1}]}'
    assert json.loads(text) == {"b": [{"z": 1, "a": "<&>"}], "a": "中"}


def test_a_method_a_platform_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="hmac-sha256"):
        top_sign(TOP, "s", "sha1")
    with pytest.raises(ValueError, match="md5"):
        douyin_sign("k", "m", "{}", "1", "s", "hmac")


def test_signing_text_is_utf_8():
    assert pdd_sign({"title": "面霜"}, "s") == hashlib.md5("stitle面霜s".encode()).hexdigest().upper()
