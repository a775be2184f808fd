/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The portable SQL dialect: one pass over the tokens of a statement that refuses what SQLite and
 * PostgreSQL do not both read with one meaning, and writes the few tokens that differ. It knows
 * words and their neighbours, not the grammar: what is left is for the engine's own parser. A
 * module that passes here and runs on SQLite shall run on another engine unchanged.
 */
#include "dialect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_QUOTED, /* "name" */
	TOKEN_STRING, /* 'text' */
	TOKEN_NUMBER,
	TOKEN_PARAM, /* $1 */
	TOKEN_BRACE, /* {key} */
	TOKEN_MARK,  /* anything else, one or two characters */
};

struct token {
	enum token_kind kind;
	const char *text;
	size_t len;
};

struct refusal {
	const char *word;
	const char *reason;
};

/* Refused wherever they stand. */
static const struct refusal refused_words[] = {
	{ "COLLATE", "collations differ between engines" },
	{ "GLOB", "only SQLite knows it" },
	{ "REGEXP", "engines differ in it" },
	{ "LIKE", "engines differ in its case rules" },
	{ "ILIKE", "SQLite does not know it" },
	{ "SIMILAR", "SQLite does not know it" },
	{ "ISNULL", "write IS NULL" },
	{ "NOTNULL", "write IS NOT NULL" },
	{ "INDEXED", "only SQLite knows it" },
	{ "ROWID", "only SQLite has it; declare a {key} column" },
	{ "_ROWID_", "only SQLite has it; declare a {key} column" },
	{ "AUTOINCREMENT", "write {key} for a generated key" },
	{ "SERIAL", "write {key} for a generated key" },
	{ "BIGSERIAL", "write {key} for a generated key" },
	{ "BLOB", "write {bytes}" },
	{ "BYTEA", "write {bytes}" },
	{ "DEFERRABLE", "a deferred constraint would fail other units at their commit" },
	{ "CURRENT_TIMESTAMP", "pass the time as a parameter, in microseconds" },
	{ "CURRENT_DATE", "pass the time as a parameter, in microseconds" },
	{ "CURRENT_TIME", "pass the time as a parameter, in microseconds" },
	{ "PRAGMA", "only SQLite knows it" },
	{ "ATTACH", "only SQLite knows it" },
	{ "DETACH", "only SQLite knows it" },
	{ "VACUUM", "maintenance belongs to the storage module" },
};

/* Refused where a parenthesis follows: a column may bear such a name. */
static const struct refusal refused_calls[] = {
	{ "DATE", "no date functions; times are microseconds" },
	{ "TIME", "no date functions; times are microseconds" },
	{ "DATETIME", "no date functions; times are microseconds" },
	{ "JULIANDAY", "no date functions; times are microseconds" },
	{ "UNIXEPOCH", "no date functions; times are microseconds" },
	{ "STRFTIME", "no date functions; times are microseconds" },
	{ "NOW", "no date functions; times are microseconds" },
	{ "EXTRACT", "no date functions; times are microseconds" },
	{ "DATE_TRUNC", "no date functions; times are microseconds" },
	{ "TO_CHAR", "no date functions; times are microseconds" },
	{ "TYPEOF", "only SQLite knows it" },
	{ "IFNULL", "write COALESCE" },
	{ "IIF", "write CASE" },
	{ "TOTAL", "write COALESCE(SUM(…), 0)" },
	{ "GROUP_CONCAT", "only SQLite knows it" },
	{ "STRING_AGG", "SQLite 3.40 does not know it" },
	{ "PRINTF", "only SQLite knows it" },
	{ "FORMAT", "engines differ in it" },
	{ "HEX", "only SQLite knows it" },
	{ "QUOTE", "only SQLite knows it" },
	{ "CHAR", "only SQLite knows it" },
	{ "UNICODE", "only SQLite knows it" },
	{ "INSTR", "only SQLite knows it" },
	{ "STRPOS", "SQLite does not know it" },
	{ "ZEROBLOB", "only SQLite knows it" },
	{ "RANDOM", "engines differ in it" },
	{ "RANDOMBLOB", "only SQLite knows it" },
	{ "CHANGES", "use the result's changes" },
	{ "TOTAL_CHANGES", "use the result's changes" },
	{ "LAST_INSERT_ROWID", "use RETURNING, or a reference to an earlier statement's row" },
	{ "GREATEST", "SQLite does not know it" },
	{ "LEAST", "SQLite does not know it" },
	{ "NEXTVAL", "SQLite does not know it" },
};

