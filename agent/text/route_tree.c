// SPDX-License-Identifier: Apache-2.0
#include "agent/text/route_tree.h"

#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "agent/text/route_segment.h"

/* Places for each name: a name takes as many as it has segments that no other name shares, and
 * those of folded branches stay. Half of them are ever used; a quarter of that is kept for places
 * that stand for many. */
#define PLACES        16
#define PROBES        64
#define DOUBTFUL_MOST 12
#define FILES_MOST    3
#define FULL_LEAST    3 /* children of a place that folds because the whole is full */
#define FULL_ROOT     8 /* the same of the root */

/* A place's word, from its low end: three numbers of children, three folds, these, and how many
 * names there are below it; above them the hash without as many bits, which have told where to
 * look. */
#define USED       ((uint64_t)1 << 17) /* no free slot has it */
#define COMMON     ((uint64_t)1 << 18) /* a child of it stands for many, or is a version: `/api/v1` */
#define CLOSED     ((uint64_t)1 << 19) /* folded, and its children are not told apart any more */
#define NAMES_AT   20
#define NAMES_MOST 255 /* below a place, as far as counted */
#define WORD_BITS  28
#define BUSY       3 /* children of a word that is no value */

static const struct kind {
    unsigned shift; /* of the number of children */
    uint64_t mask;
    uint64_t folded; /* the bit that tells */
    uint64_t fold;   /* the bits that a fold sets: among folded words no shape is trusted */
} kinds[] = {
    [ROUTE_WORD] = {0, 0xff, 1 << 14, 1 << 14 | 1 << 15},
    [ROUTE_DOUBTFUL] = {8, 0xf, 1 << 15, 1 << 15},
    [ROUTE_FILE] = {12, 0x3, 1 << 16, 1 << 16},
};

enum example { EXAMPLE_NONE, EXAMPLE_WRITTEN, EXAMPLE_READY, EXAMPLE_SAID };

static size_t slots_for(int64_t most)
{
    size_t slots = 64;
    while (slots < PLACES * (size_t)most)
        slots *= 2;
    return slots;
}

size_t route_tree_bytes(int64_t most)
{
    return most > 0 ? route_set_bytes(most) + slots_for(most) * sizeof(uint64_t) : 0;
}

static _Atomic uint64_t *find(const struct route_tree *tree, uint64_t hash)
{
    for (size_t i = 0; i < PROBES; i++) {
        _Atomic uint64_t *slot = &tree->places[(hash + i) & tree->mask];
        uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
        if (!word)
            return NULL;
        if (word >> WORD_BITS == hash >> WORD_BITS)
            return slot;
    }
    return NULL;
}

/* Relaxed: see the header. Two threads with the same hash try the same slots in the same order. */
static _Atomic uint64_t *enter(struct route_tree *tree, uint64_t hash, size_t most, bool *made)
{
    *made = false;
    uint64_t word = (hash >> WORD_BITS << WORD_BITS) | USED;
    if (atomic_fetch_add_explicit(&tree->count, 1, memory_order_relaxed) < most)
        for (size_t i = 0; i < PROBES; i++) {
            _Atomic uint64_t *slot = &tree->places[(hash + i) & tree->mask];
            uint64_t there = 0;
            *made = atomic_compare_exchange_strong_explicit(
                slot, &there, word, memory_order_relaxed, memory_order_relaxed);
            if (*made)
                return slot;
            if (there >> WORD_BITS == hash >> WORD_BITS)
                break;
        }
    atomic_fetch_sub_explicit(&tree->count, 1, memory_order_relaxed);
    return find(tree, hash);
}

void route_tree_init(struct route_tree *tree, void *storage, int64_t most, uint64_t seed)
{
    memset(tree, 0, sizeof *tree);
    route_set_init(&tree->names, storage, most, seed);
    if (!tree->names.most)
        return;
    tree->places = (_Atomic uint64_t *)storage + route_set_bytes(most) / sizeof(uint64_t);
    tree->mask = slots_for(most) - 1;
    bool made;
    enter(tree, seed, 1, &made);
}

/* ---- a path, segment by segment ---- */

struct walk {
    struct route_tree *tree;
    char out[ROUTE_BYTES];
    size_t used;
    bool long_name; /* it does not fit */
    bool admit;
    bool literal;       /* nothing in the name stands for many */
    bool full;          /* something would have been new, and has no room */
    bool folded;        /* a place by this very walk */
    bool short_of_room; /* only the first segment counts, the rest is a star */
    size_t segments;
    uint64_t hash;           /* of the place where it is: of the name so far */
    _Atomic uint64_t *place; /* its word */
    _Atomic uint64_t *left;  /* a folded place that was left through a busy child; or NULL */
    _Atomic uint64_t *above[ROUTE_DEPTH + 1]; /* the places from the root to the one above it */
    size_t depth;
};

