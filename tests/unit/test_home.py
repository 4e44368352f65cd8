"""The settings of the pages' address."""

import pytest

from ecops.errors import BadCall
from ecops.home import Home


def test_the_pages_answer_under_the_name_their_links_have(tmp_path):
    home = Home.from_environment({"ECOPS_HOME": str(tmp_path), "ECOPS_PAGES_URL": "https://ops.example.com:8443/"})
    assert (home.pages, home.page_hosts) == ("https://ops.example.com:8443", ["ops.example.com"])
    assert Home.from_environment({"ECOPS_HOME": str(tmp_path)}).page_hosts == []


def test_what_is_no_address_is_refused(tmp_path):
    with pytest.raises(BadCall, match="https://"):
        Home.from_environment({"ECOPS_HOME": str(tmp_path), "ECOPS_PAGES_URL": "ops.example.com"})
    assert not list(tmp_path.iterdir())