static const char *const first_query[] = { "SELECT", "WITH", NULL };
static const char *const first_unit[] = { "INSERT", "UPDATE", "DELETE", "WITH", "SELECT", NULL };
static const char *const first_migration[] = { "CREATE", "ALTER",  "DROP", "INSERT",
					       "UPDATE", "DELETE", NULL };
static const char *const created[] = { "TABLE", "INDEX", "UNIQUE", NULL };
static const char *const dropped[] = { "TABLE", "INDEX", NULL };
static const char *const constraints[] = { "PRIMARY",    "UNIQUE", "FOREIGN",
					   "CONSTRAINT", "CHECK",  NULL };
static const char *const after_is[] = { "NULL", "NOT", "DISTINCT", "TRUE", "FALSE", NULL };

struct dialect {
	const char *at;
	enum dialect_use use;
	struct ocppd_error *err;
	struct token previous;
	struct token token;
	struct token next;
	uint32_t depth;        /* open parentheses */
	uint32_t columns_at;   /* depth of a table's column list; 0: not inside one */
	uint32_t column_words; /* tokens since the column's beginning */
	bool is_create_table;
	bool is_add_column;
	uint32_t params;
	uint8_t seen[(DIALECT_PARAMS_MAX + 8) / 8];
	char *out;
	size_t len;
};

static bool
is_word(const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && strlen(word) == token->len &&
	       strncasecmp(token->text, word, token->len) == 0;
}

static bool
is_mark(const struct token *token, const char *mark)
{
	return token->kind == TOKEN_MARK && strlen(mark) == token->len &&
	       memcmp(token->text, mark, token->len) == 0;
}

static bool
is_one_of(const struct token *token, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is_word(token, *words))
			return true;
	return false;
}

static bool
is_word_char(char c)
{
	unsigned char u = (unsigned char)c;

	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
	       u == '_' || u >= 0x80;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_blank(const char *at)
{
	for (;;) {
		while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
			at++;
		if (at[0] == '-' && at[1] == '-') {
			while (*at != '\0' && *at != '\n')
				at++;
		} else if (at[0] == '/' && at[1] == '*') {
			const char *end = strstr(at + 2, "*/");

			at = end != NULL ? end + 2 : at + strlen(at);
		} else {
			return at;
		}
	}
}

/* The end of a quoted text, where the quote doubled stands for itself; NULL: it never ends. */
static const char *
quoted_end(const char *at)
{
	char quote = *at;

	for (at++; *at != '\0'; at++) {
		if (*at != quote)
			continue;
		if (at[1] != quote)
			return at + 1;
		at++;
	}
	return NULL;
}

static int
refuse(struct dialect *d, const struct token *token, const char *reason)
{
	if (token->len == 0)
		return ocppd_error_set(d->err, OCPPD_EINVAL, "the statement is refused: %s",
				       reason);
	return ocppd_error_set(d->err, OCPPD_EINVAL, "\"%.*s\" is refused: %s",
			       token->len > 60 ? 60 : (int)token->len, token->text, reason);
}

/* Two characters that belong together. */
static size_t
mark_len(const char *at)
{
	static const char *const pairs[] = { "<=", ">=", "<>", "!=", "||", "==", "->", "::", NULL };

	for (uint32_t i = 0; pairs[i] != NULL; i++)
		if (strncmp(at, pairs[i], 2) == 0)
			return 2;
	return 1;
}

static int
scan_quoted(struct dialect *d, struct token *token)
{
	const char *end = quoted_end(token->text);

	if (end == NULL) {
		token->len = 1;
		return refuse(d, token, "the quoted text does not end");
	}
	token->kind = *token->text == '"' ? TOKEN_QUOTED : TOKEN_STRING;
	token->len = (size_t)(end - token->text);
	return 0;
}

static int
scan_number(struct dialect *d, struct token *token)
{
	const char *end = token->text;

	while (is_word_char(*end) || *end == '.' ||
	       ((*end == '-' || *end == '+') && (end[-1] == 'e' || end[-1] == 'E')))
		end++;
	token->kind = TOKEN_NUMBER;
	token->len = (size_t)(end - token->text);
	if (token->len > 1 && (token->text[1] == 'x' || token->text[1] == 'X'))
		return refuse(d, token, "no hexadecimal numbers");
	return 0;
}

static int
scan_brace(struct dialect *d, struct token *token)
{
	const char *end = strchr(token->text, '}');

	token->kind = TOKEN_BRACE;
	token->len = end == NULL ? 1 : (size_t)(end + 1 - token->text);
	if (token->len == 5 && memcmp(token->text, "{key}", 5) == 0)
		return 0;
	if (token->len == 7 && memcmp(token->text, "{bytes}", 7) == 0)
		return 0;
	return refuse(d, token, "the tokens are {bytes} and {key}");
}

static int
scan(struct dialect *d, struct token *token)
{
	const char *at = skip_blank(d->at);
	const char *end = at;
	int r = 0;

	token->text = at;
	token->len = 0;
	token->kind = TOKEN_END;
	if (*at == '\0') {
		d->at = at;
		return 0;
	}
	if (*at == '\'' || *at == '"') {
		r = scan_quoted(d, token);
	} else if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
		r = scan_number(d, token);
	} else if (*at == '{') {
		r = scan_brace(d, token);
	} else if (*at == '$' || is_word_char(*at)) {
		token->kind = *at == '$' ? TOKEN_PARAM : TOKEN_WORD;
		for (end = at + 1; is_word_char(*end); end++)
			;
		token->len = (size_t)(end - at);
	} else {
		token->kind = TOKEN_MARK;
		token->len = mark_len(at);
	}
	d->at = at + token->len;
	return r;
}

