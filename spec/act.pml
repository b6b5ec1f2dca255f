/* The transactions: each is one d_step, from `begin` to `commit`, as `Store.transact` runs one
   pure function on a record that nobody else can change. */

#define ENDS(m) \
    (IS_LIVE(m) && ((row[m].state == scheduled || IS_ELIGIBLE(m)) && IS_OVER(m) && \
    !IS(MISS_NOTHING) || \
    IS_ELIGIBLE(m) && row[m].attempts >= ATTEMPTS && !IS(DISCARD_NOTHING)))
#define IS_CLAIMABLE(m) \
    (token && IS_ELIGIBLE(m) && !ENDS(m) && !(IS(CRASH_IS_STUCK) && row[m].state == claimed))
#define IS_REFUSED(m) \
    (IS_LIVE(m) && !IS_LEASED(m) && row[m].deferral_kind == TOKEN && row[m].deferrals >= REFUSALS)
#define IS_PRESUMED_UNINSTALLED (silent && ANY(IS_REFUSED))
#define MISSES_EARLY(m) (IS(MISS_THE_RUNNING) && IS_LIVE(m) && IS_OVER(m))
#define HAS_WORK \
    (ANY(IS_CLAIMABLE) || ANY(ENDS) || IS_PRESUMED_UNINSTALLED || ANY(MISSES_EARLY))

/* ---- claim: close what is at its end, then claim the first that is due ---- */

inline finish(m, act) {
    LAW(I10_no_end_under_a_lease, act == CANCELLED || held[m] == 0);
    step(m, act);
    tell();
    row[m].lease = 0
}

inline cancel_all(act_of_running) {
    for (i : 0 .. ROWS - 1) {
        if
        :: IS_LIVE(i) && !(act_of_running && row[i].state == claimed) -> finish(i, CANCELLED)
        :: else
        fi
    }
}

inline close_ends() {
    if
    :: IS_PRESUMED_UNINSTALLED ->
        cancel_all(false);
        token = false
    :: else ->
        for (i : 0 .. ROWS - 1) {
            if
            :: ENDS(i) || MISSES_EARLY(i) ->
                ending = (IS_OVER(i) -> MISSED : DISCARDED);
                finish(i, ending)
            :: else
            fi
        }
    fi
}

inline count_attempt(m) {
    row[m].attempts++;
    row[m].starts++;
    charged[m]++;
    LAW(I10_bounded_starts, row[m].starts <= MOST_STARTS)
}

inline claim_row(m) {
    step(m, CLAIMED);
    if :: IS(CLAIM_KEEPS_THE_FENCE) :: else -> row[m].fence++ fi;
    LAW(I4_every_claim_raises_the_fence, row[m].fence > was_fence[m]);
    LAW(I4_no_fence_is_handed_out_twice, row[m].fence > handed[m]);
    handed[m] = row[m].fence;
    LAW(I8_not_early, row[m].due == 0);
    LAW(I8_not_after_the_window, !IS_OVER(m));
    LAW(I7_no_claim_within_a_lease, held[m] == 0);
    LAW(I7_no_claim_within_a_wait, earliest[m] == 0);
    if :: IS(COUNT_AFTER_THE_WORK) :: else -> count_attempt(m) fi;
    row[m].lease = LEASE;
    row[m].next_due = LEASE + (IS(CRASH_WITHOUT_BACKOFF) -> 0 : WAIT_AFTER(row[m].attempts));
    held[m] = LEASE;
    earliest[m] = LEASE + WAIT_AFTER(charged[m]);
    holders[m]++;
    tell()
}

/* Leaves in `picked` the milestone that was claimed, or NONE. */
inline claim() {
    begin();
    picked = NONE;
    close_ends();
    for (i : 0 .. ROWS - 1) {
        if
        :: picked == NONE && IS_CLAIMABLE(i) -> picked = i
        :: else
        fi
    }
    if
    :: picked != NONE -> claim_row(picked)
    :: else
    fi;
    CLOSE_TURN(CLAIMED, 0, 0)
    commit()
}

inline begin_generation(m) {
    begun[m]++;
    LAW(I6_counted_before_the_work, row[m].starts >= begun[m])
}

/* ---- settle: write an outcome under the fence of the claim that earned it ---- */

#define IS_REPEAT(m, by) \
    (row[m].settled_fence == by && row[m].settled_as != 0 && !IS(REPEAT_IS_UNKNOWN))
#define IN_FORCE(m, by) (IS(COMPLETE_TWICE) && ending == COMPLETED && row[m].state == completed || \
    (row[m].state == claimed || IS(FENCE_ONLY)) && \
    (row[m].fence == by || IS(STATE_ONLY) || \
    IS(UNFENCED_FAILURE) && ending == FAILED && row[m].state == claimed))
#define IS_ONE_MORE(m, kind) (row[m].deferral_kind == kind && \
    row[m].deferrals >= DEFERRALS_OF(kind) && !IS(DEFER_FOR_EVER))
#define IS_BY_TURNS(m, kind) (row[m].deferral_kind != 0 && row[m].deferral_kind != kind && \
    row[m].starts - row[m].attempts >= DEFERRALS_OF_BOTH * row[m].attempts && \
    !IS(ALTERNATE_FOR_EVER))
#define IS_CHARGED(m, kind) (IS_ONE_MORE(m, kind) || IS_BY_TURNS(m, kind))

