/* What goes out together. Pgpool-II writes each message by itself, three for the answer of a simple statement, four to a server for a
 * prepared one: each was a TLS record, a system call, and a time that somebody is woken up. The shim keeps what is written until Pgpool-II
 * waits for something, or there is a full record. */
#define _GNU_SOURCE
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "front.h"

/* Connections with something kept: a client and two servers. What comes beyond is written at once. */
enum { MOST_KEPT = 4 };

static struct side *kept[MOST_KEPT];
/* Of the shim's data in a TLS session. */
static int number = -1;

static void forget(struct side *side) {
    for (int i = 0; i < MOST_KEPT; i++)
        if (kept[i] == side)
            kept[i] = NULL;
    side->count = 0;
}

static void side_free(void *parent, void *side, CRYPTO_EX_DATA *data, int index, long argl, void *argp) {
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    if (!side)
        return;
    forget(side);
    ahead_end(side);
    server_ends(side);
    free(side);
}

struct side *side_of(SSL *ssl) { return number < 0 ? NULL : SSL_get_ex_data(ssl, number); }

struct side *side_begin(SSL *ssl) {
    struct side *side;

    if (number < 0)
        number = SSL_get_ex_new_index(0, NULL, NULL, NULL, side_free);
    if (number < 0 || side_of(ssl) || !(side = calloc(1, sizeof *side)))
        return NULL;
    side->ssl = ssl;
    side->fd = SSL_get_fd(ssl);
    SSL_set_ex_data(ssl, number, side);
    return side;
}

int side_send(struct side *side, const void *bytes, int count) {
    if (side->server)
        server_sends(side);
    for (;;) {
        struct pollfd wait = {.fd = side->fd, .events = POLLOUT};
        int sent, why;

        ERR_clear_error();
        sent = NEXT(SSL_write)(side->ssl, bytes, count);
        if (sent > 0)
            return sent;
        why = SSL_get_error(side->ssl, sent);
        if (why == SSL_ERROR_WANT_READ)
            wait.events = POLLIN;
        else if (why != SSL_ERROR_WANT_WRITE)
            return sent;
        if (side->server)
            server_blocks(side, &wait);
        else if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return sent;
    }
}

static void flush(struct side *side) {
    int count = side->count;

    forget(side);
    /* What can't be written is found by the next read, of which Pgpool-II makes an error. */
    if (count > 0 && side_send(side, side->bytes, count) <= 0)
        shutdown(side->fd, SHUT_RDWR);
}

void traffic_flush(void) {
    int saved = errno;

    for (int i = 0; i < MOST_KEPT; i++)
        if (kept[i])
            flush(kept[i]);
    errno = saved;
}

void traffic_flush_fd(int fd) {
    for (int i = 0; i < MOST_KEPT; i++)
        if (kept[i] && kept[i]->fd == fd)
            flush(kept[i]);
}

/* A place among those with something kept; 0 when there is none. */
static int keep(struct side *side) {
    int place = -1;

    for (int i = 0; i < MOST_KEPT; i++) {
        if (kept[i] == side)
            return 1;
        if (!kept[i])
            place = i;
    }
    if (place >= 0)
        kept[place] = side;
    return place >= 0;
}

int traffic_write(SSL *ssl, const void *bytes, int count) {
    struct side *side = side_of(ssl);

    if (!side || count <= 0)
        return NEXT(SSL_write)(ssl, bytes, count);
    if (side->server)
        server_writes(side, bytes, count);
    if (side->count + count > (int)sizeof side->bytes)
        flush(side);
    if (count > (int)sizeof side->bytes || !keep(side))
        return side_send(side, bytes, count);
    memcpy(side->bytes + side->count, bytes, (size_t)count);
    side->count += count;
    return count;
}

/* Pgpool-II is about to wait, or to go. What it has looked for may have been taken in by the very flush: it does not wait for that. */
int select(int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout) {
    struct timeval now = {0};
    fd_set asked;
    int found;

    traffic_flush();
    if (reads)
        servers_first(reads);
    if (!reads || !ahead_among(reads))
        return NEXT(select)(count, reads, writes, excepts, timeout);
    asked = *reads;
    found = NEXT(select)(count, reads, writes, excepts, &now);
    return found < 0 ? found : found + ahead_mark(&asked, reads);
}

int shutdown(int fd, int how) {
    traffic_flush_fd(fd);
    return NEXT(shutdown)(fd, how);
}

int SSL_shutdown(SSL *ssl) {
    struct side *side = side_of(ssl);

    if (side && side->count > 0)
        flush(side);
    return NEXT(SSL_shutdown)(ssl);
}

__attribute__((destructor)) static void end(void) { traffic_flush(); }