static int
check_param(struct dialect *d)
{
	uint32_t number = 0;

	for (size_t i = 1; i < d->token.len; i++) {
		if (!is_digit(d->token.text[i]) || number > DIALECT_PARAMS_MAX)
			return refuse(d, &d->token, "parameters are $1, $2, … up to $999");
		number = number * 10 + (uint32_t)(d->token.text[i] - '0');
	}
	if (number == 0 || number > DIALECT_PARAMS_MAX)
		return refuse(d, &d->token, "parameters are $1, $2, … up to $999");
	if (d->use == DIALECT_MIGRATION)
		return refuse(d, &d->token, "a migration has no parameters");
	d->seen[number / 8] |= (uint8_t)(1u << (number % 8));
	if (number > d->params)
		d->params = number;
	return 0;
}

static int
check_mark(struct dialect *d)
{
	char c = d->token.text[0];

	if (c == '?' || c == ':' || c == '@' || c == '#')
		return refuse(d, &d->token, "parameters are written $1, $2, …");
	if (c == '`' || c == '[')
		return refuse(d, &d->token, "names are quoted with \"");
	if (is_mark(&d->token, "=="))
		return refuse(d, &d->token, "write =");
	if (is_mark(&d->token, "->"))
		return refuse(d, &d->token, "no JSON operators");
	if (c == ';' && d->next.kind != TOKEN_END)
		return refuse(d, &d->token, "one statement each");
	if (c == '(')
		d->depth++;
	if (c == ')' && d->depth > 0)
		d->depth--;
	return 0;
}

/* min(a, b) is a row's smaller value to SQLite, and unknown to others. */
static int
check_min_max(struct dialect *d)
{
	uint32_t depth = 0;

	for (const char *at = d->next.text; *at != '\0'; at++) {
		if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return 0;
		else if (*at == ',' && depth == 1)
			return refuse(d, &d->token, "of one argument only; write CASE");
	}
	return 0;
}

static int
check_call(struct dialect *d)
{
	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]); i++)
		if (is_word(&d->token, refused_calls[i].word))
			return refuse(d, &d->token, refused_calls[i].reason);
	if (d->token.len >= 4 && strncasecmp(d->token.text, "json", 4) == 0)
		return refuse(d, &d->token, "no JSON functions");
	if (is_word(&d->token, "MIN") || is_word(&d->token, "MAX"))
		return check_min_max(d);
	return 0;
}

