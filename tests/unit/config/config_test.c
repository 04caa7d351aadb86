// SPDX-License-Identifier: Apache-2.0
/* Cases are data: tests/vectors/config/cases.txt. What every row of options.def owes is proved here
 * by walking the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/option.h"

enum { VARIABLES = 16, WARNINGS = 8, LINE_BYTES = 1000 };

/* An environment, and the warnings heard about it. */
struct environment {
    unsigned variables;
    char name[VARIABLES][80];
    char value[VARIABLES][LINE_BYTES];
    unsigned warnings;
    char warning[WARNINGS][LINE_BYTES];
};

static const char *get(void *context, const char *name)
{
    struct environment *environment = context;
    for (unsigned i = 0; i < environment->variables; i++)
        if (strcmp(environment->name[i], name) == 0)
            return environment->value[i];
    return NULL;
}

static void warn(void *context, const char *message)
{
    struct environment *environment = context;
    if (environment->warnings < WARNINGS)
        snprintf(environment->warning[environment->warnings], LINE_BYTES, "%s", message);
    environment->warnings++;
}

static void set(struct environment *environment, const char *name, const char *value)
{
    assert_true(environment->variables < VARIABLES);
    unsigned i = environment->variables++;
    snprintf(environment->name[i], sizeof environment->name[i], "%s", name);
    snprintf(environment->value[i], sizeof environment->value[i], "%s", value);
}

static void statuses_text(const struct config_statuses *set_of, char *out)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned first = 0; first < 640; first++) {
        unsigned last = first;
        if (!config_status_in(set_of, first))
            continue;
        while (config_status_in(set_of, last + 1))
            last++;
        used += (size_t)sprintf(out + used, first == last ? "%s%u" : "%s%u-%u", used ? "," : "",
                                first, last);
        first = last;
    }
}

