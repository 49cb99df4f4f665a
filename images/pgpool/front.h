/* What the parts of the shim share. It is loaded into Pgpool-II before libc and libssl (LD_PRELOAD, run-pgpool), and does at the front,
 * where clients come in, what Pgpool-II does not: docs/decisions/0003-pgpool-facts.md. */
#ifndef FRONT_H
#define FRONT_H

#include <dlfcn.h>
#include <openssl/types.h>
#include <stddef.h>
#include <sys/select.h>

/* The function of this name that the shim stands before, looked up once: a message is no place for a look through all libraries. */
#define NEXT(name) \
    ({ \
        static __typeof__(name) *next_; \
        if (!next_) \
            next_ = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
        next_; \
    })

/* Seconds for a client's first bytes; and from its coming until it is let in, whatever it says meanwhile. An honest client needs some round
 * trips, and a primary that is just being elected some seconds. Pgpool-II waits for ever in a handshake, and its own time-out begins anew with
 * each message, with one of its sessions taken. */
enum { FIRST_BYTES_MS = 5000, LOGIN_SECONDS = 15 };

/* The same for a client of an address that has half of the processes already and is not let in with them. */
enum { CROWD_FIRST_BYTES_MS = 50, CROWD_LOGIN_SECONDS = 5 };

/* Lengths of a CancelRequest: length, code, process and a key of 4 bytes, up to 256 since protocol 3.2 (PostgreSQL's manual, "Message
 * Formats"). */
enum { CANCEL_SHORTEST = 16, CANCEL_LONGEST = 268 };

/* The length of the CancelRequest that begins with these bytes; 0 when they begin no such. */
size_t cancel_length(const unsigned char *bytes, size_t count);

/* Sends a CancelRequest to every member and returns when all have taken it, or 2 s after their addresses were found. A key is of one session
 * of one member, so that the others ignore it. A few are sent at the same time; who comes beyond them waits its turn. */
void cancel_everywhere(const unsigned char *request, size_t length);

/* Makes the table of sessions, before Pgpool-II forks. */
void sessions_begin(void);

/* A session of this pod for this process, or 0 when all are taken, after having waited a moment for one. */
int session_take(void);

/* This process serves nobody. */
void session_leave(void);

/* A turn to send a cancel, waited for a moment; 0 when there is none. It is left with session_leave() or turn_leave(). */
int turn_take(void);
void turn_leave(void);

/* The client that this process serves; -1 when it serves none. */
extern int served;
/* Of a new one nothing is known. */
void login_begins(void);

/* Makes the table of clients that are not let in. */
void guests_begin(void);
/* A client comes from there: whether many of its address are not let in. It is let in, or leaves. */
struct sockaddr_storage;
int guest_comes(const struct sockaddr_storage *from);
void guest_goes(void);

/* Ends this process when a client is not let in by then: nothing that it does or waits for keeps it. */
void deadline_begin(int seconds);
void deadline_end(void);

/* Where in a stream of messages one is. */
struct messages {
    /* Whether the first one has no kind: a client's startup packet. */
    int startup;
    unsigned char kind, head[5];
    /* Bytes of the head that are there, and bytes of the body that are not. */
    size_t have, left;
};

/* Follows one head or body, or a part of it, and returns its length: it ends where these bytes do, or before. */
size_t messages_step(struct messages *at, const unsigned char *bytes, size_t count);
/* Whether a message has ended here. */
int messages_whole(const struct messages *at);

/* A TLS connection to a client or a server. */
struct side {
    SSL *ssl;
    int fd, server;
    /* What was written and not sent yet: at most a TLS record. */
    int count;
    unsigned char bytes[16384];
    /* Of a server: what was written to it, and whether it ends with a Flush of Pgpool-II's own. */
    struct messages written;
    int flush_last;
    /* How often something was sent to it since it was read from. */
    int unread;
    /* What was read of it, and whether a Sync was written whose ReadyForQuery was not. */
    struct messages answers;
    int awaited;
    /* For so many looks at it nothing was read of it meanwhile. */
    int looks;
    /* Until it is ready for queries: what it says. */
    int login;
    struct messages heard;
    /* What was read from it while a write waited. */
    unsigned char *ahead;
    size_t ahead_start, ahead_end, ahead_size;
    struct side *ahead_next;
};

struct pollfd;
struct side *side_begin(SSL *ssl);
/* NULL when the shim does not keep what is written. */
struct side *side_of(SSL *ssl);
/* Sends bytes, however long it takes; like SSL_write(). */
int side_send(struct side *side, const void *bytes, int count);
/* Like SSL_write(), but sent with what else is written until Pgpool-II waits. */
int traffic_write(SSL *ssl, const void *bytes, int count);
void traffic_flush(void);
void traffic_flush_fd(int fd);

/* Something is written to a server. */
void server_writes(struct side *side, const unsigned char *bytes, int count);
/* Something goes out to a server. */
void server_sends(struct side *side);
/* Waits until a server takes more, and takes its answers in meanwhile. */
void server_blocks(struct side *side, struct pollfd *wait);

/* Of a select() on servers and the client: the client is not looked at while a server owes a ReadyForQuery. */
void servers_first(fd_set *reads);
/* It is gone. */
void server_ends(struct side *side);

/* Room for one more record of what a server says; 0 when there may be no more. Takes in what is there, until it
 * is so much; gives of it. */
int ahead_room(struct side *side);
void ahead_take(struct side *side, size_t most);
int ahead_give(struct side *side, void *bytes, int size);
/* Nothing of it is kept any more. */
void ahead_end(struct side *side);
/* Whether there is something of one of these; and adds those that were asked for to those that were found: returns how many. */
int ahead_among(const fd_set *reads);
int ahead_mark(const fd_set *asked, fd_set *found);

/* A new client, or one that is let in; its startup packet; what a server says to it: 0 when it is ready for queries; and what it says later,
 * which may be its last words. */
void refusal_begin(void);
void refusal_startup(const unsigned char *packet, size_t count);
int refusal_hear(struct messages *at, const unsigned char *bytes, size_t count);
void refusal_ends(const unsigned char *bytes, size_t count);
/* What the client is told in place of what Pgpool-II writes, and its length: 0 for nothing, -1 for just that. */
int refusal_said(int logged_in, const unsigned char *bytes, size_t count, const unsigned char **instead);

#endif