_Static_assert(sizeof(struct walk) + _Alignof(struct walk) <= ROUTE_TREE_SCRATCH_BYTES, "it fits");

static struct walk *walk_in(char *scratch)
{
    size_t off = -(uintptr_t)scratch % _Alignof(struct walk);
    return (struct walk *)(void *)(scratch + off);
}

static void put(struct walk *walk, struct slice text)
{
    walk->long_name |= text.length > ROUTE_BYTES - walk->used;
    if (walk->long_name || !text.length)
        return;
    memcpy(walk->out + walk->used, text.at, text.length);
    walk->used += text.length;
}

static bool at_root(const struct walk *walk)
{
    return walk->hash == walk->tree->names.seed;
}

/* What is deep leaves room for the rest, because a tree of folders, of categories or of languages
 * has any number of pages though no place in it has many. `segments`: of the name. */
static size_t names_most(const struct walk *walk, size_t segments)
{
    static const unsigned char kept[2][4] = {{0, 0, 2, 4}, {1, 2, 4, 6}}; /* sixteenths */
    size_t most = walk->tree->names.most;
    size_t deep = segments < 4 ? segments - (segments > 0) : 3;
    return walk->short_of_room ? most : most - most * kept[walk->literal][deep] / 16;
}

/* The same of the places on the way to it. */
static size_t places_most(const struct walk *walk, size_t segments, bool literal)
{
    static const unsigned char kept[2][2] = {{0, 4}, {1, 8}}; /* sixteenths */
    size_t most = (walk->tree->mask + 1) / 2;
    return walk->short_of_room ? most : most - most * kept[literal][segments > 2] / 16;
}

static size_t children_most(const struct walk *walk, enum route_kind kind, uint64_t word)
{
    if (kind == ROUTE_FILE)
        return FILES_MOST;
    size_t words = walk->tree->names.most / 4;
    words = words < 4 ? 4 : words > 100 ? 100 : words;
    if (kind == ROUTE_DOUBTFUL)
        return words < DOUBTFUL_MOST ? words : DOUBTFUL_MOST;
    words <<= at_root(walk);
    return word & kinds[ROUTE_DOUBTFUL].folded ? words / 4 : words;
}

static size_t children(uint64_t word, enum route_kind kind)
{
    return word >> kinds[kind].shift & kinds[kind].mask;
}

static size_t names_below(uint64_t word)
{
    return word >> NAMES_AT & NAMES_MOST;
}

static uint64_t with_names(uint64_t word, size_t names)
{
    names = names < NAMES_MOST ? names : NAMES_MOST;
    return (word & ~((uint64_t)NAMES_MOST << NAMES_AT)) | names << NAMES_AT;
}

/* Between threads that fold at the same time the numbers may come out too low: then there is room
 * for a few names more, up to the bound of all that ever are. */
static void change_names_above(struct walk *walk, size_t more, size_t less)
{
    for (size_t i = 0; i < walk->depth; i++) {
        uint64_t word = atomic_load_explicit(walk->above[i], memory_order_relaxed);
        uint64_t next;
        do {
            size_t names = names_below(word) + more;
            next = with_names(word, names > less ? names - less : 0);
        } while (!atomic_compare_exchange_weak_explicit(
            walk->above[i], &word, next, memory_order_relaxed, memory_order_relaxed));
    }
}

/* The names that do not count any more where a place folds. Among words all below it are: that the
 * place varies is what has made them many. */
static size_t names_folded(uint64_t word, enum route_kind kind)
{
    size_t names = names_below(word);
    size_t of_kind = children(word, kind);
    return kind == ROUTE_WORD || of_kind > names ? names : of_kind;
}

static uint64_t folded(uint64_t word, enum route_kind kind)
{
    return with_names(word | kinds[kind].fold, names_below(word) - names_folded(word, kind));
}

static void count_change(struct route_tree *tree)
{
    atomic_fetch_add_explicit(&tree->changes, 1, memory_order_relaxed);
}

static void set(struct route_tree *tree, _Atomic uint64_t *place, uint64_t bit)
{
    if (!(atomic_fetch_or_explicit(place, bit, memory_order_relaxed) & bit))
        count_change(tree);
}

static void fold(struct walk *walk, size_t names)
{
    count_change(walk->tree);
    change_names_above(walk, 0, names);
    route_set_refund(&walk->tree->names, names);
    counters_add(&counters.routes_folded, 1);
    walk->folded = true;
}