inline complete(m, by) {
    LAW(I1_one_report_and_marker, report[m] == 0 && marker[m] == 0);
    report[m] = by;
    if :: IS(REPORT_BEFORE_MARKER) -> commit(); begin() :: else fi;
    marker[m] = by;
    row[m].deferral_kind = 0;
    row[m].deferrals = 0;
    step(m, COMPLETED)
}

inline defer(m, kind) {
    row[m].deferrals = (row[m].deferral_kind == kind -> row[m].deferrals + 1 : 1);
    row[m].deferral_kind = kind;
    if :: IS(DEFER_CHARGES) :: else -> row[m].attempts-- fi;
    charged[m]--;
    if :: IS(DEFER_GIVES_BACK_THE_START) -> row[m].starts-- :: else fi;
    row[m].next_due = DEFERRAL;
    earliest[m] = DEFERRAL;
    step(m, DEFERRED)
}

inline fail(m) {
    row[m].deferral_kind = 0;
    row[m].deferrals = 0;
    row[m].next_due = WAIT_AFTER(row[m].attempts);
    earliest[m] = WAIT_AFTER(charged[m]);
    step(m, FAILED)
}

inline apply(m, by) {
    if :: IS(COUNT_AFTER_THE_WORK) -> count_attempt(m) :: else fi;
    if
    :: IS(WINDOW_ENDS_AT_SETTLE) && IS_OVER(m) -> ending = MISSED; step(m, MISSED)
    :: else ->
        if
        :: ending == COMPLETED -> complete(m, by)
        :: (ending == TOKEN || ending == QUOTA) && !IS_CHARGED(m, ending) ->
            defer(m, ending);
            ending = DEFERRED
        :: else -> fail(m); ending = FAILED
        fi
    fi;
    if :: IS(LEDGER_AFTERWARDS) -> commit() :: else fi;
    tell();
    row[m].lease = 0;
    held[m] = 0;
    row[m].settled_fence = by;
    row[m].settled_as = ending
}

/* Settle the claim `by` of m with `outcome`. Leaves the answer in `ending`: the act that is
   stored for this claim, or FENCED. An answer says only what is in the store. */
inline settle(m, by, outcome) {
    begin();
    ending = outcome;
    if
    :: IS_REPEAT(m, by) -> ending = row[m].settled_as; note(REPEATED)
    :: else ->
        if
        :: IN_FORCE(m, by) ->
            apply(m, by);
            LAW(I5_the_claim_in_force_counts, (ending == COMPLETED) == (outcome == COMPLETED))
        :: else ->
            ending = FENCED;
            note(DROPPED)
        fi
    fi;
    CLOSE_TURN(outcome, by, ending)
    commit();
    LAW(I2_only_what_is_stored_is_answered,
        (ending == COMPLETED) == (report[m] == by && row[m].state == completed))
}

/* ---- arm, and what operators and the platform ask for ---- */

inline arm(m, due_in, window_in) {
    step(m, ARMED);
    row[m].due = due_in;
    row[m].next_due = due_in;
    row[m].window = window_in;
    tell()
}

inline reset(m, successor) {
    begin();
    if
    :: IS_LIVE(m) ->
        step(m, RESET);
        row[m].next_due = row[m].due;
        row[m].attempts = 0;
        if
        :: IS(RESET_KEEPS_THE_FENCE) -> skip
        :: IS(RESET_LOWERS_THE_FENCE) && row[m].fence > 0 -> row[m].fence = 0
        :: else -> row[m].fence++
        fi;
        row[m].lease = 0;
        row[m].deferral_kind = 0;
        row[m].deferrals = 0;
        charged[m] = 0;
        held[m] = 0;
        earliest[m] = 0;
        tell();
        LAW(I4_fence_never_falls, row[m].fence >= was_fence[m]);
        LAW(I4_every_reset_raises_the_fence, row[m].fence > was_fence[m]);
        CLOSE_TURN(RESET, 0, 0)
        commit()
    :: else ->
        if
        :: IS(RESET_EDITS_THE_FINISHED) -> row[m].state = scheduled
        :: else -> arm(successor, row[m].due, NEVER)
        fi;
        commit()
    fi
}

#define MAY_RETRY(m) \
    (IS_LIVE(m) && (!IS_LEASED(m) || IS(RETRY_THE_CLAIMED)) && (row[m].due == 0 || IS(RETRY_EARLY)))

inline retry_now(m) {
    begin();
    step(m, RETRY_REQUESTED);
    row[m].lease = 0;
    row[m].next_due = 0;
    earliest[m] = 0;
    tell();
    CLOSE_TURN(RETRY_REQUESTED, 0, 0)
    commit()
}

inline request_report(m) {
    if
    :: IS_LIVE(m) -> retry_now(m)
    :: else ->
        begin();
        arm(m, 0, NEVER);
        commit()
    fi
}

inline uninstall() {
    begin();
    cancel_all(IS(UNINSTALL_FORGETS_THE_RUNNING));
    uninstalled = true;
    token = false;
    CLOSE_TURN(CANCELLED, 0, 0)
    commit()
}

inline reinstall(m, successor) {
    begin();
    if
    :: row[m].state == cancelled -> arm(successor, AGE, WINDOW_LEFT)
    :: else
    fi;
    uninstalled = false;
    token = true;
    commit()
}