/* Words that are fine in some company and not in other. */
static int
check_company(struct dialect *d)
{
	const struct token *next = &d->next;

	if (is_word(&d->token, "OR") && is_word(&d->previous, "INSERT"))
		return refuse(d, &d->token, "write ON CONFLICT");
	if (is_word(&d->token, "OR") && is_word(&d->previous, "UPDATE"))
		return refuse(d, &d->token, "write ON CONFLICT");
	if (is_word(&d->token, "CONFLICT") && !is_mark(next, "(") && !is_word(next, "DO"))
		return refuse(d, &d->token, "ON CONFLICT is followed by columns or DO");
	if (is_word(&d->token, "IS") && !is_one_of(next, after_is))
		return refuse(d, &d->token,
			      "IS compares with NULL, TRUE, FALSE; write IS NOT "
			      "DISTINCT FROM");
	if (is_word(&d->token, "NOT") && is_word(&d->previous, "IS") && !is_one_of(next, after_is))
		return refuse(d, &d->token,
			      "IS NOT compares with NULL, TRUE, FALSE; write IS "
			      "DISTINCT FROM");
	if (d->is_add_column && is_word(&d->token, "ADD") && !is_word(next, "COLUMN"))
		return refuse(d, &d->token, "write ADD COLUMN");
	if (is_word(&d->token, "WITHOUT") && is_word(next, "ROWID"))
		return refuse(d, next, "only SQLite knows WITHOUT ROWID");
	if (is_word(&d->token, "X") && next->kind == TOKEN_STRING &&
	    next->text == d->token.text + d->token.len)
		return refuse(d, &d->token, "pass bytes as a parameter");
	return 0;
}

static int
check_word(struct dialect *d)
{
	for (size_t i = 0; i < sizeof(refused_words) / sizeof(refused_words[0]); i++)
		if (is_word(&d->token, refused_words[i].word))
			return refuse(d, &d->token, refused_words[i].reason);
	if (d->token.len >= 7 && strncasecmp(d->token.text, "sqlite_", 7) == 0)
		return refuse(d, &d->token, "it is a name of the engine's own");
	if (is_mark(&d->next, "(")) {
		int r = check_call(d);

		if (r < 0)
			return r;
	}
	return check_company(d);
}

static bool
is_type(const struct dialect *d)
{
	if (d->token.kind == TOKEN_BRACE)
		return true;
	if (is_word(&d->token, "DOUBLE"))
		return is_word(&d->next, "PRECISION");
	return is_word(&d->token, "BIGINT") || is_word(&d->token, "TEXT");
}

/* In a table's column list the second word of each entry is a type, unless it is a constraint. */
static int
check_column(struct dialect *d)
{
	if (d->is_create_table && d->columns_at == 0 && is_mark(&d->token, "(") && d->depth == 1) {
		d->columns_at = 1;
		d->column_words = 0;
		return 0;
	}
	if (d->is_add_column && is_word(&d->token, "COLUMN") && is_word(&d->previous, "ADD")) {
		d->columns_at = 1;
		d->column_words = 0;
		d->depth = 1;
		return 0;
	}
	if (d->columns_at == 0)
		return 0;
	if (d->column_words == 1 && d->depth <= 1 &&
	    (is_mark(&d->token, ",") || is_mark(&d->token, ")")))
		return refuse(d, &d->previous, "the column has no type");
	if (d->depth != 1)
		return 0;
	if (is_mark(&d->token, ",")) {
		d->column_words = 0;
		return 0;
	}
	d->column_words++;
	if (d->column_words == 1 && is_one_of(&d->token, constraints))
		d->column_words = 3;
	if (d->column_words == 2 && !is_type(d))
		return refuse(d, &d->token,
			      "types are BIGINT, DOUBLE PRECISION, TEXT, {bytes} and {key}");
	return 0;
}

