"""What a launch by hand of a packaged playbook has to be told, for tests that launch all of them on DAY."""

from datetime import date

DAY = date(2026, 11, 11)
ANCHORS = {"rule-change": {"published": "2026-11-11 10:00"}, "inspection": {"answer_by": "2026-11-16 18:00"}}
