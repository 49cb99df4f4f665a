/* What a server said before Pgpool-II asked for it (server.c). */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "front.h"

/* Answers taken in while a write waits: 64 MiB are those of three million rows. Beyond it the server waits, as at Postgres itself for a client
 * that does not read. */
enum { AHEAD_FIRST = 65536, AHEAD_MOST = 64 << 20 };

/* Servers of which something was taken in. */
static struct side *first;

int ahead_room(struct side *side) {
    size_t size = side->ahead_size ? side->ahead_size * 2 : AHEAD_FIRST;
    unsigned char *larger;

    if (side->ahead_size - side->ahead_end >= SSL3_RT_MAX_PLAIN_LENGTH)
        return 1;
    if (size > AHEAD_MOST || !(larger = realloc(side->ahead, size)))
        return 0;
    side->ahead = larger, side->ahead_size = size;
    return 1;
}

/* Pgpool-II has a socket wait but for some of its own calls, as when it ends a session: what is not there yet is never waited for here. */
void ahead_take(struct side *side, size_t most) {
    int flags = fcntl(side->fd, F_GETFL), waits = flags >= 0 && !(flags & O_NONBLOCK), got = 1;

    if (waits)
        fcntl(side->fd, F_SETFL, flags | O_NONBLOCK);

    while (got > 0 && side->ahead_end < most && ahead_room(side)) {
        ERR_clear_error();
        got = NEXT(SSL_read)(side->ssl, side->ahead + side->ahead_end, (int)(side->ahead_size - side->ahead_end));
        if (got > 0 && side->ahead_end == 0)
            side->ahead_next = first, first = side;
        if (got > 0)
            side->ahead_end += (size_t)got;
    }
    if (waits)
        fcntl(side->fd, F_SETFL, flags);
}

int ahead_give(struct side *side, void *bytes, int size) {
    size_t left = side->ahead_end - side->ahead_start, part = left < (size_t)size ? left : (size_t)size;

    memcpy(bytes, side->ahead + side->ahead_start, part);
    side->ahead_start += part;
    if (part == left)
        ahead_end(side);
    return (int)part;
}

void ahead_end(struct side *side) {
    for (struct side **at = &first; *at; at = &(*at)->ahead_next)
        if (*at == side) {
            *at = side->ahead_next;
            break;
        }
    free(side->ahead);
    side->ahead = NULL;
    side->ahead_start = side->ahead_end = side->ahead_size = 0;
}

int ahead_among(const fd_set *reads) {
    for (const struct side *side = first; side; side = side->ahead_next)
        if (FD_ISSET(side->fd, reads))
            return 1;
    return 0;
}

int ahead_mark(const fd_set *asked, fd_set *found) {
    int count = 0;

    for (const struct side *side = first; side; side = side->ahead_next)
        if (FD_ISSET(side->fd, asked) && !FD_ISSET(side->fd, found)) {
            FD_SET(side->fd, found);
            count++;
        }
    return count;
}
