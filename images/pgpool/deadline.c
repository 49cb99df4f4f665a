/* The time until a client is let in. A timer of the kernel ends the process, wherever it waits: Pgpool-II starts another one, and the client
 * gets the end of its connection. */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "front.h"

static timer_t timer;
/* The process that has the timer: it is not inherited. */
static pid_t owner;

void deadline_begin(int seconds) {
    struct sigevent end = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec in = {.it_value.tv_sec = seconds};

    if (owner != getpid()) {
        if (timer_create(CLOCK_MONOTONIC, &end, &timer) != 0)
            return;
        owner = getpid();
    }
    timer_settime(timer, 0, &in, NULL);
}

void deadline_end(void) {
    struct itimerspec never = {.it_value.tv_sec = 0};

    if (owner == getpid())
        timer_settime(timer, 0, &never, NULL);
}
