"""The protocol: how a report is made exactly once, whatever crashes, repeats or races.

**What is promised.** For each milestone, which is a tenant, a trigger and a
revision, at most one report is ever stored, and one is stored in the end as long
as the store can be reached, a worker lives and the site can be read. Two workers
may well *work* on one milestone at the same time, where one was held up for longer
than its lease. Only one of them is heard.

**One row decides.** A milestone carries the instant `next_due`, and nothing else
says whether it may be attempted. Before the first attempt it is the due time,
after a failure the end of the backoff, during an attempt the end of the lease plus
the backoff that a crash would cost. So a worker that dies needs nobody to find it
out: the row already says when the next one may try. There is no leader, no
heartbeat and no rescuer that could be wrong about who is alive.

**Claim.** One transaction counts the attempt, raises the fence and sets lease and
`next_due`; only when it is committed does the work begin (`attempt.begin`). Hence
attempts cannot be uncounted by a crash, and no two claims share a fence. If the
answer to the commit is lost, the claim is taken for a crash: it is in the row or
it is not, and either way nobody acts on a guess.

**Work.** Sites are asked and the report is made with no transaction open and no
lock held (`attempt.perform`). Everything that can go wrong here is a value.

**Settle.** One transaction writes report, marker, state, evidence and ledger
together, and only where the row is still claimed under the fence of this very
claim (`domain.settle`). A worker that comes late finds another fence and its work
is dropped. The row remembers the fence that was settled and how; so if the answer
is lost, the same bytes are sent again, and the repeat is known for what it is.

**Speak last.** What a caller, a log or a metric is told is what the store holds.

**Ends.** A window that is over, attempts that are used up, an uninstallation: each
is written by whoever claims next, with its entry in the ledger, before anything is
attempted. A finished milestone never changes. An operator's reset arms a new
revision beside it.

**Batches** change none of this. A worker claims several tenants in one transaction
and attempts that end together are settled together, yet each tenant is decided on
its own record and guarded by its own fence (`worker`, `settler`).

The same protocol stands as a model in `spec/`, and docs/invariants.md names the
tests that attack it.
"""
