/* The login of a client: cancels over TLS are served here, who comes when all sessions are taken is told so, and what Pgpool-II says is
 * followed until the client is let in. What is served here is read to its end, so that Pgpool-II finds a connection that failed. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "front.h"

/* Bytes of a startup packet that are looked at for the user. */
enum { STARTUP_LONGEST = 2048 };

/* An ErrorResponse as Postgres sends it when `max_connections` is reached (protocol.h, errcodes.txt). */
static const char FULL[] = "SFATAL\0VFATAL\0C53300\0"
                           "Msorry, too many clients already: all sessions of this pooler pod are taken\0"
                           "HRaise spec.pooler.clients or spec.pooler.instances of the PostgresCluster, or keep fewer connections open.\0";

/* How far the client was let in. */
static int let_in;

void login_begins(void) {
    let_in = 0;
    refusal_begin();
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
    NEXT(SSL_write)(ssl, message, sizeof message);
}

/* What a client wants whose handshake is done. Returns 0 when it was served here. */
static int welcome(SSL *ssl, int client) {
    unsigned char request[STARTUP_LONGEST];
    int count = SSL_peek(ssl, request, sizeof request);
    size_t length = count > 0 ? cancel_length(request, (size_t)count) : 0;

    if (length != 0 && (size_t)count >= length)
        cancel_everywhere(request, length);
    else if (count > 0 && session_take()) {
        refusal_startup(request, (size_t)count);
        side_begin(ssl);
        return 1;
    }
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

/* How far messages of a server let a client in: LET_IN with AuthenticationOk, READY with ReadyForQuery (PostgreSQL's manual, "Message
 * Formats"). Until then each write begins with a message. */
enum { LET_IN = 1, READY };

static int lets_in(const unsigned char *bytes, size_t count) {
    unsigned int length, kind;
    int so_far = 0;

    while (count >= 6) {
        memcpy(&length, bytes + 1, sizeof length);
        length = ntohl(length);
        if (bytes[0] == 'Z')
            return READY;
        if (bytes[0] == 'R' && count >= 9) {
            memcpy(&kind, bytes + 5, sizeof kind);
            so_far = kind == 0 ? LET_IN : so_far;
        }
        if (length < 4 || length >= count)
            return so_far;
        bytes += length + 1;
        count -= length + 1;
    }
    return so_far;
}

int SSL_write(SSL *ssl, const void *bytes, int count) {
    const unsigned char *instead = NULL;
    const struct side *side = side_of(ssl);
    int length;

    if (!side || side->server || count <= 0)
        return traffic_write(ssl, bytes, count);
    length = refusal_said(let_in == READY, bytes, (size_t)count, &instead);
    if (length >= 0)
        return length == 0 || traffic_write(ssl, instead, length) > 0 ? count : -1;
    if (let_in < READY) {
        length = lets_in(bytes, (size_t)count);
        if (length > let_in)
            let_in = length;
        if (let_in >= LET_IN) {
            guest_goes();
            deadline_end();
        }
        if (let_in == READY)
            refusal_begin();
    }
    return traffic_write(ssl, bytes, count);
}
