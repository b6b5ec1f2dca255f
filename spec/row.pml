/* What the store holds for one tenant, what may happen to it, and the laws it is judged by.

   Instants are kept as the time that is left until them, in units of logical time, and stop
   at zero. So time never runs out and the state space stays finite. */

/* states: compared with domain.milestone.State; 0 stands for a milestone that is not armed */
mtype = { scheduled, claimed, completed, missed, discarded, cancelled };
/* acts: compared with domain.milestone.Act */
mtype = { ARMED, CLAIMED, COMPLETED, FAILED, DEFERRED, MISSED, DISCARDED, CANCELLED, RESET,
          RETRY_REQUESTED };
mtype = { TOKEN, QUOTA, FENCED };
#define absent 0

typedef Milestone {
    mtype state;
    byte due;               /* until due_at */
    byte window;            /* until window_end_at, or NEVER */
    byte next_due;          /* until an attempt may be claimed */
    byte lease;             /* until lease_until */
    byte attempts;          /* charged, the running one included */
    byte starts;            /* every claim */
    byte fence;
    byte deferrals;         /* in a row, of one kind */
    mtype deferral_kind;
    byte settled_fence;     /* the claim that was settled last, and how */
    mtype settled_as
}

/* Fences count from 1, so 0 means none. A report is named by the fence of the claim that made
   it; a marker holds the name of its report, as the real one holds the digest. */
Milestone row[ROWS];
byte report[ROWS];
byte marker[ROWS];
bool token = true;          /* the tenant's token outlives an attempt */
bool uninstalled;
bool silent;                /* no tick for 72 hours */

/* What really happened, kept beside the store for judging it: no guard reads it. */
byte handed[ROWS];          /* the highest fence that was ever handed to a worker */
byte begun[ROWS];           /* generations that began */
byte charged[ROWS];         /* claims less deferrals, since the last reset */
byte holders[ROWS];         /* workers that hold a claim of it, in force or not */
byte earliest[ROWS];        /* until the next claim is allowed */
byte held[ROWS];            /* until the last lease ends */

/* Scratch of one transaction: set and used within it, never part of a state. */
hidden byte i;
hidden byte picked;
hidden mtype did;
hidden mtype from_state;
hidden mtype leads_to;
hidden mtype ending;
hidden mtype owed;          /* an act without its ledger entry */
hidden mtype was_state[ROWS];
hidden byte was_fence[ROWS];
hidden byte was_starts[ROWS];
hidden byte was_settled[ROWS];
hidden byte was_report[ROWS];
hidden byte was_marker[ROWS];

/* LAW(name, condition): the verifier names the broken law, for the names are always false. */
#define LAW(name, holds) assert((holds) || name)
hidden byte I1_one_report_and_marker, I2_report_marker_and_state_together,
    I2_only_what_is_stored_is_answered, I3_only_the_table_s_transitions, I3_final_never_changes,
    I4_fence_never_falls, I4_every_claim_raises_the_fence, I4_every_reset_raises_the_fence,
    I4_no_fence_is_handed_out_twice, I5_only_the_claim_in_force_is_settled,
    I5_the_claim_in_force_counts, I6_counted_before_the_work, I6_starts_never_fall,
    I6_attempts_within_the_limit, I6_every_claim_is_charged_once, I7_no_claim_within_a_wait,
    I7_no_claim_within_a_lease, I8_not_early, I8_not_after_the_window, I10_nothing_waits_forever,
    I10_bounded_starts, I10_no_end_under_a_lease, I15_every_act_has_its_entry;

#define IS_LIVE(m) (row[m].state == scheduled || row[m].state == claimed)
#define IS_FINAL(m) (row[m].state != absent && !IS_LIVE(m))
#define IS_ELIGIBLE(m) (IS_LIVE(m) && row[m].next_due == 0)
#define IS_LEASED(m) (row[m].state == claimed && row[m].lease > 0)
#define IS_OVER(m) (row[m].window == 0)
#if ROWS == 1
#define ANY(PREDICATE) PREDICATE(0)
#elif ROWS == 2
#define ANY(PREDICATE) (PREDICATE(0) || PREDICATE(1))
#else
#define ANY(PREDICATE) (PREDICATE(0) || PREDICATE(1) || PREDICATE(2))
#endif

