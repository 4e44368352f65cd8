"""How each platform signs a call. Pure; the vectors published for each stand in the tests.

Sources: Taobao TOP "API call method", Douyin "call guide" (op.jinritemai.com/docs/guide-docs/10/23), Pinduoduo POP "signature".
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

TOP_METHODS = ("md5", "hmac", "hmac-sha256")
DOUYIN_METHODS = ("md5", "hmac-sha256")


def top_sign(params: Mapping[str, str], secret: str, sign_method: str = "hmac-sha256") -> str:
    """The `sign` of a TOP call: upper hex over all parameters but `sign`, sorted by name, empty ones left out.

    `hmac` is HMAC-MD5. Raises ValueError for a method TOP does not know.
    """
    if sign_method not in TOP_METHODS:
        raise ValueError(f"TOP signs with {', '.join(TOP_METHODS)}, not with {sign_method}")
    text = _joined(params)
    if sign_method == "md5":
        return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()
    return _keyed(secret, text, "md5" if sign_method == "hmac" else "sha256").upper()


def douyin_sign(
    app_key: str, method: str, param_json: str, timestamp: str, secret: str, sign_method: str = "hmac-sha256", version: str = "2"
) -> str:
    """The `sign` of a Douyin shop call: lower hex; the access token is not part of it.

    Raises ValueError for a method Douyin does not know.
    """
    if sign_method not in DOUYIN_METHODS:
        raise ValueError(f"Douyin signs with {' and '.join(DOUYIN_METHODS)}, not with {sign_method}")
    text = f"{secret}app_key{app_key}method{method}param_json{param_json}timestamp{timestamp}v{version}{secret}"
    if sign_method == "md5":
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return _keyed(secret, text, "sha256")


def pdd_sign(params: Mapping[str, str], secret: str) -> str:
    """The `sign` of a Pinduoduo call: upper hex MD5 over all parameters but `sign`, sorted by name, empty ones left out."""
    return hashlib.md5(f"{secret}{_joined(params)}{secret}".encode(), usedforsecurity=False).hexdigest().upper()


def canonical_json(params: Mapping[str, Any]) -> str:
    """`param_json` of a Douyin call: keys sorted at every depth, no blanks, `&`, `<` and `>` written as escapes."""
    text = json.dumps(params, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _joined(params: Mapping[str, str]) -> str:
    return "".join(f"{name}{params[name]}" for name in sorted(params) if name != "sign" and name and params[name] != "")


def _keyed(secret: str, text: str, digest: str) -> str:
    return hmac.digest(secret.encode(), text.encode(), digest).hex()
