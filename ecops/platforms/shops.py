"""Which client a shop's platform has."""

from ecops.errors import BadCall
from ecops.platforms.client import Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.douyin import Douyin
from ecops.platforms.pdd import Pinduoduo
from ecops.platforms.taobao import Taobao
from ecops.platforms.topic import Shop

# Tmall shops are asked through the same gateway as Taobao's.
CLIENTS: dict[str, type[Shop]] = {"taobao": Taobao, "tmall": Taobao, "douyin": Douyin, "pdd": Pinduoduo}


def open_shop(platform: str, shop: str, credentials: Credentials, setting: Setting = Setting()) -> Shop:
    """The client for `shop` on `platform`; close it when done. Raises BadCall for a platform that has none."""
    must_be_pullable(platform, shop)
    return CLIENTS[platform](shop, credentials, setting)


def must_be_pullable(platform: str, shop: str) -> None:
    """Raises BadCall for a platform that has no client: before anybody is sent to look for credentials."""
    if platform not in CLIENTS:
        known = ", ".join(CLIENTS)
        raise BadCall(f"The shop {shop} is on {platform}, which cannot be pulled from (only {known} can): import its files with 'ecops import'.")