/* The transitions: compared line by line with domain.milestone.TRANSITIONS. */
inline require(act, from) {
    if
    :: act == ARMED && from == absent -> leads_to = scheduled
    :: act == CLAIMED && (from == scheduled || from == claimed) -> leads_to = claimed
    :: act == COMPLETED && (from == claimed) -> leads_to = completed
    :: act == FAILED && (from == claimed) -> leads_to = scheduled
    :: act == DEFERRED && (from == claimed) -> leads_to = scheduled
    :: act == MISSED && (from == scheduled || from == claimed) -> leads_to = missed
    :: act == DISCARDED && (from == scheduled || from == claimed) -> leads_to = discarded
    :: act == CANCELLED && (from == scheduled || from == claimed) -> leads_to = cancelled
    :: act == RESET && (from == scheduled || from == claimed) -> leads_to = scheduled
    :: act == RETRY_REQUESTED && (from == scheduled || from == claimed) -> leads_to = scheduled
    :: else -> LAW(I3_only_the_table_s_transitions, false)
    fi
}

/* One step of one milestone. Its ledger entry is owed until `tell`. */
inline step(m, act) {
    did = act;
    from_state = row[m].state;
    require(did, from_state);
    row[m].state = leads_to;
    owed = did;
    c_code { steps[did][from_state]++; }
}

inline tell() { owed = 0 }

inline begin() {
    owed = 0;
    OPEN_TURN
    for (i : 0 .. ROWS - 1) {
        was_state[i] = row[i].state;
        was_fence[i] = row[i].fence;
        was_starts[i] = row[i].starts;
        was_settled[i] = row[i].settled_fence;
        was_report[i] = report[i];
        was_marker[i] = marker[i]
    }
}

/* While nobody holds a claim of m, in force or not, its fence and last settle are history: no
   guard will ever compare them with anything but later values. They are counted from zero
   again, so that equal futures are one state. Starts are history too where deferrals are of
   one kind; where they may alternate, the limit on that reads them until m is finished. What
   was begun counts from the starts. A finished one forgets the rest too. */
inline forget(m) {
    if
    :: holders[m] == 0 ->
        row[m].starts = (KINDS > 1 && !IS_FINAL(m) -> row[m].starts : 0);
        row[m].fence = 0;
        row[m].settled_fence = 0;
        row[m].settled_as = 0;
        report[m] = (report[m] > 0 -> 1 : 0);
        marker[m] = (marker[m] > 0 -> 1 : 0);
        handed[m] = 0;
        begun[m] = row[m].starts
    :: else
    fi;
    if
    :: IS_FINAL(m) ->
        row[m].next_due = 0;
        row[m].window = NEVER;
        row[m].attempts = 0;
        row[m].deferrals = 0;
        row[m].deferral_kind = 0;
        charged[m] = 0;
        earliest[m] = 0;
        held[m] = 0
    :: else
    fi
}

inline let_go(m) {
    holders[m]--;
    forget(m)
}

/* Judge what a transaction is about to make visible, against what it found. */
inline commit() {
    LAW(I15_every_act_has_its_entry, owed == 0);
    for (i : 0 .. ROWS - 1) {
        LAW(I2_report_marker_and_state_together, report[i] == marker[i]);
        LAW(I2_report_marker_and_state_together, (report[i] != 0) == (row[i].state == completed));
        LAW(I4_fence_never_falls, row[i].fence >= was_fence[i]);
        LAW(I6_starts_never_fall, row[i].starts >= was_starts[i]);
        LAW(I6_attempts_within_the_limit, row[i].attempts <= ATTEMPTS);
        LAW(I6_every_claim_is_charged_once, row[i].attempts == charged[i]);
        if
        :: row[i].settled_fence != was_settled[i] ->
            LAW(I5_only_the_claim_in_force_is_settled,
                was_state[i] == claimed && row[i].settled_fence == was_fence[i])
        :: else
        fi;
        if
        :: was_state[i] != absent && was_state[i] != scheduled && was_state[i] != claimed ->
            LAW(I3_final_never_changes,
                row[i].state == was_state[i] && report[i] == was_report[i] &&
                marker[i] == was_marker[i] && row[i].fence == was_fence[i])
        :: else
        fi;
        forget(i)
    };
    did = 0
}
