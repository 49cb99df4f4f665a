/* Who has not been let in yet. Silent clients of one address take at most half of the processes for long: whoever comes from there beyond
 * them has a moment to say something, and less time to be let in. It is no limit of logins: one takes some milliseconds, on a busy node
 * some hundred, and a Service may show the address of a node for all of its clients. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front.h"

/* Processes beyond sessions (`SPARE_PROCESSES`, src/pooler/mod.rs). */
enum { SPARE = 4 };

struct guest {
    _Atomic pid_t process;
    unsigned char address[16];
};

static struct guest *guests;
static int processes;
static struct guest *own;

void guests_begin(void) {
    const char *text = getenv("POOLER_SESSIONS");
    int sessions = text ? atoi(text) : 0;

    if (sessions <= 0 || guests)
        return;
    processes = sessions + SPARE;
    guests = mmap(NULL, (size_t)processes * sizeof *guests, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (guests == MAP_FAILED)
        guests = NULL;
}

/* What tells an address from others: of IPv6 the network, of which one host has all addresses. */
static int name_of(const struct sockaddr_storage *from, unsigned char name[16]) {
    const struct sockaddr_in6 *six = (const void *)from;

    memset(name, 0, 16);
    if (from->ss_family == AF_INET)
        memcpy(name, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else if (from->ss_family == AF_INET6)
        memcpy(name, &six->sin6_addr, IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 16 : 8);
    return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

int guest_comes(const struct sockaddr_storage *from) {
    unsigned char name[16];
    pid_t self = getpid();
    int others = 0;

    own = NULL;
    if (!guests || !name_of(from, name))
        return 0;
    for (int i = 0; i < processes; i++) {
        pid_t process = atomic_load(&guests[i].process);
        int there = process != 0 && process != self && (kill(process, 0) == 0 || errno != ESRCH);

        if (there && memcmp(guests[i].address, name, sizeof name) == 0)
            others++;
        if (!there && !own && atomic_compare_exchange_strong(&guests[i].process, &process, self)) {
            own = &guests[i];
            memcpy(own->address, name, sizeof name);
        }
    }
    return others >= processes / 2;
}

void guest_goes(void) {
    if (own)
        atomic_store(&own->process, 0);
    own = NULL;
}
