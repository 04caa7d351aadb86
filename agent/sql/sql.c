// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql.h"

#include "agent/sql/sql_lexer.h"
#include "agent/sql/sql_summary.h"
#include "agent/sql/sql_text.h"

void sql_summarise(struct slice statement, char *buffer, size_t capacity, struct sql *result)
{
    bool long_statement = statement.length > SQL_READ_BYTES;
    if (long_statement)
        statement.length = SQL_READ_BYTES;
    size_t summary_capacity = capacity / 4 < SQL_SUMMARY_BYTES ? capacity / 4 : SQL_SUMMARY_BYTES;

    struct sql_lexer lexer;
    struct sql_summary summary;
    struct sql_text text;
    sql_lexer_init(&lexer, statement);
    sql_summary_init(&summary, buffer, summary_capacity);
    sql_text_init(&text, buffer ? buffer + summary_capacity : NULL, capacity - summary_capacity);

    enum sql_token_kind last = SQL_TOKEN_END;
    for (const struct sql_token *token; (token = sql_lexer_next(&lexer))->kind != SQL_TOKEN_END;) {
        sql_text_token(&text, token);
        sql_summary_token(&summary, token);
        last = token->kind;
    }
    sql_summary_end(&summary);

    *result = (struct sql){
        .text = {text.at, text.length},
        .summary = {summary.at, summary.length},
        .operation = summary.operation,
        .collection = summary.several ? SLICE_NONE : summary.table,
        .use_schema = summary.use_schema,
        .statements = summary.statements,
        .reads = summary.reads,
        .truncated = long_statement || text.full || last == SQL_TOKEN_REST,
    };
}
