/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tables and statements: templates, and what stations hold.
 */
#include "smart.h"

#define P "ocpp16_smart_charging_"

static const char *const migration_1[] = {
	"CREATE TABLE " P "template (name TEXT NOT NULL PRIMARY KEY, profile TEXT NOT NULL, "
	"changed_us BIGINT NOT NULL, changed_by TEXT)",
	"CREATE TABLE " P "installed (station_id TEXT NOT NULL, profile_id BIGINT NOT NULL, "
	"connector BIGINT NOT NULL, profile TEXT NOT NULL, template TEXT, "
	"installed_us BIGINT NOT NULL, is_doubtful BIGINT NOT NULL, "
	"PRIMARY KEY (station_id, profile_id))",
	NULL,
};

static const char *const migration_2[] = {
	"CREATE TABLE " P "taste (station_id TEXT NOT NULL PRIMARY KEY, taste BIGINT NOT NULL)",
	NULL,
};

const struct ocppd_migration smart_migrations[SMART_MIGRATIONS] = {
	{ 1, 0, "templates and installed profiles", migration_1 },
	{ 2, 0, "what stations take", migration_2 },
};

const struct ocppd_statement smart_statements[STATEMENT_COUNT] = {
	[STATEMENT_TEMPLATE_PUT] = { "put template",
				     "INSERT INTO " P "template (name, profile, changed_us, "
				     "changed_by) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO "
				     "UPDATE SET profile = $2, changed_us = $3, changed_by = $4" },
	[STATEMENT_TEMPLATE_DELETE] = { "delete template",
					"DELETE FROM " P "template WHERE name = $1" },
	[STATEMENT_TEMPLATE_GET] = { "get template",
				     "SELECT name, profile, changed_us, changed_by FROM " P
				     "template WHERE name = $1",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_TEMPLATE_LIST] = { "list templates",
				      "SELECT name, profile, changed_us, changed_by FROM " P
				      "template WHERE name > $1 ORDER BY name LIMIT $2",
				      OCPPD_STATEMENT_READ },
	[STATEMENT_INSTALL] = { "install",
				"INSERT INTO " P "installed (station_id, profile_id, connector, "
				"profile, template, installed_us, is_doubtful) "
				"VALUES ($1, $2, $3, $4, NULL, $5, 0) "
				"ON CONFLICT (station_id, profile_id) DO UPDATE SET connector = $3, "
				"profile = $4, template = NULL, installed_us = $5, "
				"is_doubtful = 0" },
	[STATEMENT_REMOVE] = { "remove", "DELETE FROM " P
					 "installed WHERE station_id = $1 AND profile_id = $2" },
	[STATEMENT_DOUBT] = { "doubt", "UPDATE " P "installed SET is_doubtful = 1 "
				       "WHERE station_id = $1 AND profile_id = $2" },
	[STATEMENT_DOUBT_ALL] = { "doubt all of a station",
				  "UPDATE " P "installed SET is_doubtful = 1 "
				  "WHERE station_id = $1 AND is_doubtful = 0" },
	[STATEMENT_NAME] = { "name the template", "UPDATE " P "installed SET template = $3 "
						  "WHERE station_id = $1 AND profile_id = $2" },
	[STATEMENT_LOAD] = { "load",
			     "SELECT station_id, profile_id, connector, profile, template, "
			     "installed_us, is_doubtful FROM " P "installed "
			     "WHERE station_id > $1 OR (station_id = $1 AND profile_id > $2) "
			     "ORDER BY station_id, profile_id LIMIT $3",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_SETTLE] = { "settle", "UPDATE " P "installed SET is_doubtful = 0 "
					 "WHERE station_id = $1 AND profile_id = $2" },
	[STATEMENT_REMOVE_ALL] = { "remove all of a station",
				   "DELETE FROM " P "installed WHERE station_id = $1" },
	[STATEMENT_RESTORE] = { "restore",
				"INSERT INTO " P "installed (station_id, profile_id, connector, "
				"profile, template, installed_us, is_doubtful) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7)" },
	[STATEMENT_TASTE_PUT] = { "put taste", "INSERT INTO " P "taste (station_id, taste) "
					       "VALUES ($1, $2) ON CONFLICT (station_id) DO UPDATE "
					       "SET taste = $2" },
	[STATEMENT_TASTE_REMOVE] = { "remove taste",
				     "DELETE FROM " P "taste WHERE station_id = $1" },
	[STATEMENT_TASTE_LOAD] = { "load tastes",
				   "SELECT station_id, taste FROM " P "taste "
				   "WHERE station_id > $1 ORDER BY station_id LIMIT $2",
				   OCPPD_STATEMENT_READ },
};