/* The first two words: which command is this. */
static int
check_command(struct dialect *d)
{
	static const char *const *const allowed[] = {
		[DIALECT_QUERY] = first_query,
		[DIALECT_UNIT] = first_unit,
		[DIALECT_MIGRATION] = first_migration,
	};
	static const char *const reason[] = {
		[DIALECT_QUERY] = "a query begins with SELECT or WITH",
		[DIALECT_UNIT] = "a unit's statement begins with INSERT, UPDATE, DELETE, SELECT or "
				 "WITH",
		[DIALECT_MIGRATION] = "a migration begins with CREATE, ALTER, DROP, INSERT, UPDATE "
				      "or DELETE",
	};

	if (!is_one_of(&d->token, allowed[d->use]))
		return refuse(d, &d->token, reason[d->use]);
	if (is_word(&d->token, "CREATE") && !is_one_of(&d->next, created))
		return refuse(d, &d->next, "only tables and indexes can be created");
	if (is_word(&d->token, "DROP") && !is_one_of(&d->next, dropped))
		return refuse(d, &d->next, "only tables and indexes can be dropped");
	d->is_create_table = is_word(&d->token, "CREATE") && is_word(&d->next, "TABLE");
	d->is_add_column = is_word(&d->token, "ALTER");
	return 0;
}

static void
emit(struct dialect *d, const char *text, size_t len)
{
	memcpy(d->out + d->len, text, len);
	d->len += len;
}

static void
emit_token(struct dialect *d)
{
	const struct token *token = &d->token;

	if (token->kind == TOKEN_PARAM) {
		emit(d, "?", 1);
		emit(d, token->text + 1, token->len - 1);
	} else if (token->kind == TOKEN_BRACE && token->text[1] == 'k') {
		emit(d, "INTEGER PRIMARY KEY AUTOINCREMENT", 33);
	} else if (token->kind == TOKEN_BRACE) {
		emit(d, "BLOB", 4);
	} else if (!is_mark(token, ";")) {
		emit(d, token->text, token->len);
	}
	/* One blank stands for what was between two tokens, but not inside `a.b` or `f(`. */
	if (d->next.kind != TOKEN_END && d->next.text != token->text + token->len)
		emit(d, " ", 1);
}

static int
check_token(struct dialect *d)
{
	int r = 0;

	switch (d->token.kind) {
	case TOKEN_WORD:
		r = check_word(d);
		break;
	case TOKEN_PARAM:
		r = check_param(d);
		break;
	case TOKEN_MARK:
		r = check_mark(d);
		break;
	case TOKEN_BRACE:
		if (d->use != DIALECT_MIGRATION)
			r = refuse(d, &d->token, "a type belongs into a migration");
		break;
	case TOKEN_END:
	case TOKEN_QUOTED:
	case TOKEN_STRING:
	case TOKEN_NUMBER:
		break;
	}
	return r < 0 ? r : check_column(d);
}

static int
walk(struct dialect *d)
{
	int r;

	r = scan(d, &d->token);
	if (r < 0)
		return r;
	r = scan(d, &d->next);
	if (r < 0)
		return r;
	r = check_command(d);
	while (r == 0 && d->token.kind != TOKEN_END) {
		r = check_token(d);
		if (r < 0)
			break;
		emit_token(d);
		d->previous = d->token;
		d->token = d->next;
		r = scan(d, &d->next);
	}
	return r;
}

static int
check_params(const struct dialect *d)
{
	for (uint32_t i = 1; i <= d->params; i++)
		if ((d->seen[i / 8] & (1u << (i % 8))) == 0)
			return ocppd_error_set(d->err, OCPPD_EINVAL,
					       "parameter $%u does not occur, although $%u does", i,
					       d->params);
	return 0;
}

int
dialect_translate(const char *sql, enum dialect_use use, char **ret_sql, uint32_t *ret_params,
		  struct ocppd_error *err)
{
	struct dialect d = { .at = sql, .use = use, .err = err };
	size_t size = strlen(sql);
	int r;

	/* {key} grows most: 5 characters to 33. One blank at most is added for each token. */
	d.out = calloc(size + 1, 8);
	if (d.out == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	r = walk(&d);
	if (r == 0)
		r = check_params(&d);
	if (r < 0) {
		free(d.out);
		return r;
	}
	*ret_sql = d.out;
	*ret_params = d.params;
	return 0;
}
