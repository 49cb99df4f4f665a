/* Sessions of this pod. Pgpool-II has a few processes more than sessions, so that a cancel finds one when all sessions are taken; who comes
 * for a session then waits a moment, and is told. Processes may be killed at any time, so the table names who holds what. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "front.h"

/* Who comes when all sessions are taken waits so long, as for a client that has just gone; so many wait at the same time, which is less
 * than the spare processes (`SPARE_PROCESSES`, src/pooler/pgpool/mod.rs). A cancel costs every member a connection, and needs no login: so many
 * are sent at the same time. */
enum { WAITERS = 2, TURNS = 2, WAIT_STEPS = 100, WAIT_STEP_MS = 20 };

struct table {
    int sessions;
    /* Processes: those of sessions first, then those that wait, then those that send a cancel. */
    _Atomic pid_t holders[];
};

static struct table *table;

void sessions_begin(void) {
    const char *text = getenv("POOLER_SESSIONS");
    int sessions = text ? atoi(text) : 0;
    size_t size;

    if (sessions <= 0 || table)
        return;
    size = sizeof *table + (size_t)(sessions + WAITERS + TURNS) * sizeof table->holders[0];
    table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED)
        table = NULL;
    else
        table->sessions = sessions;
}

static int take(int first, int end) {
    pid_t self = getpid();

    for (int i = first; i < end; i++) {
        pid_t holder = atomic_load(&table->holders[i]);
        if (holder == self)
            return 1;
        if (holder != 0 && (kill(holder, 0) == 0 || errno != ESRCH))
            continue;
        if (atomic_compare_exchange_strong(&table->holders[i], &holder, self))
            return 1;
    }
    return 0;
}

static void leave(int first, int end) {
    pid_t self = getpid();

    for (int i = first; i < end; i++) {
        pid_t holder = self;
        atomic_compare_exchange_strong(&table->holders[i], &holder, 0);
    }
}

/* Tries again for a moment. */
static int take_soon(int first, int end) {
    int taken = take(first, end);

    for (int steps = 0; !taken && steps < WAIT_STEPS; steps++) {
        nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_MS * 1000000L}, NULL);
        taken = take(first, end);
    }
    return taken;
}

int session_take(void) {
    int taken;

    if (!table || take(0, table->sessions))
        return 1;
    if (!take(table->sessions, table->sessions + WAITERS))
        return 0;
    taken = take_soon(0, table->sessions);
    leave(table->sessions, table->sessions + WAITERS);
    return taken;
}

void session_leave(void) {
    if (table)
        leave(0, table->sessions + WAITERS + TURNS);
}

int turn_take(void) {
    return !table || take_soon(table->sessions + WAITERS, table->sessions + WAITERS + TURNS);
}

void turn_leave(void) {
    if (table)
        leave(table->sessions + WAITERS, table->sessions + WAITERS + TURNS);
}
