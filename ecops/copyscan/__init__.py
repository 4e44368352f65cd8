"""The advertising-law scanner: `scan(text)` finds forbidden terms, says by which law and why, and what exempts them."""

from ecops.copyscan.scanner import Hit, ScanResult, scan
from ecops.copyscan.terms import BLOCK, CATEGORIES, PASS, REVIEW

__all__ = ["BLOCK", "CATEGORIES", "PASS", "REVIEW", "Hit", "ScanResult", "scan"]
