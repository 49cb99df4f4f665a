/* Where clients come in: the first bytes of a connection are waited for a limited time, cancels are served here, and who comes when all
 * sessions are taken is told so. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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
    int (*next)(int, struct sockaddr *, socklen_t *) = (int (*)(int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "accept");
    int client = next(listening, address, size);

    if (client < 0 || !is_for_clients(listening))
        return client;
    if (goes_on(client))
        return served = client;
    close(client);
    errno = EAGAIN; /* Pgpool-II waits for the next one */
    return -1;
}

int close(int fd) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");

    if (fd == served && fd >= 0) {
        served = -1;
        session_leave();
    }
    return next(fd);
}

/* Limits each read and write of a client; 0 takes the limit off. */
static void limit(int client, int seconds) {
    struct timeval most = {.tv_sec = seconds};

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

/* Ends a client as TLS asks for it: without the notice, libpq takes the end for an error. Pgpool-II then reads the end. */
static void finish(SSL *ssl, int client) {
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

/* What a client wants whose handshake is done. */
static void welcome(SSL *ssl, int client) {
    unsigned char request[CANCEL_LONGEST];
    size_t length;
    int count;

    do
        count = SSL_peek(ssl, request, sizeof request);
    while (count <= 0 && errno == EINTR && SSL_get_error(ssl, count) == SSL_ERROR_WANT_READ);
    length = count > 0 ? cancel_length(request, (size_t)count) : 0;
    if (count <= 0) {
        finish(ssl, client);
    } else if (length != 0 && (size_t)count >= length) {
        cancel_everywhere(request, length);
        finish(ssl, client);
    } else if (!session_take()) {
        refuse(ssl);
        finish(ssl, client);
    }
}

int SSL_accept(SSL *ssl) {
    int (*next)(SSL *) = (int (*)(SSL *))dlsym(RTLD_NEXT, "SSL_accept");
    int client = SSL_get_fd(ssl), result;

    limit(client, FIRST_BYTES_SECONDS);
    result = next(ssl);
    if (result == 1)
        welcome(ssl, client);
    else
        shutdown(client, SHUT_RDWR); /* Pgpool-II would go on without TLS */
    limit(client, 0);
    return result;
}
