/* How often the search met each transition and each fault, so that a pass cannot be a pass over
   nothing. These counts are no part of a state; they are printed when the search ends. */

c_decl {
    static unsigned long steps[64][64], notes[64];
    static const char *names[64];
    static void tell_counts(void) {
        int act, from;
        for (act = 1; act < 64; act++) {
            for (from = 0; from < 64; from++)
                if (steps[act][from])
                    printf("step %s %s %lu\n", names[act], from ? names[from] : "-",
                        steps[act][from]);
            if (notes[act])
                printf("note %s %lu\n", names[act], notes[act]);
        }
    }
}

mtype = { WORKER_DIED, CLAIM_UNKNOWN, SETTLE_UNKNOWN, REPEATED, DROPPED, LATE };
hidden mtype noted;

inline note(event) {
    noted = event;
    c_code { notes[noted]++; }
}

#define NAME(x) noted = x; c_code { names[noted] = #x; }
inline name_all() {
    c_code { atexit(tell_counts); };
    NAME(scheduled); NAME(claimed); NAME(completed); NAME(missed); NAME(discarded);
    NAME(cancelled); NAME(ARMED); NAME(CLAIMED); NAME(COMPLETED); NAME(FAILED); NAME(DEFERRED);
    NAME(MISSED); NAME(DISCARDED); NAME(CANCELLED); NAME(RESET); NAME(RETRY_REQUESTED);
    NAME(WORKER_DIED); NAME(CLAIM_UNKNOWN); NAME(SETTLE_UNKNOWN); NAME(REPEATED); NAME(DROPPED);
    NAME(LATE); NAME(TOKEN); NAME(QUOTA); NAME(FENCED)
}
