"""A run to look at rather than to read: a page, a workbook, a calendar. From plain data, without a store or a clock."""
