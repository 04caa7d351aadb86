// SPDX-License-Identifier: Apache-2.0
/* Why the two parsers may differ: a predicate, the aspects that it explains, who is stricter, and
 * the reason, a row a class. */
#include <stdio.h>
#include <stdlib.h>

#include "differences.h"
#include "shape.h"

#define ALL      (~0U)
#define BOUNDARY (ASPECT_HEAD | ASPECT_STATE | ASPECT_FRAMING | ASPECT_BODY | ASPECT_END)
#define LINES    (ASPECT_START_LINE | ASPECT_KEEP_ALIVE)

static struct slice start_line(const struct difference *d)
{
    struct slice line = d->head;
    while (line.length > 0 && (line.at[0] == '\r' || line.at[0] == '\n'))
        line = slice_after(line, 1);
    line.length = slice_find(line, '\n');
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    return line;
}

static bool has_tab(struct slice text)
{
    return slice_find(text, '\t') < text.length;
}

/* Does the agent follow the stream no further? Then no byte is taken for another message. */
static bool we_refuse(const struct difference *d)
{
    if (d->ours == NULL)
        return d->our_reading->end == READING_REFUSED;
    return d->ours->state == MESSAGE_REFUSED;
}

static bool they_refuse(const struct difference *d)
{
    if (d->theirs == NULL)
        return d->their_reading->end == READING_REFUSED;
    return d->theirs->state == MESSAGE_REFUSED;
}

static bool refused_with(const struct difference *d, const char *error)
{
    return they_refuse(d) && strcmp(d->their_reading->error, error) == 0;
}

static bool waits(const struct message *message, const struct reading *reading)
{
    if (message == NULL)
        return reading->end == READING_CUT || reading->end == READING_ALL;
    return message->state == MESSAGE_CUT;
}

static bool both_refuse(const struct difference *d)
{
    return we_refuse(d) && they_refuse(d);
}

static bool one_waits(const struct difference *d)
{
    return (waits(d->ours, d->our_reading) && they_refuse(d)) ||
           (waits(d->theirs, d->their_reading) && we_refuse(d));
}

static bool bare_cr_refused(const struct difference *d)
{
    return (d->shape & SHAPE_BARE_CR) && we_refuse(d);
}

/* In the request line: it stands in the target then. */
static bool bare_cr_in_target(const struct difference *d)
{
    return refused_with(d, "HPE_LF_EXPECTED") && d->ours != NULL &&
           slice_find(d->ours->target, '\r') < d->ours->target.length;
}

static bool bare_cr_waited_out(const struct difference *d)
{
    return (d->shape & SHAPE_BARE_CR) && waits(d->ours, d->our_reading);
}

static bool bare_cr_of_our_own(const struct difference *d)
{
    return (d->shape & SHAPE_BARE_CR) && d->stream->responses;
}

static bool fold_refused(const struct difference *d)
{
    return (d->shape & SHAPE_FOLD) && we_refuse(d);
}

static bool space_refused(const struct difference *d)
{
    return (d->shape & SHAPE_NO_FIELD) && d->ours != NULL && we_refuse(d) &&
           d->ours->framing == HTTP1_NONE;
}

static bool like_coding(const struct difference *d)
{
    return (d->shape & SHAPE_LIKE_CODING) != 0;
}

static bool odd_length_refused(const struct difference *d)
{
    return (d->shape & SHAPE_ODD_LENGTH) && we_refuse(d);
}

static bool odd_coding_refused(const struct difference *d)
{
    return (d->shape & SHAPE_ODD_CODING) && we_refuse(d);
}

/* The byte at which the agent gave a chunked body up, and the one before it. */
static bool chunks_refused(const struct difference *d, char *byte, char *before)
{
    if (d->ours == NULL || !we_refuse(d) || d->ours->framing != HTTP1_CHUNKED)
        return false;
    *byte = d->stream->bytes[d->ours->end - 1];
    *before = d->stream->bytes[d->ours->end - 2];
    return true;
}

static bool chunk_cr_refused(const struct difference *d)
{
    char byte;
    char before;
    return chunks_refused(d, &byte, &before) && before == '\r';
}

static bool chunk_lf_refused(const struct difference *d)
{
    char byte;
    char before;
    return chunks_refused(d, &byte, &before) && before != '\r' && byte == '\n';
}

