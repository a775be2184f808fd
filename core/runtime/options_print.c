/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Tables of options as commented YAML: the reference text of `ocppd --print-options`, from which
 * the reference configuration and the manual are made or against which they are tested.
 */
#include "runtime/options.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/option_value.h"

#define WIDTH 96u

/* indent blanks stand before the `#`, inner ones after it: taking away the `#` leaves YAML. */
struct printer {
	struct buf *out;
	uint32_t indent;
	uint32_t inner;
};

static void
begin_line(const struct printer *printer, const char *mark)
{
	uint32_t i;

	for (i = 0; i < printer->indent; i++)
		buf_add_char(printer->out, ' ');
	buf_add_char(printer->out, '#');
	for (i = 0; i < printer->inner; i++)
		buf_add_char(printer->out, ' ');
	buf_add_str(printer->out, mark);
}

/* Words, wrapped, as a comment. */
static void
print_text(const struct printer *printer, const char *text)
{
	const char *mark = printer->inner > 0 ? "#" : "";
	uint32_t margin = printer->indent + printer->inner + 3;
	size_t column = 0;

	while (text[0] != '\0') {
		size_t len = strcspn(text, " \n");

		if (column > 0 && margin + column + 1 + len > WIDTH) {
			buf_add_char(printer->out, '\n');
			column = 0;
		}
		if (column == 0)
			begin_line(printer, mark);
		buf_add_char(printer->out, ' ');
		buf_add(printer->out, text, len);
		column += len + 1;
		text += len;
		text += strspn(text, " \n");
	}
	if (column > 0)
		buf_add_char(printer->out, '\n');
}

static void
add_range(const struct ocppd_option *option, struct buf *text)
{
	bool is_length = option->type == OCPPD_CONF_STRING || option->type == OCPPD_CONF_STRINGS ||
			 option->type == OCPPD_CONF_PATHS || option->type == OCPPD_CONF_SECTIONS;
	const char *unit = option->type == OCPPD_CONF_STRING ? "characters" : "entries";

	if (option->min == 0 && option->max == 0)
		return;

	if (!is_length) {
		buf_add_str(text, ", ");
		option_number_format(option, option->min, text);
		buf_add_str(text, " to ");
		option_number_format(option, option->max, text);
	} else if (option->max == 0) {
		buf_printf(text, ", at least %" PRId64 " %s", option->min, unit);
	} else {
		buf_printf(text, ", %" PRId64 " to %" PRId64 " %s", option->min, option->max, unit);
	}
}

/* "A duration such as 10s, 5min or 2h, 10s to 1d. Default 300s. Applies on reload." */
static void
print_facts(const struct printer *printer, const struct ocppd_option *option, bool is_reloadable)
{
	struct buf text = { 0 };
	uint32_t i;

	if (option->type == OCPPD_CONF_ENUM) {
		buf_add_str(&text, "One of ");
		for (i = 0; option->one_of != NULL && option->one_of[i] != NULL; i++)
			buf_printf(&text, "%s%s", i > 0 ? ", " : "", option->one_of[i]);
	} else {
		buf_add_str(&text, option_type_text(option->type));
		add_range(option, &text);
		if (text.len > 0 && text.data[0] >= 'a' && text.data[0] <= 'z')
			text.data[0] = (char)(text.data[0] - 'a' + 'A');
	}
	buf_add_str(&text, ". ");
	if ((option->flags & OCPPD_OPTION_REQUIRED) != 0)
		buf_add_str(&text, "Required. ");
	else if (option->def != NULL)
		buf_printf(&text, "Default %s. ", option->def[0] == '\0' ? "\"\"" : option->def);
	buf_add_str(&text, is_reloadable ? "Applies on reload." : "Needs a restart.");
	if (text.error == 0)
		print_text(printer, text.data);
	buf_fini(&text);
}

/* What would be misread as something else than a plain text. */
static bool
needs_quotes(const struct ocppd_option *option)
{
	const char *def = option->def;

	if (option->type != OCPPD_CONF_STRING && option->type != OCPPD_CONF_PATH &&
	    option->type != OCPPD_CONF_ADDRESS && option->type != OCPPD_CONF_SECRET)
		return false;
	return def[0] == '\0' || strchr("[]{}&*!|>%@`'\"#~?:-, ", def[0]) != NULL ||
	       strstr(def, ": ") != NULL || strstr(def, " #") != NULL || str_eq(def, "null");
}

static void print_rows(struct printer *printer, const struct options *table, bool is_reloadable);

static void
print_option(struct printer *printer, const struct ocppd_option *option, bool is_reloadable)
{
	bool may = is_reloadable || (option->flags & OCPPD_RELOADABLE) != 0;
	struct options inner;

	memcpy(&inner.rows, &option->options, sizeof(inner.rows));
	print_text(printer, option->doc);
	if (option->type != OCPPD_CONF_SECTION)
		print_facts(printer, option, may);
	begin_line(printer, option->name);
	buf_add_char(printer->out, ':');
	if (option->type == OCPPD_CONF_SECTION) {
		buf_add_char(printer->out, '\n');
		printer->inner += 2;
		print_rows(printer, &inner, may);
		printer->inner -= 2;
		return;
	}
	if (option->type == OCPPD_CONF_SECTIONS) {
		buf_add_char(printer->out, '\n');
		printer->inner += 2;
		begin_line(printer, "-\n");
		printer->inner += 2;
		print_rows(printer, &inner, may);
		printer->inner -= 4;
		return;
	}
	if (option->def == NULL)
		buf_printf(printer->out, " %s\n", option_type_word(option->type));
	else
		buf_printf(printer->out, needs_quotes(option) ? " \"%s\"\n" : " %s\n", option->def);
}

static void
print_rows(struct printer *printer, const struct options *table, bool is_reloadable)
{
	uint32_t i;

	for (i = 0; i < table->rows.count; i++) {
		if (i > 0 && printer->inner == 0)
			buf_add_char(printer->out, '\n');
		print_option(printer, &table->rows.items[i], is_reloadable);
	}
}

void
options_print(const struct options *table, uint32_t indent, struct buf *ret_text)
{
	struct printer printer = { .out = ret_text, .indent = indent };

	print_rows(&printer, table, false);
}
