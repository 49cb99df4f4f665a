/* Why a login is refused, and a session ended. Pgpool-II loses what a server says in place of its first question ("too many clients",
 * "starting up", "no pg_hba.conf entry") and when it ends an idle session, and has words and a code of its own, XX000, for a wrong password
 * and for a user that it does not know. The client gets the server's error, or Postgres' words for a wrong password. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "front.h"

/* Bytes of an error that are kept; a longer one is left to Pgpool-II. A user's name has 63. */
enum { LONGEST_ERROR = 4096, LONGEST_USER = 64 };

static unsigned char error[LONGEST_ERROR];
/* Bytes of it, and whether that is all of it. */
static size_t length;
static int complete;
/* What of this client: its user, and whether it has been told of an error. */
static char user[LONGEST_USER];
static int told;

void refusal_begin(void) { length = 0, complete = 0, told = 0, user[0] = 0; }

void refusal_startup(const unsigned char *packet, size_t count) {
    /* Length and version, then names and values, each with its zero. */
    for (const char *at = (const char *)packet + 8, *end = (const char *)packet + count; at < end;) {
        const char *name = at, *value = memchr(name, 0, (size_t)(end - name));
        if (!value++ || !(at = memchr(value, 0, (size_t)(end - value))))
            return;
        at++;
        if (strcmp(name, "user") == 0 && strlen(value) < sizeof user)
            strcpy(user, value);
    }
}

/* The field of this kind in an ErrorResponse, or NULL. */
static const char *field(const unsigned char *message, size_t count, char kind) {
    for (const char *at = (const char *)message + 5, *end = (const char *)message + count; at < end && *at;) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        if (!zero)
            break;
        if (*at == kind)
            return at + 1;
        at = zero + 1;
    }
    return NULL;
}

void refusal_ends(const unsigned char *bytes, size_t count) {
    unsigned int size;
    const char *severity;

    if (count < 5 || count > sizeof error || bytes[0] != 'E')
        return;
    memcpy(&size, bytes + 1, sizeof size);
    severity = ntohl(size) == count - 1 ? field(bytes, count, 'V') : NULL;
    complete = severity && strcmp(severity, "FATAL") == 0;
    if (complete)
        memcpy(error, bytes, length = count);
}

int refusal_hear(struct messages *at, const unsigned char *bytes, size_t count) {
    unsigned int size;

    while (count > 0) {
        size_t part = messages_step(at, bytes, count);
        if (at->have == 5 && at->kind == 'Z')
            return 0;
        if (at->have == 5 && at->kind == 'E' && !complete) {
            if (length == 0)
                memcpy(error, at->head, length = 5);
            else if (length + part <= sizeof error)
                memcpy(error + length, bytes, part), length += part;
            memcpy(&size, error + 1, sizeof size);
            complete = at->left == 0 && length == 1 + (size_t)ntohl(size);
        }
        bytes += part, count -= part;
    }
    return 1;
}

/* Postgres' words for a wrong password, and for a user that is not there: it does not tell which. */
static void wrong_password(void) {
    int said = snprintf((char *)error + 5, sizeof error - 5, "SFATAL%cVFATAL%cC28P01%cMpassword authentication failed for user \"%s\"%c", 0, 0, 0,
                        user, 0);
    unsigned int size;

    length = 5 + (size_t)said + 1;
    error[length - 1] = 0;
    size = htonl((unsigned int)length - 1);
    error[0] = 'E';
    memcpy(error + 1, &size, sizeof size);
    complete = 1;
}

int refusal_said(int logged_in, const unsigned char *bytes, size_t count, const unsigned char **instead) {
    const char *words, *code;

    if (told)
        return 0;
    if (count == 0 || bytes[0] != 'E')
        return -1;
    words = field(bytes, count, 'M');
    code = field(bytes, count, 'C');
    if (logged_in && !(code && strcmp(code, "XX000") == 0))
        return -1;
    if (!complete && !logged_in && words && (strcmp(words, "authentication failed") == 0 || strcmp(words, "SCRAM authentication failed") == 0))
        wrong_password();
    if (!complete)
        return -1;
    told = !logged_in;
    complete = 0;
    *instead = error;
    return (int)length;
}