static bool chunk_end_refused(const struct difference *d)
{
    char byte;
    char before;
    return chunks_refused(d, &byte, &before) && before != '\r' && byte != '\n';
}

static bool version_0_9(const struct difference *d)
{
    return d->theirs != NULL && d->theirs->major == 0 && d->theirs->minor == 9 && we_refuse(d);
}

static bool other_major(const struct difference *d)
{
    return d->theirs != NULL && d->theirs->major != 1 && we_refuse(d);
}

static bool short_status(const struct difference *d)
{
    struct slice line = start_line(d);
    size_t space = slice_find(line, ' ');
    bool leading_zero = space + 1 < line.length && line.at[space + 1] == '0';
    return d->stream->responses && d->theirs != NULL && we_refuse(d) &&
           (d->theirs->status < 100 || leading_zero);
}

static bool garbled_version(const struct difference *d)
{
    struct slice line = d->rest;
    while (line.length > 0 && (line.at[0] == '\r' || line.at[0] == '\n'))
        line = slice_after(line, 1);
    size_t compared = line.length < 7 ? line.length : 7;
    return we_refuse(d) && d->ours == NULL && memcmp(line.at, "HTTP/1.", compared) != 0;
}

static bool tab_in_request_line(const struct difference *d)
{
    return d->theirs != NULL && d->ours != NULL && has_tab(d->theirs->target);
}

static bool unknown_method(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_METHOD") && d->ours != NULL &&
           shape_is_token(d->ours->method);
}

/* Origin form in visible ASCII, or an asterisk. */
static bool is_plain_target(struct slice target)
{
    for (size_t i = 0; i < target.length; i++)
        if (target.at[i] <= ' ' || target.at[i] > '~')
            return false;
    return target.length > 0 && (target.at[0] == '/' || target.at[0] == '*');
}

static bool odd_target(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_URL") && d->ours != NULL &&
           !is_plain_target(d->ours->target);
}

static bool tab_before_target(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_URL") && d->ours != NULL && has_tab(start_line(d));
}

/* One space on either side of the version, and one digit behind its dot. */
static bool odd_version(const struct difference *d)
{
    if (d->ours == NULL ||
        !(refused_with(d, "HPE_INVALID_VERSION") || refused_with(d, "HPE_INVALID_CONSTANT")))
        return false;
    struct slice line = start_line(d);
    if (d->stream->responses)
        return line.length < 10 || line.at[8] != ' ' || line.at[9] == ' ';
    size_t spaces = 0;
    for (size_t i = 0; i < line.length; i++)
        spaces += line.at[i] == ' ' || line.at[i] == '\t';
    return spaces != 2 || line.at[line.length - 2] != '.';
}

static bool tab_behind_status(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_STATUS") && d->ours != NULL && has_tab(start_line(d));
}

static bool no_field(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_HEADER_TOKEN") && (d->shape & SHAPE_NO_FIELD);
}

static bool control_in_value(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_HEADER_TOKEN") && (d->shape & SHAPE_CONTROL);
}

static bool lengths_repeated(const struct difference *d)
{
    if (!(d->shape & SHAPE_ODD_LENGTH) ||
        ((d->shape & SHAPE_UNEQUAL_LENGTHS) && !(d->shape & SHAPE_CODING)))
        return false;
    return refused_with(d, "HPE_INVALID_CONTENT_LENGTH") ||
           refused_with(d, "HPE_UNEXPECTED_CONTENT_LENGTH");
}

static bool length_without_body(const struct difference *d)
{
    return d->stream->responses && d->ours != NULL && (d->shape & SHAPE_ODD_LENGTH) &&
           (d->ours->framing == HTTP1_NONE || d->ours->framing == HTTP1_TUNNEL) &&
           (refused_with(d, "HPE_INVALID_CONTENT_LENGTH") ||
            refused_with(d, "HPE_UNEXPECTED_CONTENT_LENGTH"));
}

static bool length_and_coding(const struct difference *d)
{
    return refused_with(d, "HPE_UNEXPECTED_CONTENT_LENGTH") && (d->shape & SHAPE_LENGTH) &&
           (d->shape & SHAPE_CODING);
}

/* Did the agent find the last coding that a plain look at the lines finds? Folds hide it. */
static bool last_coding_is_right(const struct difference *d)
{
    return d->ours != NULL &&
           ((d->ours->framing == HTTP1_CHUNKED) == ((d->shape & SHAPE_CHUNKED_LAST) != 0) ||
            (d->shape & SHAPE_FOLD));
}

