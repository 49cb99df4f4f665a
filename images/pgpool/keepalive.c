/* Makes Pgpool-II notice a server that vanished without closing its connections (a lost node, a cut network).
 * Pgpool-II sets no keepalive on its connections to Postgres and has no setting for it: a session whose server is gone
 * would block for 15 minutes when writing and for ever when reading. Its connect_timeout only logs and waits on, and in
 * Kubernetes a repeated packet keeps going to the lost pod: only a new connection can reach the new primary.
 * Loaded by LD_PRELOAD before libc's connect(). */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "front.h"

/* A silent server is probed after 3 s, then every 2 s, and given up after 3 probes: within 9 s, well below what a
 * person calls hanging, well above a pause for a busy node. One that does not acknowledge what is sent to it is found by run-pgpool:
 * TCP_USER_TIMEOUT would end sessions whose server only reads nothing for a while, as in a COPY that waits for a lock. */
enum { IDLE_SECONDS = 3, INTERVAL_SECONDS = 2, PROBES = 3 };

/* Bytes for a server that are kept here when it does not read; the kernel's megabytes would be a long list in Pgpool-II (server.c). */
enum { UNSENT_BYTES = 65536 };

static void set(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    int result;

    if (address->sa_family == AF_INET || address->sa_family == AF_INET6) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_SECONDS);
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_SECONDS);
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
        set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
    }
    result = NEXT(connect)(fd, address, length);
    /* A second call on a connection still under way is Pgpool-II's retry after connect_timeout: make it the end. */
    if (result < 0 && errno == EALREADY)
        errno = ETIMEDOUT;
    return result;
}
