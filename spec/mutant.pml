/* Seeded bugs. Exactly one is chosen by -DMUTANT=NAME, none without; the search must then find
   an error, or the laws would let such a bug pass. */

#ifndef MUTANT
#define MUTANT 0
#endif
#define IS(name) (MUTANT == name)

#define STATE_ONLY 1                     /* settle asks for the state and not for the fence */
#define FENCE_ONLY 2                     /* settle asks for the fence and not for the state */
#define COMPLETE_TWICE 3                 /* a success is stored beside one that was stored before */
#define UNFENCED_FAILURE 4               /* only a success is written under its fence */
#define REPEAT_IS_UNKNOWN 5              /* a settle does not know its own earlier success */
#define REPORT_BEFORE_MARKER 6           /* report and marker in two transactions */
#define LEDGER_AFTERWARDS 7              /* the ledger entry in a transaction of its own */
#define WINDOW_ENDS_AT_SETTLE 8          /* what ends after its window counts as missed */
#define STALE_CLAIM 9                    /* a claim is computed on an earlier read, unguarded */
#define STALE_RESCUE 10                  /* a rescuer frees what it saw expired, unguarded */
#define CLAIM_KEEPS_THE_FENCE 11         /* a claim of one that crashed goes on with its fence */
#define COUNT_AFTER_THE_WORK 12          /* the attempt is counted by its settle */
#define CLAIM_AGAIN 13                   /* a claim whose commit is unknown is tried at once again */
#define CRASH_WITHOUT_BACKOFF 14         /* what crashed is eligible when its lease ends */
#define CRASH_IS_STUCK 15                /* only `scheduled` is claimed, and nobody rescues */
#define DISCARD_NOTHING 16               /* used-up attempts do not end anything */
#define MISS_NOTHING 17                  /* the end of the window ends nothing */
#define MISS_THE_RUNNING 18              /* the end of the window closes what is being attempted */
#define DEFER_GIVES_BACK_THE_START 19    /* a deferral takes back the start too */
#define DEFER_CHARGES 20                 /* a deferral keeps its attempt */
#define DEFER_FOR_EVER 21                /* deferrals in a row are never charged */
#define ALTERNATE_FOR_EVER 22            /* deferrals whose kinds alternate are never charged */
#define RESET_LOWERS_THE_FENCE 23        /* a reset starts over with fence 0 */
#define RESET_KEEPS_THE_FENCE 24         /* a reset of an unfinished one leaves its fence */
#define RESET_EDITS_THE_FINISHED 25      /* a reset brings a finished one back to life */
#define RETRY_THE_CLAIMED 26             /* retry-now takes one that is being attempted */
#define RETRY_EARLY 27                   /* retry-now moves one that is not due yet */
#define UNINSTALL_FORGETS_THE_RUNNING 28 /* an uninstallation leaves what is being attempted */