static bool odd_coding_read(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_TRANSFER_ENCODING") && (d->shape & SHAPE_ODD_CODING) &&
           last_coding_is_right(d);
}

static bool odd_chunk_size(const struct difference *d)
{
    return refused_with(d, "HPE_INVALID_CHUNK_SIZE") && d->theirs != NULL &&
           strchr("\n\t", d->stream->bytes[d->theirs->end]) != NULL;
}

static bool trailer_refused(const struct difference *d)
{
    return d->ours != NULL && d->theirs != NULL && they_refuse(d) &&
           d->theirs->framing == HTTP1_CHUNKED &&
           strcmp(d->their_reading->error, "HPE_INVALID_CHUNK_SIZE") != 0;
}

/* A chunked response in which something other than CRLF follows a size line's text or data. */
static bool lf_of_our_own(const struct difference *d)
{
    if (!d->stream->responses || d->ours == NULL || d->theirs == NULL ||
        d->ours->framing != HTTP1_CHUNKED || d->theirs->framing != HTTP1_CHUNKED)
        return false;
    const char *at = d->stream->bytes + d->ours->head_end;
    const char *end = d->stream->bytes + d->stream->length;
    for (unsigned long long size = 1; size > 0 && at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size = strtoull(at, NULL, 16);
        if (line_end == NULL || line_end[-1] != '\r' || size >= (size_t)(end - line_end))
            return line_end != NULL && line_end[-1] != '\r';
        at = line_end + 1 + size;
        if (size > 0 && end - at >= 2 && memcmp(at, "\r\n", 2) != 0)
            return true;
        at += 2;
    }
    return false;
}

static bool connect_request(const struct difference *d)
{
    return !d->stream->responses && d->ours != NULL &&
           slice_equal(d->ours->method, SLICE_LITERAL("CONNECT"));
}

static bool behind_connect(const struct difference *d)
{
    return !d->stream->responses && d->theirs == NULL && d->their_reading->end == READING_TUNNEL;
}

static bool bodiless_status(const struct difference *d)
{
    unsigned status = d->ours != NULL ? d->ours->status : 0;
    return d->stream->responses && (d->shape & (SHAPE_LENGTH | SHAPE_CODING)) &&
           (status / 100 == 1 || status == 204 || status == 304);
}

static bool switched_without_upgrade(const struct difference *d)
{
    return d->ours != NULL && d->ours->status == 101;
}

static bool behind_101(const struct difference *d)
{
    return d->stream->responses && d->ours == NULL && d->our_reading->end == READING_TUNNEL;
}

static bool old_version_with_coding(const struct difference *d)
{
    return d->ours != NULL && d->ours->minor == 0 && (d->shape & SHAPE_CODING) &&
           !d->ours->keeps_alive;
}

static bool upgrade_with_odd_coding(const struct difference *d)
{
    return !d->stream->responses && d->ours != NULL && d->ours->upgrade &&
           (d->shape & (SHAPE_ODD_CODING | SHAPE_LIKE_CODING)) && last_coding_is_right(d);
}

static bool trailer_says_it(const struct difference *d)
{
    return d->ours != NULL && d->theirs != NULL && d->ours->framing == HTTP1_CHUNKED &&
           d->theirs->framing == HTTP1_CHUNKED && d->ours->end == d->theirs->end;
}

static bool odd_connection(const struct difference *d)
{
    return (d->shape & SHAPE_ODD_CONNECTION) != 0;
}

static bool coding_of_our_own(const struct difference *d)
{
    return d->stream->responses && (d->shape & (SHAPE_ODD_CODING | SHAPE_FOLD)) &&
           last_coding_is_right(d);
}

struct class
{
    unsigned aspects; /* what it explains */
    bool (*holds)(const struct difference *difference);
    const char *stricter;
    const char *section; /* of RFC 9112, unless it says another */
    const char *name;
    const char *reason;
    uint64_t count;
};

