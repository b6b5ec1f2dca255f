/* -DTURNS: print every distinct transaction on the one milestone of a scene: what stood there,
   what was asked, what stands there now, what was answered. turns.txt keeps them; the tests ask
   the real code the same questions. Without TURNS nothing of this is there. */

#ifdef TURNS
c_decl {
\#include <search.h>
    static char before[200], after[200];
    static void *told;
    static void write_row(char *to, int state, int due, int window, int next_due, int lease,
            int attempts, int starts, int fence, int deferrals, int kind, int settled_fence,
            int settled_as) {
        sprintf(to, "%s %d %d %d %d %d %d %d %d %s %d %s", state ? names[state] : "-", due,
            window, next_due, lease, attempts, starts, fence, deferrals,
            kind ? names[kind] : "-", settled_fence, settled_as ? names[settled_as] : "-");
    }
    static void tell_turn(int act, int by, int has_token, int is_silent, int answer) {
        char line[600];
        sprintf(line, "%s | %s %d %s %s | %s | %s", before, names[act], by,
            has_token ? "token" : "-", is_silent ? "silent" : "-", after,
            answer ? names[answer] : "-");
        if (*(char **) tsearch(line, &told, (int (*)(const void *, const void *)) strcmp) != line)
            return;
        *(char **) tfind(line, &told, (int (*)(const void *, const void *)) strcmp) = strdup(line);
        printf("turn %s\n", line);
    }
}
hidden byte had_token;
hidden byte was_silent;
hidden mtype asked;
hidden byte under;
hidden mtype answered;
#define FIELDS \
    now.row[0].state, now.row[0].due, now.row[0].window, now.row[0].next_due, now.row[0].lease, \
    now.row[0].attempts, now.row[0].starts, now.row[0].fence, now.row[0].deferrals, \
    now.row[0].deferral_kind, now.row[0].settled_fence, now.row[0].settled_as
#define OPEN_TURN had_token = token; was_silent = silent; c_code { write_row(before, FIELDS); };
#define CLOSE_TURN(act, by, answer) \
    asked = act; under = by; answered = answer; \
    had_token = had_token && asked == CLAIMED; was_silent = was_silent && asked == CLAIMED; \
    c_code { write_row(after, FIELDS); tell_turn(asked, under, had_token, was_silent, answered); };
#else
#define OPEN_TURN
#define CLOSE_TURN(act, by, answer)
#endif
