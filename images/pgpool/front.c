/* Where clients come in: a login has its time, and cancels are served here. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front.h"

__attribute__((constructor)) static void begin(void) {
    sessions_begin();
    guests_begin();
}

/* Whether a listening socket is the one for clients; Pgpool-II has others (sockets in /tmp). */
static int is_for_clients(int listening) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    return getsockname(listening, (struct sockaddr *)&address, &length) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

/* The first bytes of a client, left where they are; as many as there are, 0 when it closed, less when it is silent. */
static ssize_t first_bytes(int client, unsigned char *bytes, size_t size, int patience_ms) {
    struct pollfd wait = {.fd = client, .events = POLLIN};
    int ready;

    do /* a signal to reload is no reason to drop a client */
        ready = poll(&wait, 1, patience_ms);
    while (ready < 0 && errno == EINTR);
    if (ready != 1)
        return -1;
    return recv(client, bytes, size, MSG_PEEK | MSG_DONTWAIT);
}

int served = -1;

/* Serves what needs no session. Returns 0 when nothing is left to be done with the client. */
static int goes_on(int client, int patience_ms) {
    unsigned char request[CANCEL_LONGEST];
    ssize_t count = first_bytes(client, request, sizeof request, patience_ms);
    size_t length;

    if (count <= 0)
        return 0;
    length = cancel_length(request, (size_t)count);
    if (length == 0 || (size_t)count < length)
        return 1;
    cancel_everywhere(request, length);
    /* Read, so that closing is an end for the client and not a reset. */
    (void)recv(client, request, length, MSG_DONTWAIT);
    return 0;
}

int accept(int listening, struct sockaddr *address, socklen_t *size) {
    int client = NEXT(accept)(listening, address, size), crowd;
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;

    if (client < 0 || !is_for_clients(listening))
        return client;
    crowd = getpeername(client, (struct sockaddr *)&from, &length) == 0 && guest_comes(&from);
    deadline_begin(crowd ? CROWD_LOGIN_SECONDS : LOGIN_SECONDS);
    if (goes_on(client, crowd ? CROWD_FIRST_BYTES_MS : FIRST_BYTES_MS)) {
        login_begins();
        return served = client;
    }
    close(client);
    guest_goes();
    deadline_end();
    errno = EAGAIN; /* Pgpool-II waits for the next one */
    return -1;
}

int close(int fd) {
    traffic_flush_fd(fd);
    if (fd == served && fd >= 0) {
        served = -1;
        guest_goes();
        deadline_end();
        session_leave();
    }
    return NEXT(close)(fd);
}
