/* The protocol of a milestone: who may claim it, whose result counts, how it ends.

   Workers, the clock, operators and the platform are processes that take turns in every possible
   order. A transaction of the store is one indivisible step. Between two of them a worker may
   pause for any time, die, or lose the answer to a commit, and the clock may run on. README.md
   says what each law means, what is left out, and why that is safe. */

#include "mutant.pml"
#include "size.pml"
#include "count.pml"
#include "turn.pml"
#include "row.pml"
#include "act.pml"

/* ---- workers: claim, work, settle; the worker's pass and a tick claim alike ---- */

inline spend_a_fault() {
    if
    :: ARE_FAULTS_FEW -> faults--
    :: else
    fi
}

/* A deferral is free; one too many in a row is charged, and is a fault like a failure. */
#define MAY_DEFER(kind) (faults > 0 || !IS_CHARGED(mine, kind))

inline choose_outcome() {
    if
    :: outcome = COMPLETED
    :: faults > 0 -> outcome = FAILED
    :: MAY_DEFER(TOKEN) -> outcome = TOKEN
    :: KINDS > 1 && MAY_DEFER(QUOTA) -> outcome = QUOTA
    fi;
    if
    :: outcome == FAILED || outcome != COMPLETED && IS_CHARGED(mine, outcome) -> spend_a_fault()
    :: else
    fi
}

inline end_attempt() {
    d_step {
        let_go(mine);
        mine = 0;
        fence = 0;
        outcome = 0
    }
}

proctype worker(bool may_die) {
    byte mine;              /* the claim: which milestone, and under which fence */
    byte fence;
    mtype outcome;
#if MUTANT == STALE_CLAIM || MUTANT == STALE_RESCUE
    byte seen;
#endif
end:
    do
#if MUTANT == STALE_CLAIM
    :: atomic { IS_CLAIMABLE(0) -> seen = row[0].fence + 1; holders[0]++ };
       atomic {
           d_step {
               begin();
               LAW(I4_no_fence_is_handed_out_twice, seen > handed[0]);
               row[0].fence = seen - 1;
               claim_row(0);
               holders[0]--;
               commit()
           };
           fence = seen; seen = 0; begin_generation(mine); goto working
       }
#endif
#if MUTANT == STALE_RESCUE
    :: atomic { row[0].state == claimed && row[0].next_due == 0 -> seen = 1 };
       d_step { begin(); row[0].state = scheduled; row[0].lease = 0; seen = 0; commit() }
#endif
    :: atomic {
        (IS_POLLED || HAS_WORK) -> d_step { claim(); mine = picked };
        if
        :: mine == NONE -> mine = 0
        :: mine != NONE -> fence = row[mine].fence; begin_generation(mine); goto working
        :: mine != NONE && faults > 0 ->        /* the answer to the claim was lost */
            note(CLAIM_UNKNOWN);
            spend_a_fault();
            if :: IS(CLAIM_AGAIN) -> d_step { begin(); claim_row(mine); commit() } :: else fi;
            end_attempt()
        fi
       }
    od;
working:
    atomic {
        if
        :: choose_outcome();
            if :: row[mine].fence == fence && !IS_LEASED(mine) -> note(LATE) :: else fi;
            d_step { settle(mine, fence, outcome) };
            if
            :: end_attempt(); goto end
            :: ending != FENCED -> note(SETTLE_UNKNOWN)
            fi
        :: faults > 0 ->
            note(WORKER_DIED);
            spend_a_fault();
            end_attempt();
            if
            :: may_die -> goto grave
            :: goto end                         /* started again, with nothing in mind */
            fi
        fi
    };
    atomic {
        if
        :: d_step { settle(mine, fence, outcome) } /* asked again, with the same outcome */
        :: true                                 /* or given up */
        fi;
        end_attempt();
        goto end
    };
grave:
    true
}

/* ---- the clock: it runs on whenever anything waits ---- */

#define FALL(left) left = (left > 0 && left != NEVER -> left - 1 : left)
#define RUNS(m) (row[m].due > 0 || row[m].next_due > 0 || row[m].lease > 0 || \
    earliest[m] > 0 || held[m] > 0 || IS_LIVE(m) && row[m].window > 0 && row[m].window != NEVER)