static struct class classes[] = {
    {ALL, both_refuse, "both", "6.3", "refused by both, at different bytes",
     "A head whose framing can't be told is a request to the agent, because it is answered by 400; "
     "http-parser refuses some of them with the head.",
     0},
    {ALL, one_waits, "either", "2.2", "refused by one, not over yet for the other",
     "The agent judges a head when it is complete, and sizes from 2^63 on at once.", 0},
    {ALL, bare_cr_refused, "the agent", "2.2", "a bare CR in a request's head",
     "http-parser takes a CR that begins a line for the end of the head; others take it for a "
     "space. The connection becomes opaque.",
     0},
    {ALL, bare_cr_waited_out, "the agent", "2.2", "a head that ends in CR CR LF",
     "The same: to the agent its last line is not empty, so the head is not over.", 0},
    {ALL, bare_cr_of_our_own, "neither", "2.2", "a bare CR in a response's head",
     "The observed program wrote it, and meant its head to end at the empty line.", 0},
    {ALL, bare_cr_in_target, "http-parser", "3.2", "a bare CR in a target",
     "The line's last word is the version, so its end is not in doubt.", 0},
    {ALL, fold_refused, "the agent", "5.2", "a folded Content-Length or Transfer-Encoding",
     "http-parser joins the lines of some; others ignore the second one.", 0},
    {ALL, space_refused, "the agent", "5.1", "a space before the colon of a field that frames",
     "http-parser as packaged takes spaces into its stride there; others ignore such a line.", 0},
    {ALL, like_coding, "http-parser", "5.1", "a name that begins with Transfer-Encoding",
     "A bug of http-parser: it takes Transfer-Encoding2 for a Transfer-Encoding, and refuses a "
     "Content-Length beside it.",
     0},
    {ALL, odd_length_refused, "the agent", "6.3", "a Content-Length that is no number",
     "What http-parser makes of it depends on the white space within.", 0},
    {ALL, odd_coding_refused, "the agent", "6.1", "a last transfer coding that is not chunked",
     "http-parser finds chunked in some lists that only resemble it.", 0},
    {ALL, chunk_cr_refused, "the agent", "7.1", "CR without LF in what frames a chunk",
     "http-parser as packaged skips the byte behind such a CR without a look.", 0},
    {ALL, chunk_lf_refused, "the agent", "7.1", "LF without CR behind an extension or data",
     "http-parser reads an extension up to CR, and skips two bytes behind a chunk's data.", 0},
    {ALL, chunk_end_refused, "the agent", "7.1", "a chunk longer than its size",
     "http-parser as packaged skips two bytes behind a chunk's data without a look.", 0},
    {ALL, version_0_9, "the agent", "2.3", "a request of HTTP/0.9, or without a version",
     "Nothing that frames a message came with HTTP/0.9.", 0},
    {ALL, other_major, "the agent", "2.3", "another major version", "It is another protocol.", 0},
    {ALL, short_status, "the agent", "4", "a status that is not three digits",
     "Leading zeros do not count.", 0},
    {ALL, garbled_version, "the agent", "2.3", "a protocol that only resembles HTTP",
     "http-parser as packaged compares not every letter of it.", 0},
    {LINES, tab_in_request_line, "neither", "3", "a tab between the words of a request line",
     "Lenient servers divide at any white space; http-parser takes it into the target.", 0},
    {ALL, unknown_method, "http-parser", "3.1", "a method that http-parser has no number for",
     "Every token is a method.", 0},
    {ALL, odd_target, "http-parser", "3.2", "a target that is none of the four forms",
     "Servers answer them with 400 or route them; either way there was a request.", 0},
    {ALL, odd_version, "http-parser", "3",
     "several blanks about a version, or several digits in it",
     "Lenient servers divide at any white space, and take an unknown minor version for the highest "
     "they know.",
     0},
    {ALL, tab_before_target, "http-parser", "3", "a tab before a target", "The same.", 0},
    {ALL, tab_behind_status, "http-parser", "4", "a tab behind a status", "The same.", 0},
    {ALL, no_field, "http-parser", "5.1", "a line that is no field",
     "It is passed over: nginx does so, others answer 400.", 0},
    {ALL, control_in_value, "http-parser", "5.5", "a control character in a value",
     "Values are opaque.", 0},
    {ALL, lengths_repeated, "http-parser", "6.3",
     "equal lengths, repeated or listed; a tab behind one",
     "A recipient may take equal lengths for one; a tab is white space like any other.", 0},
    {ALL, length_without_body, "http-parser", "6.3", "a bad length in a response without a body",
     "It is not looked at: the answer to HEAD, 1xx, 204 and 304 end with their head.", 0},
    {ALL, length_and_coding, "http-parser", "6.3", "both Content-Length and Transfer-Encoding",
     "Transfer-Encoding overrides, by the RFC's own rule 3.", 0},
    {ALL, odd_coding_read, "http-parser", "6.1", "codings before chunked, empty or blank ones",
     "Only the last coding frames the message; http-parser wants the plainest form.", 0},
    {ALL, odd_chunk_size, "http-parser", "7.1", "a tab or LF behind a chunk's size",
     "No program was found that goes on at another byte.", 0},
    {ALL, trailer_refused, "http-parser", "7.1.2", "a trailer section that http-parser refuses",
     "The agent looks for its end only.", 0},
    {BOUNDARY | ASPECT_KEEP_ALIVE, lf_of_our_own, "neither", "7.1",
     "LF without CR in a response's chunks",
     "The observed program wrote it, and meant a line's end.", 0},
    {BOUNDARY, connect_request, "neither", "RFC 9110, 9.3.6", "the content of CONNECT",
     "The tunnel begins with a 2xx; until then it is a request like any other.", 0},
    {ALL, behind_connect, "neither", "RFC 9110, 9.3.6", "what follows CONNECT",
     "A proxy that refuses CONNECT goes on with HTTP, so the agent reads on until the 2xx.", 0},
    {BOUNDARY, bodiless_status, "neither", "6.3", "a length or coding with 1xx, 204 or 304",
     "They have no body, by rule 1; http-parser leaves that to its caller.", 0},
    {BOUNDARY | ASPECT_UPGRADE | ASPECT_KEEP_ALIVE, switched_without_upgrade, "the agent",
     "RFC 9110, 15.2.2", "101 without an Upgrade field", "101 switches, whatever it says.", 0},
    {ALL, behind_101, "the agent", "RFC 9110, 15.2.2", "what follows 101", "The same.", 0},
    {ASPECT_KEEP_ALIVE, old_version_with_coding, "the agent", "6.1",
     "Transfer-Encoding in HTTP/1.0", "The connection has to be closed after it.", 0},
    {ASPECT_KEEP_ALIVE | ASPECT_UPGRADE, odd_connection, "either", "9.3",
     "a Connection of unusual form",
     "Tabs, folds and several lines: http-parser reads the first word of each, the agent all of "
     "them.",
     0},
    {BOUNDARY, upgrade_with_odd_coding, "neither", "6.1",
     "an Upgrade beside an unusual Transfer-Encoding",
     "A bug of http-parser: it takes such a request for one without a body.", 0},
    {ASPECT_KEEP_ALIVE, trailer_says_it, "neither", "6.5.1", "Connection in a trailer section",
     "Trailers do not frame; http-parser lets them.", 0},
    {BOUNDARY | ASPECT_KEEP_ALIVE, coding_of_our_own, "neither", "6.1",
     "a response's unusual Transfer-Encoding",
     "Folds, tabs, empty elements: http-parser reads until close, the writer meant chunked.", 0},
};

