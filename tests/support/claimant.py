"""A process of its own that claims: `python -m support.claimant KIND PLACE HOURS CLOUD_ID...`.

Prints `ready`, waits for a line, then claims for each tenant in turn and prints
`CLOUD_ID FENCE` for each claim that it won.
"""

import sys

from firstry.domain.claim import Claim
from firstry.domain.tenant import Tenant
from support.backing import open_place
from support.domain import at, claim_at


def main(kind: str, place: str, hours: str, *cloud_ids: str) -> None:
    """Claim when the word is given."""
    store = open_place(kind, place)
    print("ready", flush=True)
    sys.stdin.readline()
    for cloud_id in cloud_ids:
        answer = claim_at(store, at(float(hours)), Tenant.from_row(cloud_id))
        if isinstance(answer, Claim):
            print(cloud_id, answer.fence, flush=True)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
