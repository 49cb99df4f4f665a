/* Cancels. Kubernetes leads a CancelRequest to any pod of the pooler, and Pgpool-II knows the keys of its own sessions alone. The key that
 * a client got is the member's own, so it is sent on to the members, whichever pod it came to. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "front.h"

/* Protocol code of a CancelRequest: 1234 and 5678 in 16 bits each. */
#define CANCEL_CODE 80877102u
/* Members asked at the same time; a group has 9 at most (src/api/cluster.rs). */
enum { MOST_MEMBERS = 16, PATIENCE_MS = 2000 };

static uint32_t number(const unsigned char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return ntohl(value);
}

size_t cancel_length(const unsigned char *bytes, size_t count) {
    uint32_t length;

    if (count < 8 || number(bytes + 4) != CANCEL_CODE)
        return 0;
    length = number(bytes);
    return length >= CANCEL_SHORTEST && length <= CANCEL_LONGEST ? length : 0;
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One step with a member: POLLOUT means connected, so the request goes; POLLIN that the member has taken it, and closed. */
static void step(struct pollfd *member, const unsigned char *request, size_t length) {
    if (member->revents & POLLOUT) {
        if (send(member->fd, request, length, MSG_NOSIGNAL) == (ssize_t)length) {
            member->events = POLLIN;
            return;
        }
    } else if (member->revents == 0) {
        return;
    }
    close(member->fd);
    member->fd = -1;
}

/* Sends it to all, with a turn taken. */
static void cancel_now(const unsigned char *request, size_t length) {
    const char *host = getenv("POOLER_MEMBERS"), *port = getenv("POOLER_MEMBERS_PORT");
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL, *address;
    struct pollfd members[MOST_MEMBERS];
    nfds_t count = 0, i, open;
    long end = now_ms() + PATIENCE_MS, left;

    if (!host || getaddrinfo(host, port ? port : "5432", &hints, &found) != 0)
        return;
    for (address = found; address && count < MOST_MEMBERS; address = address->ai_next) {
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS) {
            close(fd);
            continue;
        }
        members[count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    }
    freeaddrinfo(found);
    for (;;) {
        for (open = i = 0; i < count; i++)
            open += members[i].fd >= 0;
        left = end - now_ms();
        if (open == 0 || left <= 0)
            break;
        if (poll(members, count, (int)left) < 0 && errno != EINTR)
            break;
        for (i = 0; i < count; i++)
            if (members[i].fd >= 0)
                step(&members[i], request, length);
    }
    for (i = 0; i < count; i++)
        if (members[i].fd >= 0)
            close(members[i].fd);
}

void cancel_everywhere(const unsigned char *request, size_t length) {
    if (!turn_take())
        return;
    cancel_now(request, length);
    turn_leave();
}