/* A field as the vectors write it, by the field's type. */
static void field_text(const struct config *config, const char *name, char *out)
{
#define TEXT_BOOLEAN(field)      snprintf(out, LINE_BYTES, "%s", (field) ? "true" : "false")
#define TEXT_INTEGER(field)      sprintf(out, "%lld", (long long)(field))
#define TEXT_MILLISECONDS(field) TEXT_INTEGER(field)
#define TEXT_RATIO(field)        sprintf(out, "%.15g", (field))
#define TEXT_TEXT(field)         snprintf(out, LINE_BYTES, "%s", (field))
#define TEXT_PAIRS(field)        TEXT_TEXT(field)
#define TEXT_ENDPOINT(field)     TEXT_TEXT(field)
#define TEXT_STATUSES(field)     statuses_text(&(field), out)
#define TEXT_BOOLEAN_AUTO(field) TEXT_INTEGER(field)
#define TEXT_LOG_LEVEL(field)    TEXT_INTEGER(field)
#define TEXT_SAMPLER(field)      TEXT_INTEGER(field)
#define TEXT_PROPAGATORS(field)  TEXT_INTEGER(field)
#define TEXT_EXPORTERS(field)    TEXT_INTEGER(field)
#define TEXT_SEMCONV(field)      TEXT_INTEGER(field)
#define TEXT_COMPRESSION(field)  TEXT_INTEGER(field)
#define TEXT_PROTOCOL(field)     TEXT_INTEGER(field)
#define TEXT_REDACT_MODE(field)  TEXT_INTEGER(field)
#define TEXT_DB_SPANS(field)     TEXT_INTEGER(field)
#define TEXT_WITH_SDK(field)     TEXT_INTEGER(field)
#define TEXT_WHEN(field)         TEXT_INTEGER(field)
#define OPTION(type, field, variable, also, value, least, most, sentence)                          \
    if (strcmp(name, #field) == 0) {                                                               \
        TEXT_##type(config->field);                                                                \
        return;                                                                                    \
    }
#include "config/options.def"
#undef OPTION
    if (strcmp(name, "traces_endpoint") == 0)
        TEXT_TEXT(config_traces_endpoint(config));
    else if (strcmp(name, "deployment_environment") == 0)
        TEXT_TEXT(config->deployment_environment);
    else if (strcmp(name, "sampler_by_environment") == 0)
        TEXT_BOOLEAN(config->sampler_by_environment);
    else
        fail_msg("no field %s", name);
}

/* One case: what its lines ask for. */
struct expectation {
    char sentence[LINE_BYTES];
    struct environment environment;
    unsigned fields;
    char field[32][LINE_BYTES]; /* "name value" */
    unsigned warnings;
    char warning[WARNINGS][LINE_BYTES];
};

static void check(struct expectation *expectation)
{
    struct config config;
    struct environment *environment = &expectation->environment;
    assert_true(config_parse(&config, get, warn, environment));

    for (unsigned i = 0; i < expectation->fields; i++) {
        char text[LINE_BYTES];
        char *name = expectation->field[i];
        char *wanted = strchr(name, ' ');
        if (wanted)
            *wanted++ = '\0';
        field_text(&config, name, text);
        if (strcmp(text, wanted ? wanted : "") != 0)
            fail_msg("%s: %s is '%s', not '%s'", expectation->sentence, name, text,
                     wanted ? wanted : "");
    }
    for (unsigned i = 0; i < environment->warnings && i < WARNINGS; i++)
        if (i >= expectation->warnings ||
            strcmp(environment->warning[i], expectation->warning[i]) != 0)
            fail_msg("%s: said '%s'", expectation->sentence, environment->warning[i]);
    if (environment->warnings != expectation->warnings)
        fail_msg("%s: %u warnings, not %u", expectation->sentence, environment->warnings,
                 expectation->warnings);
    config_destroy(&config);
}

static void unescape(char *text)
{
    char *out = text;
    for (; *text; text++) {
        const char *known = "n\nr\rt\te\x1b";
        const char *hit = *text == '\\' && text[1] ? strchr(known, text[1]) : NULL;
        *out++ = hit ? hit[1] : *text;
        text += hit ? 1 : 0;
    }
    *out = '\0';
}

static void take_line(struct expectation *expectation, char *line)
{
    char *equals = strchr(line, '=');
    if (line[0] == '>') {
        assert_true(expectation->fields < 32);
        snprintf(expectation->field[expectation->fields++], LINE_BYTES, "%s", line + 2);
    } else if (line[0] == '!') {
        assert_true(expectation->warnings < WARNINGS);
        snprintf(expectation->warning[expectation->warnings++], LINE_BYTES, "%s", line + 2);
    } else {
        assert_non_null(equals);
        *equals = '\0';
        unescape(equals + 1);
        set(&expectation->environment, line, equals + 1);
    }
}

static void each_case_of_the_vectors_holds(void **state)
{
    (void)state;
    static struct expectation expectation;
    char line[LINE_BYTES];
    unsigned cases = 0;
    FILE *file = fopen(VECTORS "/config/cases.txt", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (strncmp(line, "case ", 5) != 0) {
            take_line(&expectation, line);
            continue;
        }
        if (cases++)
            check(&expectation);
        memset(&expectation, 0, sizeof expectation);
        snprintf(expectation.sentence, sizeof expectation.sentence, "%s", line + 5);
    }
    fclose(file);
    assert_true(cases > 60);
    check(&expectation);
}

static void each_default_written_out_changes_nothing(void **state)
{
    (void)state;
    struct environment none = {.variables = 0};
    struct config unset;
    assert_true(config_parse(&unset, get, warn, &none));
    assert_int_equal(none.warnings, 0);

    static const char *const fields[] = {
#define OPTION(type, field, variable, also, value, least, most, sentence) #field,
#include "config/options.def"
#undef OPTION
    };
    for (unsigned row = 0; row < OPTION_ROWS; row++)
        for (unsigned rank = 0; option_rows[row].variables[rank]; rank++) {
            struct environment environment = {.variables = 0};
            struct config config;
            char before[LINE_BYTES];
            char after[LINE_BYTES];
            set(&environment, option_rows[row].variables[rank], option_rows[row].value);
            assert_true(config_parse(&config, get, warn, &environment));
            if (environment.warnings)
                fail_msg("%s", environment.warning[0]);
            for (unsigned i = 0; i < OPTION_ROWS; i++) {
                field_text(&unset, fields[i], before);
                field_text(&config, fields[i], after);
                assert_string_equal(before, after);
            }
            config_destroy(&config);
        }
    config_destroy(&unset);
}

/* What the row's field is when its variable says `number`; *warnings: what was said. */
static int64_t number_from(const struct option *option, int64_t number, unsigned *warnings)
{
    struct environment environment = {.variables = 0};
    struct config config;
    char text[32];
    int64_t result;
    snprintf(text, sizeof text, "%lld", (long long)number);
    set(&environment, option->variables[0], text);
    set(&environment, "OTEL_BSP_MAX_QUEUE_SIZE", "1000000"); /* so that any batch fits */
    assert_true(config_parse(&config, get, warn, &environment));
    memcpy(&result, (const char *)&config + option->offset, sizeof result);
    *warnings = environment.warnings;
    config_destroy(&config);
    return result;
}

static void each_bound_of_a_number_is_kept(void **state)
{
    (void)state;
    unsigned numbers = 0;
    for (unsigned row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &option_rows[row];
        unsigned warnings;
        if (option->type != OPTION_INTEGER && option->type != OPTION_MILLISECONDS)
            continue;
        numbers++;
        int64_t usual = strtoll(option->value, NULL, 10);
        assert_int_equal(number_from(option, option->least, &warnings), option->least);
        assert_int_equal(warnings, 0);
        assert_int_equal(number_from(option, option->most, &warnings), option->most);
        assert_int_equal(warnings, 0);
        assert_int_equal(number_from(option, option->least - 1, &warnings), usual);
        assert_int_equal(warnings, 1);
        assert_int_equal(number_from(option, option->most + 1, &warnings), usual);
        assert_int_equal(warnings, 1);
        assert_true(option->most < INT64_MAX); /* where numbers that are too long stop */
    }
    assert_true(numbers > 10);
}

static void each_choice_is_read_under_its_name(void **state)
{
    (void)state;
    for (unsigned row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &option_rows[row];
        const struct parse_choices *choices = option_choices(option->type);
        for (unsigned i = 0; choices && choices->of[i].name; i++) {
            struct environment environment = {.variables = 0};
            struct config config;
            unsigned value;
            set(&environment, option->variables[0], choices->of[i].name);
            assert_true(config_parse(&config, get, warn, &environment));
            memcpy(&value, (const char *)&config + option->offset, sizeof value);
            assert_int_equal(environment.warnings, 0);
            assert_int_equal(value, choices->of[i].value);
            config_destroy(&config);
        }
    }
}

/* As a word: `on` is not told of by `always_on`. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at++) {
        bool begins = at == text || strchr(" ,:;(=", at[-1]);
        if (begins && strchr(" ,:;).", at[length])) /* or the end */
            return true;
    }
    return false;
}