/* One child more, of at most so many. False: the place is folded, maybe for this one. */
static bool count_child(struct walk *walk, enum route_kind kind, bool full)
{
    uint64_t word = atomic_load_explicit(walk->place, memory_order_relaxed);
    for (;;) {
        if (word & kinds[kind].folded)
            return false;
        bool fits = !full && children(word, kind) < children_most(walk, kind, word);
        uint64_t next = fits ? word + ((uint64_t)1 << kinds[kind].shift) : folded(word, kind);
        if (!atomic_compare_exchange_weak_explicit(walk->place, &word, next, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        if (!fits)
            fold(walk, names_folded(word, kind));
        return fits;
    }
}

static bool go_to(struct walk *walk, uint64_t hash, _Atomic uint64_t *place)
{
    walk->above[walk->depth++] = walk->place;
    walk->hash = hash;
    walk->place = place;
    return place != NULL;
}

/* The place that stands for many, and is there once for all of them. */
static bool go_to_common(struct walk *walk, size_t begin)
{
    uint64_t hash = route_hash(walk->hash, (struct slice){walk->out + begin, walk->used - begin});
    _Atomic uint64_t *place = find(walk->tree, hash);
    bool made;
    if (!place && walk->admit) {
        place = enter(walk->tree, hash, places_most(walk, walk->segments, false), &made);
        walk->full = !place;
        if (made && walk->used > begin)
            set(walk->tree, walk->place, COMMON);
    }
    return go_to(walk, hash, place);
}

enum child { CHILD_NONE, CHILD_FOUND, CHILD_FOLDED };

static enum child make_child(struct walk *walk, uint64_t hash, enum route_kind kind)
{
    struct route_tree *tree = walk->tree;
    uint64_t word = atomic_load_explicit(walk->place, memory_order_relaxed);
    size_t segments = at_root(walk) ? 1 : walk->segments; /* no deep page folds the root */
    size_t most = places_most(walk, segments, true);
    bool full = route_set_count(&tree->names) >= names_most(walk, segments) ||
                atomic_load_explicit(&tree->count, memory_order_relaxed) >= most;
    _Atomic uint64_t *place = NULL;
    bool made = full;
    if (!full)
        place = enter(tree, hash, most, &made);
    walk->full = full ? children(word, kind) < (at_root(walk) ? FULL_ROOT : FULL_LEAST) : !place;
    if (walk->full)
        return CHILD_NONE;
    if (made && !count_child(walk, kind, full))
        return CHILD_FOLDED;
    go_to(walk, hash, place);
    return CHILD_FOUND;
}

/* A section of the program, not a value: something of its own lies below. */
static bool is_busy(_Atomic uint64_t *place)
{
    uint64_t word = atomic_load_explicit(place, memory_order_relaxed);
    return word & (COMMON | kinds[ROUTE_WORD].fold | kinds[ROUTE_FILE].fold) ||
           children(word, ROUTE_WORD) + children(word, ROUTE_DOUBTFUL) >= BUSY;
}

static enum child find_child(struct walk *walk, uint64_t hash, enum route_kind kind)
{
    uint64_t word = atomic_load_explicit(walk->place, memory_order_relaxed);
    bool folded = word & kinds[kind].folded;
    _Atomic uint64_t *place = folded && word & CLOSED ? NULL : find(walk->tree, hash);
    if (folded && (!place || !is_busy(place)))
        return CHILD_FOLDED;
    if (!place)
        return walk->admit ? make_child(walk, hash, kind) : CHILD_NONE;
    if (folded && !at_root(walk))
        walk->left = walk->place;
    go_to(walk, hash, place);
    return CHILD_FOUND;
}

/* Files of a folder share a star; at the root, where that would say nothing, those of one
 * extension do. */
static void put_common(struct walk *walk, struct slice segment, enum route_kind kind)
{
    if (kind != ROUTE_FILE) {
        put(walk, SLICE_LITERAL("{id}"));
        return;
    }
    put(walk, SLICE_LITERAL("*"));
    size_t begin = walk->used;
    if (at_root(walk))
        put(walk, route_segment_file_extension(segment));
    for (size_t i = begin; i < walk->used; i++)
        walk->out[i] = slice_lower(walk->out[i]);
}

static bool step(struct walk *walk, struct slice segment, bool last)
{
    size_t begin = walk->used;
    enum route_kind kind = route_segment_kind(segment, last);
    walk->literal = walk->literal && !slice_starts(segment, SLICE_LITERAL("{id}"));
    put(walk, segment);
    if (walk->long_name)
        return false;
    if (kind == ROUTE_FIXED)
        return go_to_common(walk, begin);
    if (walk->admit && route_segment_is_version(segment))
        set(walk->tree, walk->place, COMMON);
    enum child child = find_child(walk, route_hash(walk->hash, segment), kind);
    if (child != CHILD_FOLDED)
        return child == CHILD_FOUND;
    walk->literal = false;
    walk->used = begin;
    put_common(walk, segment, kind);
    return !walk->long_name && go_to_common(walk, begin);
}

static bool walk_along(struct walk *walk, struct slice text)
{
    for (unsigned depth = 0; text.length; depth++) {
        struct slice rest = slice_after(text, 1);
        size_t length = slice_find(rest, '/');
        text = slice_after(rest, length);
        put(walk, SLICE_LITERAL("/"));
        if (depth == (walk->short_of_room ? 1 : ROUTE_DEPTH)) {
            walk->literal = false;
            put(walk, SLICE_LITERAL("*"));
            return !walk->long_name;
        }
        if (!step(walk, (struct slice){rest.at, length}, !text.length))
            return false;
    }
    return true;
}

/* The first one only: one message is enough to know what happens. */
static void keep_example(struct walk *walk)
{
    struct route_tree *tree = walk->tree;
    int none = EXAMPLE_NONE;
    if (!atomic_compare_exchange_strong_explicit(&tree->state, &none, EXAMPLE_WRITTEN,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    memcpy(tree->text, walk->out, walk->used);
    tree->length = walk->used;
    atomic_store_explicit(&tree->state, EXAMPLE_READY, memory_order_release);
}

static bool find_name(struct walk *walk, struct slice text)
{
    struct route_tree *tree = walk->tree;
    walk->used = walk->depth = 0;
    walk->left = NULL;
    walk->literal = true;
    walk->full = walk->long_name = false;
    walk->hash = tree->names.seed;
    walk->place = find(tree, walk->hash);
    if (!walk_along(walk, text))
        return false;
    struct slice name = {walk->out, walk->used};
    if (!walk->admit)
        return route_set_has(&tree->names, name);
    if (route_set_has(&tree->names, name))
        return true;
    walk->full = !route_set_add(&tree->names, name, names_most(walk, walk->segments));
    if (!walk->full)
        change_names_above(walk, 1, 0);
    return !walk->full;
}

/* Where there is no room below a child of a folded place, that one goes by the common name too:
 * `/users/alice/photos` then is one of all users' photos. Not so at the root, whose children are
 * what the program consists of. Tried again once for each place on the way at most; then what is
 * below the first segment shares a star. */
struct slice route_tree_name(struct route_tree *tree, struct slice text, bool admit,
                             char scratch[ROUTE_TREE_SCRATCH_BYTES])
{
    if (!tree->names.most)
        return SLICE_NONE;
    struct walk *walk = walk_in(scratch);
    walk->tree = tree;
    walk->admit = admit;
    walk->folded = false;
    walk->short_of_room = false;
    walk->segments = 0;
    for (size_t i = 0; i < text.length; i++)
        walk->segments += text.at[i] == '/';
    bool found;
    for (unsigned i = 0;; i++) { /* one call, which is inlined: the stack may be small */
        found = find_name(walk, text);
        if (found || walk->short_of_room || (admit && !walk->full))
            break;
        if (admit && walk->left && i < ROUTE_DEPTH)
            set(tree, walk->left, CLOSED);
        else
            walk->short_of_room = true;
    }
    if (walk->full)
        counters_add(&counters.routes_full, 1);
    if (!found)
        return SLICE_NONE;
    if (walk->folded || walk->short_of_room)
        keep_example(walk);
    struct slice name = {walk->out, walk->used};
    return slice_equal(name, text) ? text : name;
}

void route_tree_say(struct route_tree *tree)
{
    if (atomic_load_explicit(&tree->state, memory_order_acquire) == EXAMPLE_READY) {
        log_once(LOG_INFO, NULL,
                 "a place in the path shows so many values that they share the route %.*s from "
                 "now on; OTEL_AGENT_HTTP_ROUTES names routes of your own",
                 (int)tree->length, tree->text);
        atomic_store_explicit(&tree->state, EXAMPLE_SAID, memory_order_relaxed);
    }
    if (tree->full_said || !counters_get(&counters.routes_full))
        return;
    tree->full_said = true;
    log_once(LOG_WARN, NULL,
             "no room for more routes: spans of pages not seen before have none; name them in "
             "OTEL_AGENT_HTTP_ROUTES or raise OTEL_AGENT_HTTP_ROUTES_MAX (now %zu)",
             tree->names.most);
}
