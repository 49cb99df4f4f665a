/* What the parts of the shim share. It is loaded into Pgpool-II before libc and libssl (LD_PRELOAD, run-pgpool), and does at the front,
 * where clients come in, what Pgpool-II does not: docs/decisions/0003-pgpool-facts.md. */
#ifndef FRONT_H
#define FRONT_H

#include <dlfcn.h>
#include <stddef.h>

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
enum { FIRST_BYTES_SECONDS = 5, LOGIN_SECONDS = 15 };

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

/* Ends this process when a client is not let in by then: nothing that it does or waits for keeps it. */
void deadline_begin(void);
void deadline_end(void);

#endif