/* A worker that pauses until its claim is eligible again is as good as dead: one fault. */
#define OVERTAKES(m) (row[m].state == claimed && row[m].next_due == 1 && holders[m] > 0)

inline pass() {
    for (i : 0 .. ROWS - 1) {
        FALL(row[i].due);
        FALL(row[i].next_due);
        FALL(row[i].lease);
        FALL(row[i].window);
        FALL(earliest[i]);
        FALL(held[i])
    };
    did = 0
}

proctype clock() {
end:
    do
    :: d_step { (IS_POLLED || ANY(RUNS)) && !(ARE_FAULTS_FEW && ANY(OVERTAKES)) -> pass() }
    :: d_step { ARE_FAULTS_FEW && ANY(OVERTAKES) && faults > 0 -> faults--; pass() }
    od
}

/* ---- operators and the platform: each act a limited number of times ---- */

#if AUTO > 1
#define LATEST (row[1].state != absent -> 1 : 0)
#else
#define LATEST 0
#endif
#if ROWS - AUTO > 1
#define LATEST_MANUAL (row[AUTO + 1].state != absent -> AUTO + 1 : AUTO)
#else
#define LATEST_MANUAL AUTO
#endif

proctype operator() {
    byte resets = RESETS;
    byte retries = RETRIES;
    byte requests = REQUESTS;
end:
    do
    :: d_step { resets > 0 && !uninstalled && (IS_LIVE(LATEST) || LATEST + 1 < AUTO) ->
        resets--;
        target = LATEST;
        reset(target, target + 1) }
    :: d_step { retries > 0 && MAY_RETRY(LATEST) ->
        retries--;
        target = LATEST;
        retry_now(target) }
#if ROWS > AUTO
    :: d_step { requests > 0 && !uninstalled && !IS_LEASED(LATEST_MANUAL) &&
                !(IS_FINAL(LATEST_MANUAL) && LATEST_MANUAL + 1 == ROWS) ->
        requests--;
        target = LATEST_MANUAL;
        target = (IS_FINAL(target) -> target + 1 : target);
        request_report(target) }
#endif
    od
}

/* A silence matters from the first refused token on; that is when it is let begin. */
#define WAS_REFUSED(m) (IS_LIVE(m) && row[m].deferral_kind == TOKEN)

proctype platform() {
    byte uninstallations = UNINSTALLATIONS;
    byte expiries = EXPIRIES;
    byte silences = SILENCES;
end:
    do
    :: d_step { uninstallations > 0 && !uninstalled ->
        uninstallations--;
        uninstall() }
    :: d_step { (uninstalled || row[LATEST].state == cancelled) && LATEST + 1 < AUTO ->
        target = LATEST;
        reinstall(target, target + 1) }
    :: d_step { expiries > 0 && token ->
        expiries--;
        token = false }
    :: d_step { silences > 0 && !silent && ANY(WAS_REFUSED) ->
        silences--;
        silent = true }
    :: d_step { (!token || silent) && !uninstalled ->       /* a tick, with a fresh token */
        token = true;
        silent = false }
    od
}

/* ---- I10: when nobody can do anything any more, nothing is left open ---- */

#if IS_POLLED
#define RESTS (!ANY(IS_LIVE))
ltl ends { <> [] RESTS }
ltl completes { <> [] (row[0].state == completed) }
#else
active proctype judge() {
end:
    timeout -> LAW(I10_nothing_waits_forever, !ANY(IS_LIVE))
}
#endif

init {
    atomic {
        d_step {
            name_all();
            begin();
            arm(0, AGE, WINDOW_LEFT);
            commit()
        };
        for (count : 1 .. WORKERS) { run worker(IS_POLLED && (count > 1 || NOBODY_LASTS)) };
        run clock();
#if RESETS + RETRIES + REQUESTS > 0
        run operator();
#endif
#if UNINSTALLATIONS + EXPIRIES + SILENCES > 0
        run platform();
#endif
    }
}