#define CLASSES (sizeof classes / sizeof classes[0])

bool difference_explain(const struct difference *difference)
{
    unsigned left = difference->aspects;
    for (size_t i = 0; i < CLASSES && left != 0; i++) {
        struct class *class = &classes[i];
        if ((class->aspects & left) == 0 || !class->holds(difference))
            continue;
        left &= ~class->aspects;
        class->count++;
    }
    return left == 0;
}

/* Both took a request to be whole and go on at different bytes. Whatever class says so, this may
 * only be where the other one is known to be wrong, or a tunnel may begin. */
bool difference_desynchronises(const struct difference *d)
{
    return !d->stream->responses && d->ours != NULL && d->theirs != NULL &&
           d->ours->state == MESSAGE_WHOLE && d->theirs->state == MESSAGE_WHOLE &&
           (d->aspects & ASPECT_END) && !connect_request(d) && !upgrade_with_odd_coding(d);
}

size_t differences_print(void)
{
    size_t unused = 0;
    for (size_t i = 0; i < CLASSES; i++) {
        const struct class *class = &classes[i];
        printf("%7llu  %s (%s; stricter: %s)\n         %s\n", (unsigned long long)class->count,
               class->name, class->section, class->stricter, class->reason);
        unused += class->count == 0;
    }
    return unused;
}
