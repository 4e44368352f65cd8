"""Whether a gate is given: so many people, and where every role has a say, each by another one. Pure."""

from collections.abc import Collection, Mapping


def is_given(quorum: int, approved: Collection[str], every: Mapping[str, Collection[str]] | None = None) -> bool:
    """`approved`: the people who did, one voice each. `every`: for each role that has to give a voice those of them who may give it; None: it is enough to be so many."""
    return len(set(approved)) >= quorum and (every is None or len(spread(every)) == len(every))


def spread(able: Mapping[str, Collection[str]]) -> dict[str, str]:
    """As many roles as can have a person each, no person for two of them (a bipartite matching by augmenting paths)."""
    given: dict[str, str] = {}  # person -> role

    def give(role: str, asked: set[str]) -> bool:
        for person in sorted(able[role]):
            if person not in asked:
                asked.add(person)
                if person not in given or give(given[person], asked):
                    given[person] = role
                    return True
        return False

    for role in able:
        give(role, set())
    return {role: person for person, role in given.items()}
