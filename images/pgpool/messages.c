/* The framing of the protocol (PostgreSQL's manual, "Message Formats"), followed over reads and writes that end anywhere. */
#include <arpa/inet.h>
#include <string.h>

#include "front.h"

size_t messages_step(struct messages *at, const unsigned char *bytes, size_t count) {
    /* A client's first message, the startup packet, has no kind. */
    size_t head = at->startup ? 4 : 5, part;
    unsigned int length;

    if (at->left == 0 && at->have == head)
        at->have = 0, at->startup = 0, head = 5;
    if (at->left > 0) {
        part = count < at->left ? count : at->left;
        at->left -= part;
        return part;
    }
    part = count < head - at->have ? count : head - at->have;
    memcpy(at->head + at->have, bytes, part);
    at->have += part;
    if (at->have == head) {
        memcpy(&length, at->head + head - 4, sizeof length);
        length = ntohl(length);
        at->left = length > 4 ? length - 4 : 0;
        at->kind = at->startup ? 0 : at->head[0];
    }
    return part;
}

int messages_whole(const struct messages *at) { return at->left == 0 && (at->have == 0 || at->have == (at->startup ? 4u : 5u)); }
