/* How much of everything there is: each scene sets some of these by -D, the rest is zero. */

#define NEVER 255
#define NONE 255
#ifndef ROWS
#define ROWS 2          /* how many milestones there may be: AUTO revisions first, then MANUAL */
#endif
#ifndef AUTO
#define AUTO ROWS       /* how many of them are revisions of AUTO */
#endif
#define AGE 1           /* from the evidence to the due time */
#ifndef WINDOW
#define WINDOW 4        /* from the due time to the end of the window; NEVER: it has no end */
#endif
#define WINDOW_LEFT (WINDOW == NEVER -> NEVER : AGE + WINDOW)
#define LEASE 2
#define DEFERRAL 1      /* how long a deferral puts off */
#ifndef ATTEMPTS
#define ATTEMPTS 2      /* how many are charged at most */
#endif
#define REFUSALS 1      /* refused tokens in a row that a presumed uninstallation needs */
#define DEFERRALS_OF(kind) (kind == TOKEN -> 2 : 1)   /* so many in a row are free */
#define DEFERRALS_OF_BOTH (DEFERRALS_OF(TOKEN) + DEFERRALS_OF(QUOTA))
#define WAIT_AFTER(attempt) (attempt <= 1 -> 1 : 2)

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef RETRIES
#define RETRIES 0
#endif
#ifndef REQUESTS
#define REQUESTS 0
#endif
#ifndef UNINSTALLATIONS
#define UNINSTALLATIONS 0
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef SILENCES
#define SILENCES 0
#endif
#ifndef KINDS           /* of deferrals: 1: refused tokens, 2: spent quotas too */
#define KINDS 2
#endif
#ifndef FAULTS          /* how many attempts may die, fail or be put off; 0: any number */
#define FAULTS 0
#endif
#ifndef IS_POLLED       /* workers and clock never rest: for liveness, under weak fairness */
#define IS_POLLED 0
#endif
#ifndef NOBODY_LASTS    /* every worker may die for good, where otherwise the first may not */
#define NOBODY_LASTS 0
#endif
#define ARE_FAULTS_FEW (FAULTS > 0)
#define MOST_STARTS ((1 + RESETS) * ((DEFERRALS_OF_BOTH + 1) * ATTEMPTS + 1))

byte faults = (FAULTS > 0 -> FAULTS : 1);
hidden byte count;
hidden byte target;
