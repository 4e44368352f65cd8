"""What may be wrong with the shop's data."""


class ShopDataError(ValueError):
    """Bad input. The message is one sentence for people: what is wrong, where, and the remedy."""
