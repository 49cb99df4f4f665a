/* Connections to servers. Pgpool-II reads nothing while it writes to one: when a client sends many statements without a pause, the server
 * waits for its answers to be read and Pgpool-II for the server to read, for ever; and before that, its list of open messages has grown until
 * each answer takes a walk of milliseconds. So a server has little that it has not read, and before more is written, and while a write waits,
 * the shim takes its answers in: Pgpool-II goes on with them before it reads more of its client.
 * After an error Pgpool-II reads its client again before the server is ready, and ends a session whose client has sent a simple statement by then
 * ("arrived before ending an extended query message"), as one may that was told of the error.
 * Of the Flush that Pgpool-II puts behind each Parse, Execute and Close, all are left out but the one that it waits behind: the server
 * would send, and Pgpool-II read, each answer by itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "front.h"

/* Length of a Flush; bytes of answers that are taken in when no write waits; servers of a session, a primary and a standby. */
enum { FLUSH = 5, UNASKED = 65536, SERVERS = 4 };
/* Looks at a server that has said something which Pgpool-II does not read: the client is looked at again then, or both would wait for ever. A
 * server that says nothing is waited for without a look. */
enum { MOST_LOOKS = 1000 };

/* Who may owe a ReadyForQuery. One that finds no place is as without the shim. */
static struct side *servers[SERVERS];

static void server_begins(struct side *side) {
    for (int i = 0; i < SERVERS; i++)
        if (!servers[i]) {
            servers[i] = side;
            return;
        }
}

void server_ends(struct side *side) {
    for (int i = 0; i < SERVERS; i++)
        if (servers[i] == side)
            servers[i] = NULL;
}

void servers_first(fd_set *reads) {
    if (served < 0 || !FD_ISSET(served, reads))
        return;
    for (int i = 0; i < SERVERS; i++)
        if (servers[i] && servers[i]->awaited && FD_ISSET(servers[i]->fd, reads)) {
            if (servers[i]->looks++ < MOST_LOOKS)
                FD_CLR(served, reads);
            return;
        }
}

/* Follows what Pgpool-II reads: a Sync is answered by ReadyForQuery, or ignored by a server that has begun to take a COPY in. */
static void server_says(struct side *side, const unsigned char *bytes, size_t count) {
    side->looks = 0;
    for (size_t part; count > 0; bytes += part, count -= part) {
        part = messages_step(&side->answers, bytes, count);
        if (messages_whole(&side->answers) && (side->answers.kind == 'Z' || side->answers.kind == 'G'))
            side->awaited = 0;
    }
}

int SSL_connect(SSL *ssl) {
    int result = NEXT(SSL_connect)(ssl);
    struct side *side = result == 1 ? side_begin(ssl) : NULL;

    if (side) {
        side->server = side->login = side->written.startup = 1;
        server_begins(side);
        /* A record is read by one system call and not by two. */
        SSL_set_read_ahead(ssl, 1);
        fcntl(side->fd, F_SETFL, fcntl(side->fd, F_GETFL) | O_NONBLOCK);
    }
    return result;
}

void server_writes(struct side *side, const unsigned char *bytes, int count) {
    unsigned char before = side->written.kind;
    int whole = messages_whole(&side->written);

    if (side->flush_last && side->count >= FLUSH)
        side->count -= FLUSH;
    side->flush_last = whole && count == FLUSH && bytes[0] == 'H' && (before == 'P' || before == 'E' || before == 'C');
    for (size_t rest = (size_t)count, part; rest > 0; bytes += part, rest -= part) {
        part = messages_step(&side->written, bytes, rest);
        if (messages_whole(&side->written) && side->written.kind == 'S')
            side->awaited = 1;
    }
}

void server_blocks(struct side *side, struct pollfd *wait) {
    if (ahead_room(side))
        wait->events |= POLLIN;
    if (poll(wait, 1, -1) > 0 && (wait->revents & POLLIN))
        ahead_take(side, SIZE_MAX);
}

void server_sends(struct side *side) {
    if (side->unread++ > 0)
        ahead_take(side, UNASKED);
}

static int from_server(struct side *side, void *bytes, int size) {
    for (;;) {
        struct pollfd wait = {.fd = side->fd, .events = POLLIN};
        int got, why;

        ERR_clear_error();
        side->unread = 0;
        got = NEXT(SSL_read)(side->ssl, bytes, size);
        if (got > 0)
            return got;
        why = SSL_get_error(side->ssl, got);
        if (why == SSL_ERROR_WANT_WRITE)
            wait.events = POLLOUT;
        else if (why != SSL_ERROR_WANT_READ)
            return got;
        traffic_flush();
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return got;
    }
}

int SSL_read(SSL *ssl, void *bytes, int size) {
    struct side *side = side_of(ssl);
    int got;

    if (!side || !side->server) {
        if (side && NEXT(SSL_pending)(ssl) == 0)
            traffic_flush();
        return NEXT(SSL_read)(ssl, bytes, size);
    }
    got = side->ahead_end > 0 ? ahead_give(side, bytes, size) : from_server(side, bytes, size);
    if (got > 0)
        server_says(side, bytes, (size_t)got);
    if (got > 0 && side->login)
        side->login = refusal_hear(&side->heard, bytes, (size_t)got);
    else if (got > 0)
        refusal_ends(bytes, (size_t)got);
    return got;
}

/* Whether there is something to read without waiting: select() knows nothing of what was read ahead. An end is none, since Pgpool-II has to
 * find it by select() to know it for one. */
static int ready(SSL *ssl) {
    char byte;

    if (NEXT(SSL_pending)(ssl) > 0)
        return 1;
    if (!SSL_has_pending(ssl))
        return 0;
    ERR_clear_error();
    return SSL_peek(ssl, &byte, 1) > 0;
}

int SSL_pending(const SSL *ssl) {
    struct side *side = side_of((SSL *)ssl);

    if (!side || !side->server)
        return NEXT(SSL_pending)(ssl);
    return side->ahead_end > 0 || ready((SSL *)ssl);
}
