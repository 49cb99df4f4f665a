/* Where clients come in: a login has its time, cancels are served here, and who comes when all sessions are taken is told so. What is
 * served here is read to its end, so that Pgpool-II finds a connection that failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front.h"

/* An ErrorResponse as Postgres sends it when `max_connections` is reached (protocol.h, errcodes.txt). */
static const char FULL[] = "SFATAL\0VFATAL\0C53300\0"
                           "Msorry, too many clients already: all sessions of this pooler pod are taken\0"
                           "HRaise spec.pooler.clients or spec.pooler.instances of the PostgresCluster, or keep fewer connections open.\0";

__attribute__((constructor)) static void begin(void) { sessions_begin(); }

/* Whether a listening socket is the one for clients; Pgpool-II has others (sockets in /tmp). */
static int is_for_clients(int listening) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    return getsockname(listening, (struct sockaddr *)&address, &length) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

/* The first bytes of a client, left where they are; as many as there are, 0 when it closed, less when it is silent. */
static ssize_t first_bytes(int client, unsigned char *bytes, size_t size) {
    struct pollfd wait = {.fd = client, .events = POLLIN};
    int ready;

    do /* a signal to reload is no reason to drop a client */
        ready = poll(&wait, 1, FIRST_BYTES_SECONDS * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready != 1)
        return -1;
    return recv(client, bytes, size, MSG_PEEK | MSG_DONTWAIT);
}

/* The client that this process serves; -1 when it serves none. */
static int served = -1;
/* Whether it was let in. */
static int let_in;

/* Serves what needs no session. Returns 0 when nothing is left to be done with the client. */
static int goes_on(int client) {
    unsigned char request[CANCEL_LONGEST];
    ssize_t count = first_bytes(client, request, sizeof request);
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
    int client = NEXT(accept)(listening, address, size);

    if (client < 0 || !is_for_clients(listening))
        return client;
    deadline_begin();
    if (goes_on(client)) {
        let_in = 0;
        return served = client;
    }
    close(client);
    deadline_end();
    errno = EAGAIN; /* Pgpool-II waits for the next one */
    return -1;
}

int close(int fd) {
    if (fd == served && fd >= 0) {
        served = -1;
        deadline_end();
        session_leave();
    }
    return NEXT(close)(fd);
}

/* Ends a client as TLS asks for it: without the notice, libpq takes the end for an error. What it has sent is read first, since Pgpool-II
 * would find it in the TLS session and act on it. */
static void finish(SSL *ssl, int client) {
    unsigned char rest[1024];

    while (SSL_pending(ssl) > 0 && SSL_read(ssl, rest, sizeof rest) > 0)
        ;
    SSL_shutdown(ssl);
    shutdown(client, SHUT_RDWR);
}

static void refuse(SSL *ssl) {
    unsigned char message[1 + 4 + sizeof FULL];
    unsigned int length = htonl(4 + sizeof FULL);

    message[0] = 'E';
    memcpy(message + 1, &length, 4);
    memcpy(message + 5, FULL, sizeof FULL); /* with the last zero, which ends the fields */
    SSL_write(ssl, message, sizeof message);
}

/* What a client wants whose handshake is done. Returns 0 when it was served here. */
static int welcome(SSL *ssl, int client) {
    unsigned char request[CANCEL_LONGEST];
    int count = SSL_peek(ssl, request, sizeof request);
    size_t length = count > 0 ? cancel_length(request, (size_t)count) : 0;

    if (length != 0 && (size_t)count >= length)
        cancel_everywhere(request, length);
    else if (count > 0 && session_take())
        return 1;
    else if (count > 0)
        refuse(ssl);
    finish(ssl, client);
    return 0;
}

int SSL_accept(SSL *ssl) {
    int client = SSL_get_fd(ssl), result = NEXT(SSL_accept)(ssl);

    if (result == 1)
        return welcome(ssl, client) ? 1 : -1;
    shutdown(client, SHUT_RDWR); /* Pgpool-II would go on without TLS */
    return result;
}

/* Whether messages of a server let a client in: AuthenticationOk, or ReadyForQuery (PostgreSQL's manual, "Message Formats"). Until then
 * each write begins with a message. */
static int lets_in(const unsigned char *bytes, size_t count) {
    unsigned int length, kind;

    while (count >= 9) {
        memcpy(&length, bytes + 1, sizeof length);
        memcpy(&kind, bytes + 5, sizeof kind);
        length = ntohl(length);
        if (bytes[0] == 'Z' || (bytes[0] == 'R' && kind == 0))
            return 1;
        if (length < 4 || length + 1 > count)
            return 0;
        bytes += length + 1;
        count -= length + 1;
    }
    return 0;
}

int SSL_write(SSL *ssl, const void *bytes, int count) {
    if (served >= 0 && !let_in && SSL_get_fd(ssl) == served && count > 0 && lets_in(bytes, (size_t)count)) {
        let_in = 1;
        deadline_end();
    }
    return NEXT(SSL_write)(ssl, bytes, count);
}