static void each_choice_is_told_of(void **state)
{
    (void)state;
    static const char *const sentences[OPTION_ROWS] = {
#define OPTION(type, field, variable, also, value, least, most, sentence) sentence,
#include "config/options.def"
#undef OPTION
    };
    for (unsigned row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &option_rows[row];
        const struct parse_choices *choices = option_choices(option->type);
        for (unsigned i = 0; choices && choices->of[i].name; i++)
            if (!has_word(sentences[row], choices->of[i].name) &&
                strcmp(option->value, choices->of[i].name) != 0)
                fail_msg("%s takes %s, of which its sentence says nothing", option->variables[0],
                         choices->of[i].name);
    }
}

static void no_variable_belongs_to_two_rows(void **state)
{
    (void)state;
    const char *seen[OPTION_ROWS * 4];
    unsigned count = 0;
    for (unsigned row = 0; row < OPTION_ROWS; row++)
        for (unsigned rank = 0; option_rows[row].variables[rank]; rank++) {
            for (unsigned i = 0; i < count; i++)
                assert_string_not_equal(seen[i], option_rows[row].variables[rank]);
            seen[count++] = option_rows[row].variables[rank];
        }
}

static void texts_survive_a_program_that_rewrites_its_environment(void **state)
{
    (void)state;
    struct environment environment = {.variables = 0};
    struct config config;
    set(&environment, "OTEL_SERVICE_NAME", "shop");
    set(&environment, "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=qa");
    set(&environment, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a/b");
    assert_true(config_parse(&config, get, warn, &environment));
    memset(environment.value, '!', sizeof environment.value);
    assert_string_equal(config.service_name, "shop");
    assert_string_equal(config.deployment_environment, "qa");
    assert_string_equal(config_traces_endpoint(&config), "http://a/b");
    config_destroy(&config);
}

/* Consults the struct from within the callback, as main.c does. */
struct listener {
    struct config config;
    unsigned heard;
};

static const char *get_bad_queue(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "OTEL_BSP_MAX_QUEUE_SIZE") == 0)
        return "x";
    return strcmp(name, "OTEL_LOG_LEVEL") == 0 ? "debug" : NULL;
}

static void look_at_config(void *context, const char *message)
{
    struct listener *listener = context;
    (void)message;
    assert_int_equal(listener->config.log_level, CONFIG_LOG_DEBUG);
    assert_false(config_executable_allowed(&listener->config, "/bin/sh"));
    assert_string_equal(config_traces_endpoint(&listener->config),
                        "http://localhost:4318/v1/traces");
    listener->heard++;
}

static void the_struct_is_complete_when_a_warning_is_heard(void **state)
{
    (void)state;
    struct listener listener = {.heard = 0};
    assert_true(config_parse(&listener.config, get_bad_queue, look_at_config, &listener));
    assert_int_equal(listener.heard, 1);
    config_destroy(&listener.config);
}

static void a_destroyed_struct_may_be_destroyed_again(void **state)
{
    (void)state;
    struct environment none = {.variables = 0};
    struct config config;
    assert_true(config_parse(&config, get, NULL, &none));
    config_destroy(&config);
    config_destroy(&config);
    assert_null(config.storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_of_the_vectors_holds),
        cmocka_unit_test(each_default_written_out_changes_nothing),
        cmocka_unit_test(each_bound_of_a_number_is_kept),
        cmocka_unit_test(each_choice_is_read_under_its_name),
        cmocka_unit_test(each_choice_is_told_of),
        cmocka_unit_test(no_variable_belongs_to_two_rows),
        cmocka_unit_test(texts_survive_a_program_that_rewrites_its_environment),
        cmocka_unit_test(the_struct_is_complete_when_a_warning_is_heard),
        cmocka_unit_test(a_destroyed_struct_may_be_destroyed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
