/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Where every member of every public struct lies, on machines with 64-bit pointers. Lines are only
 * ever added, with the ABI minor that brings the member: one that would have to change is a break.
 */
#include <ocppd/abi.h>
#include <ocppd/action.h>
#include <ocppd/address.h>
#include <ocppd/conf.h>
#include <ocppd/csv.h>
#include <ocppd/directory.h>
#include <ocppd/error.h>
#include <ocppd/event.h>
#include <ocppd/event/connector.h>
#include <ocppd/event/id_tag.h>
#include <ocppd/event/meter.h>
#include <ocppd/event/security.h>
#include <ocppd/event/station.h>
#include <ocppd/event/transaction.h>
#include <ocppd/frame.h>
#include <ocppd/json.h>
#include <ocppd/log.h>
#include <ocppd/metric.h>
#include <ocppd/plugin.h>
#include <ocppd/route.h>
#include <ocppd/rows.h>
#include <ocppd/schema.h>
#include <ocppd/service.h>
#include <ocppd/service/authorization.h>
#include <ocppd/service/authorizer.h>
#include <ocppd/service/data_transfer.h>
#include <ocppd/service/files.h>
#include <ocppd/service/smart_charging.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/storage.h>
#include <ocppd/service/transactions.h>
#include <ocppd/station.h>
#include <ocppd/thread.h>
#include <ocppd/time.h>
#include <ocppd/work.h>

#if UINTPTR_MAX == UINT64_MAX

#define AT(type, member, at) _Static_assert(offsetof(struct type, member) == (at), "moved")
/* As it was in the minor that brought it; later ones may have grown. */
#define LEAST(type, size) _Static_assert(sizeof(struct type) >= (size), "shrunk")

/* ---- ABI 1.0 */
AT(ocppd_guard, magic, 0);
AT(ocppd_guard, abi_major, 4);
AT(ocppd_guard, abi_minor, 6);
AT(ocppd_guard, struct_size, 8);
AT(ocppd_guard, reserved, 12);
LEAST(ocppd_guard, 16);

AT(ocppd_error, code, 0);
AT(ocppd_error, line, 4);
AT(ocppd_error, column, 8);
AT(ocppd_error, reserved, 12);
AT(ocppd_error, file, 16);
AT(ocppd_error, option, 272);
AT(ocppd_error, text, 400);
LEAST(ocppd_error, 1024);

AT(ocppd_field, name, 0);
AT(ocppd_field, type, 8);
AT(ocppd_field, flags, 12);
AT(ocppd_field, min, 16);
AT(ocppd_field, max, 24);
AT(ocppd_field, one_of, 32);
AT(ocppd_field, fallback, 40);
AT(ocppd_field, fields, 48);
AT(ocppd_field, max_items, 64);
AT(ocppd_field, reserved, 68);
AT(ocppd_field, doc, 72);
LEAST(ocppd_field, 80);

AT(ocppd_fields, rows, 0);
LEAST(ocppd_fields, 16);

AT(ocppd_action, protocol, 0);
AT(ocppd_action, name, 8);
AT(ocppd_action, direction, 16);
AT(ocppd_action, flags, 20);
AT(ocppd_action, req, 24);
AT(ocppd_action, conf, 40);
AT(ocppd_action, on_call, 56);
AT(ocppd_action, prepare, 64);
AT(ocppd_action, completed, 72);
AT(ocppd_action, mask, 80);
LEAST(ocppd_action, 88);

AT(ocppd_word, protocol, 0);
AT(ocppd_word, name, 8);
AT(ocppd_word, direction, 16);
AT(ocppd_word, flags, 20);
LEAST(ocppd_word, 24);

AT(ocppd_finding, quirk, 0);
AT(ocppd_finding, path, 8);
AT(ocppd_finding, raw, 16);
AT(ocppd_finding, flags, 24);
AT(ocppd_finding, code, 28);
LEAST(ocppd_finding, 32);

AT(ocppd_call_request, struct_size, 0);
AT(ocppd_call_request, flags, 4);
AT(ocppd_call_request, station, 8);
AT(ocppd_call_request, action, 16);
AT(ocppd_call_request, payload, 24);
AT(ocppd_call_request, requester, 32);
AT(ocppd_call_request, timeout_ms, 40);
AT(ocppd_call_request, wait_ms, 48);
LEAST(ocppd_call_request, 56);

AT(ocppd_strings, items, 0);
AT(ocppd_strings, count, 8);
AT(ocppd_strings, reserved, 12);
LEAST(ocppd_strings, 16);

AT(ocppd_sections, items, 0);
AT(ocppd_sections, count, 8);
AT(ocppd_sections, stride, 12);
LEAST(ocppd_sections, 16);

AT(ocppd_option, name, 0);
AT(ocppd_option, type, 8);
AT(ocppd_option, flags, 12);
AT(ocppd_option, offset, 16);
AT(ocppd_option, item_size, 20);
AT(ocppd_option, min, 24);
AT(ocppd_option, max, 32);
AT(ocppd_option, def, 40);
AT(ocppd_option, one_of, 48);
AT(ocppd_option, doc, 56);
AT(ocppd_option, options, 64);
LEAST(ocppd_option, 80);

AT(ocppd_topic, name, 0);
AT(ocppd_topic, doc, 8);
AT(ocppd_topic, body, 16);
LEAST(ocppd_topic, 32);

AT(ocppd_event, struct_size, 0);
AT(ocppd_event, reserved, 4);
AT(ocppd_event, sequence, 8);
AT(ocppd_event, time_us, 16);
AT(ocppd_event, topic, 24);
AT(ocppd_event, publisher, 32);
AT(ocppd_event, station_id, 40);
AT(ocppd_event, body, 48);
LEAST(ocppd_event, 56);

AT(ocppd_kv, key, 0);
AT(ocppd_kv, text, 8);
AT(ocppd_kv, number, 16);
AT(ocppd_kv, kind, 24);
AT(ocppd_kv, reserved, 28);
LEAST(ocppd_kv, 32);

AT(ocppd_metric, name, 0);
AT(ocppd_metric, help, 8);
AT(ocppd_metric, kind, 16);
AT(ocppd_metric, bucket_count, 20);
AT(ocppd_metric, buckets, 24);
AT(ocppd_metric, labels, 32);
LEAST(ocppd_metric, 40);

AT(ocppd_sample, struct_size, 0);
AT(ocppd_sample, reserved, 4);
AT(ocppd_sample, metric, 8);
AT(ocppd_sample, owner, 16);
AT(ocppd_sample, labels, 24);
AT(ocppd_sample, value, 32);
AT(ocppd_sample, count, 40);
AT(ocppd_sample, buckets, 48);
LEAST(ocppd_sample, 56);

AT(ocppd_command, words, 0);
AT(ocppd_command, args, 8);
AT(ocppd_command, columns, 16);
AT(ocppd_command, help, 24);
LEAST(ocppd_command, 32);

AT(ocppd_route, method, 0);
AT(ocppd_route, path, 8);
AT(ocppd_route, role, 16);
AT(ocppd_route, flags, 20);
AT(ocppd_route, query, 24);
AT(ocppd_route, req, 40);
AT(ocppd_route, res, 56);
AT(ocppd_route, commands, 72);
AT(ocppd_route, summary, 88);
AT(ocppd_route, on_request, 96);
AT(ocppd_route, status, 104);
AT(ocppd_route, other_status, 108);
AT(ocppd_route, media, 112);
LEAST(ocppd_route, 120);

AT(ocppd_request_server, struct_size, 0);
AT(ocppd_request_server, reserved, 4);
AT(ocppd_request_server, reply, 8);
AT(ocppd_request_server, begin, 16);
AT(ocppd_request_server, write, 24);
AT(ocppd_request_server, end, 32);
AT(ocppd_request_server, cut, 40);
LEAST(ocppd_request_server, 48);

AT(ocppd_request_info, struct_size, 0);
AT(ocppd_request_info, role, 4);
AT(ocppd_request_info, user, 8);
AT(ocppd_request_info, params, 16);
AT(ocppd_request_info, query, 24);
AT(ocppd_request_info, body, 32);
LEAST(ocppd_request_info, 40);

AT(ocppd_need, service, 0);
AT(ocppd_need, major, 8);
AT(ocppd_need, minor, 10);
AT(ocppd_need, flags, 12);
AT(ocppd_need, module, 16);
LEAST(ocppd_need, 24);

AT(ocppd_provide, service, 0);
AT(ocppd_provide, major, 8);
AT(ocppd_provide, minor, 10);
AT(ocppd_provide, flags, 12);
AT(ocppd_provide, ops, 16);
LEAST(ocppd_provide, 24);

AT(ocppd_migration, version, 0);
AT(ocppd_migration, reserved, 4);
AT(ocppd_migration, name, 8);
AT(ocppd_migration, statements, 16);
LEAST(ocppd_migration, 24);

AT(ocppd_statement, name, 0);
AT(ocppd_statement, sql, 8);
AT(ocppd_statement, flags, 16);
AT(ocppd_statement, reserved, 20);
LEAST(ocppd_statement, 24);

AT(ocppd_value, type, 0);
AT(ocppd_value, column, 4);
AT(ocppd_value, number, 8);
AT(ocppd_value, real, 16);
AT(ocppd_value, data, 24);
AT(ocppd_value, len, 32);
LEAST(ocppd_value, 40);

AT(ocppd_rows, columns, 0);
AT(ocppd_rows, count, 4);
AT(ocppd_rows, changes, 8);
AT(ocppd_rows, values, 16);
AT(ocppd_rows, is_cut, 24);
AT(ocppd_rows, reserved, 28);
LEAST(ocppd_rows, 32);

AT(ocppd_page, struct_size, 0);
AT(ocppd_page, cursor, 4);
AT(ocppd_page, limit, 8);
AT(ocppd_page, row_json, 16);
LEAST(ocppd_page, 24);
AT(ocppd_page, row_json_in, 24);
AT(ocppd_page, ctx, 32);
LEAST(ocppd_page, 40);

AT(ocppd_work_owner, struct_size, 0);
AT(ocppd_work_owner, reserved, 4);
AT(ocppd_work_owner, host, 8);
AT(ocppd_work_owner, storage, 16);
AT(ocppd_work_owner, storage_self, 24);
AT(ocppd_work_owner, outstanding, 32);
AT(ocppd_work_owner, done, 40);
AT(ocppd_work_owner, ctx, 48);
AT(ocppd_work_owner, writes, 56);
LEAST(ocppd_work_owner, 64);

AT(ocppd_work, owner, 0);
AT(ocppd_work, ctx, 8);
AT(ocppd_work, request, 16);
AT(ocppd_work, fini, 24);
AT(ocppd_work, limit, 32);
AT(ocppd_work, is_parked, 40);
AT(ocppd_work, reserved, 44);
AT(ocppd_work, next, 48);
AT(ocppd_work, until, 56);
AT(ocppd_work, resume, 64);
LEAST(ocppd_work, 72);
AT(ocppd_work, unknown, 72);
AT(ocppd_work, unknown_text, 80);
AT(ocppd_work, page, 88);
AT(ocppd_work, row_json, 96);
LEAST(ocppd_work, 104);

AT(ocppd_writes, begun, 0);
AT(ocppd_writes, ended, 8);
AT(ocppd_writes, first, 16);
AT(ocppd_writes, last, 24);
LEAST(ocppd_writes, 32);

AT(ocppd_csv_reader, at, 0);
AT(ocppd_csv_reader, end, 8);
AT(ocppd_csv_reader, line, 16);
AT(ocppd_csv_reader, lines_read, 20);
LEAST(ocppd_csv_reader, 24);

AT(ocppd_csv, owner, 0);
AT(ocppd_csv, ctx, 8);
AT(ocppd_csv, read, 16);
AT(ocppd_csv, fini, 24);
AT(ocppd_csv, state, 32);
LEAST(ocppd_csv, 40);

AT(ocppd_storage_ops, struct_size, 0);
AT(ocppd_storage_ops, reserved, 4);
AT(ocppd_storage_ops, unit_new, 8);
AT(ocppd_storage_ops, unit_add, 16);
AT(ocppd_storage_ops, unit_commit, 24);
AT(ocppd_storage_ops, unit_free, 32);
AT(ocppd_storage_ops, query, 40);
AT(ocppd_storage_ops, migrate, 48);
AT(ocppd_storage_ops, backup, 56);
AT(ocppd_storage_ops, backup_progress, 64);
AT(ocppd_storage_ops, backup_cancel, 72);
AT(ocppd_storage_ops, lineage, 80);
LEAST(ocppd_storage_ops, 88);

AT(ocppd_connection_info, struct_size, 0);
AT(ocppd_connection_info, security_profile, 4);
AT(ocppd_connection_info, connection_id, 8);
AT(ocppd_connection_info, protocol, 16);
AT(ocppd_connection_info, remote, 24);
AT(ocppd_connection_info, connected_us, 32);
AT(ocppd_connection_info, last_receive_us, 40);
AT(ocppd_connection_info, verifier, 48);
AT(ocppd_connection_info, reserved, 52);
LEAST(ocppd_connection_info, 56);

AT(ocppd_plugin, guard, 0);
AT(ocppd_plugin, name, 16);
AT(ocppd_plugin, version, 24);
AT(ocppd_plugin, summary, 32);
AT(ocppd_plugin, flags, 40);
AT(ocppd_plugin, conf_size, 44);
AT(ocppd_plugin, needs, 48);
AT(ocppd_plugin, provides, 64);
AT(ocppd_plugin, options, 80);
AT(ocppd_plugin, actions, 96);
AT(ocppd_plugin, topics, 112);
AT(ocppd_plugin, vocabulary, 128);
AT(ocppd_plugin, migrations, 144);
AT(ocppd_plugin, statements, 160);
AT(ocppd_plugin, routes, 176);
AT(ocppd_plugin, metrics, 192);
AT(ocppd_plugin, check, 208);
AT(ocppd_plugin, init, 216);
AT(ocppd_plugin, start, 224);
AT(ocppd_plugin, reload, 232);
AT(ocppd_plugin, stop, 240);
AT(ocppd_plugin, shutdown, 248);
LEAST(ocppd_plugin, 256);

AT(ocppd_plugin_info, struct_size, 0);
AT(ocppd_plugin_info, state, 4);
AT(ocppd_plugin_info, name, 8);
AT(ocppd_plugin_info, module, 16);
AT(ocppd_plugin_info, version, 24);
AT(ocppd_plugin_info, summary, 32);
AT(ocppd_plugin_info, path, 40);
AT(ocppd_plugin_info, reason, 48);
AT(ocppd_plugin_info, abi_major, 56);
AT(ocppd_plugin_info, abi_minor, 58);
AT(ocppd_plugin_info, is_stale, 60);
LEAST(ocppd_plugin_info, 64);

AT(ocppd_listener_info, struct_size, 0);
AT(ocppd_listener_info, is_tls, 4);
AT(ocppd_listener_info, address, 8);
AT(ocppd_listener_info, path, 16);
LEAST(ocppd_listener_info, 24);

AT(ocppd_admission, struct_size, 0);
AT(ocppd_admission, flags, 4);
AT(ocppd_admission, station_id, 8);
AT(ocppd_admission, auth_user, 16);
AT(ocppd_admission, security_profile, 24);
AT(ocppd_admission, registration, 28);
AT(ocppd_admission, verifiers, 32);
AT(ocppd_admission, verifier_count, 40);
AT(ocppd_admission, quirk_count, 44);
AT(ocppd_admission, quirks, 48);
AT(ocppd_admission, protocols, 56);
AT(ocppd_admission, protocol_count, 64);
AT(ocppd_admission, reserved, 68);
LEAST(ocppd_admission, 72);

AT(ocppd_json, data, 0);
AT(ocppd_json, len, 8);
AT(ocppd_json, size, 16);
AT(ocppd_json, error, 24);
AT(ocppd_json, depth, 28);
AT(ocppd_json, comma, 32);
AT(ocppd_json, array, 36);
LEAST(ocppd_json, 40);

AT(ocppd_token, text, 0);
AT(ocppd_token, type, 8);
LEAST(ocppd_token, 16);

AT(ocppd_auth_query, struct_size, 0);
AT(ocppd_auth_query, purpose, 4);
AT(ocppd_auth_query, station, 8);
AT(ocppd_auth_query, token, 16);
LEAST(ocppd_auth_query, 32);

AT(ocppd_authorization, struct_size, 0);
AT(ocppd_authorization, status, 4);
AT(ocppd_authorization, has_expiry, 8);
AT(ocppd_authorization, max_active, 12);
AT(ocppd_authorization, expiry_us, 16);
AT(ocppd_authorization, parent, 24);
AT(ocppd_authorization, source, 32);
AT(ocppd_authorization, token, 40);
LEAST(ocppd_authorization, 48);

AT(ocppd_authorization_ops, struct_size, 0);
AT(ocppd_authorization_ops, reserved, 4);
AT(ocppd_authorization_ops, authorize, 8);
AT(ocppd_authorization_ops, tags, 16);
LEAST(ocppd_authorization_ops, 24);

AT(ocppd_tag_info, struct_size, 0);
AT(ocppd_tag_info, status, 4);
AT(ocppd_tag_info, has_expiry, 8);
AT(ocppd_tag_info, max_active, 12);
AT(ocppd_tag_info, expiry_us, 16);
AT(ocppd_tag_info, token, 24);
AT(ocppd_tag_info, presented, 32);
AT(ocppd_tag_info, parent, 40);
AT(ocppd_tag_info, type, 48);
LEAST(ocppd_tag_info, 56);

AT(ocppd_authorizer_ops, struct_size, 0);
AT(ocppd_authorizer_ops, reserved, 4);
AT(ocppd_authorizer_ops, decide, 8);
LEAST(ocppd_authorizer_ops, 16);

AT(ocppd_station_data_ops, struct_size, 0);
AT(ocppd_station_data_ops, reserved, 4);
AT(ocppd_station_data_ops, objection, 8);
AT(ocppd_station_data_ops, forget, 16);
AT(ocppd_station_data_ops, forgotten, 24);
LEAST(ocppd_station_data_ops, 32);

AT(ocppd_place, evse, 0);
AT(ocppd_place, connector, 4);
LEAST(ocppd_place, 8);

AT(ocppd_boot, struct_size, 0);
AT(ocppd_boot, has_findings, 4);
AT(ocppd_boot, protocol, 8);
AT(ocppd_boot, vendor, 16);
AT(ocppd_boot, model, 24);
AT(ocppd_boot, serial, 32);
AT(ocppd_boot, box_serial, 40);
AT(ocppd_boot, firmware, 48);
AT(ocppd_boot, iccid, 56);
AT(ocppd_boot, imsi, 64);
AT(ocppd_boot, meter_type, 72);
AT(ocppd_boot, meter_serial, 80);
AT(ocppd_boot, reason, 88);
AT(ocppd_boot, raw_frame, 96);
AT(ocppd_boot, received_us, 104);
LEAST(ocppd_boot, 112);

AT(ocppd_connector_status, struct_size, 0);
AT(ocppd_connector_status, has_findings, 4);
AT(ocppd_connector_status, place, 8);
AT(ocppd_connector_status, status, 16);
AT(ocppd_connector_status, raw_status, 24);
AT(ocppd_connector_status, error_code, 32);
AT(ocppd_connector_status, raw_error_code, 40);
AT(ocppd_connector_status, info, 48);
AT(ocppd_connector_status, vendor_id, 56);
AT(ocppd_connector_status, vendor_error_code, 64);
AT(ocppd_connector_status, raw_time, 72);
AT(ocppd_connector_status, time_us, 80);
AT(ocppd_connector_status, received_us, 88);
LEAST(ocppd_connector_status, 96);

AT(ocppd_station_key, name, 0);
AT(ocppd_station_key, value, 8);
AT(ocppd_station_key, is_readonly, 16);
AT(ocppd_station_key, is_unknown, 20);
LEAST(ocppd_station_key, 24);

AT(ocppd_connector_info, struct_size, 0);
AT(ocppd_connector_info, reserved, 4);
AT(ocppd_connector_info, place, 8);
AT(ocppd_connector_info, status, 16);
AT(ocppd_connector_info, error_code, 24);
AT(ocppd_connector_info, time_us, 32);
AT(ocppd_connector_info, received_us, 40);
LEAST(ocppd_connector_info, 48);

AT(ocppd_stations_ops, struct_size, 0);
AT(ocppd_stations_ops, reserved, 4);
AT(ocppd_stations_ops, boot, 8);
AT(ocppd_stations_ops, status, 16);
AT(ocppd_stations_ops, keys_store, 24);
AT(ocppd_stations_ops, connector_each, 32);
AT(ocppd_stations_ops, is_known, 40);
AT(ocppd_stations_ops, key_find, 48);
AT(ocppd_stations_ops, availability, 56);
AT(ocppd_stations_ops, password, 64);
AT(ocppd_stations_ops, label, 72);
AT(ocppd_stations_ops, configuration_diff, 80);
AT(ocppd_stations_ops, clock, 88);
LEAST(ocppd_stations_ops, 96);
AT(ocppd_stations_ops, select, 96);
AT(ocppd_stations_ops, select_cancel, 104);
LEAST(ocppd_stations_ops, 112);

AT(ocppd_select, struct_size, 0);
AT(ocppd_select, reserved, 4);
AT(ocppd_select, filters, 8);
AT(ocppd_select, fn, 16);
AT(ocppd_select, arg, 24);
LEAST(ocppd_select, 32);

AT(ocppd_clock_reading, raw_time, 0);
AT(ocppd_clock_reading, time_us, 8);
AT(ocppd_clock_reading, received_us, 16);
LEAST(ocppd_clock_reading, 24);

AT(ocppd_key_diff, name, 0);
AT(ocppd_key_diff, wanted, 8);
AT(ocppd_key_diff, state, 16);
AT(ocppd_key_diff, is_readonly, 20);
LEAST(ocppd_key_diff, 24);

AT(ocppd_availability, struct_size, 0);
AT(ocppd_availability, is_operative, 4);
AT(ocppd_availability, is_scheduled, 8);
AT(ocppd_availability, place, 12);
LEAST(ocppd_availability, 20);

AT(ocppd_data_message, struct_size, 0);
AT(ocppd_data_message, reserved, 4);
AT(ocppd_data_message, station, 8);
AT(ocppd_data_message, vendor_id, 16);
AT(ocppd_data_message, message_id, 24);
AT(ocppd_data_message, data, 32);
AT(ocppd_data_message, deadline_mono_us, 40);
LEAST(ocppd_data_message, 48);

AT(ocppd_data_answer, struct_size, 0);
AT(ocppd_data_answer, status, 4);
AT(ocppd_data_answer, data, 8);
LEAST(ocppd_data_answer, 16);

AT(ocppd_data_transfer_ops, struct_size, 0);
AT(ocppd_data_transfer_ops, reserved, 4);
AT(ocppd_data_transfer_ops, vendor_id, 8);
AT(ocppd_data_transfer_ops, message_id, 16);
AT(ocppd_data_transfer_ops, handle, 24);
LEAST(ocppd_data_transfer_ops, 32);

AT(ocppd_charging_period, start_s, 0);
AT(ocppd_charging_period, limit, 8);
AT(ocppd_charging_period, phases, 16);
LEAST(ocppd_charging_period, 24);

AT(ocppd_charging_limit, struct_size, 0);
AT(ocppd_charging_limit, flags, 4);
AT(ocppd_charging_limit, station, 8);
AT(ocppd_charging_limit, place, 16);
AT(ocppd_charging_limit, purpose, 24);
AT(ocppd_charging_limit, unit, 28);
AT(ocppd_charging_limit, profile_id, 32);
AT(ocppd_charging_limit, stack_level, 40);
AT(ocppd_charging_limit, start_us, 48);
AT(ocppd_charging_limit, duration_s, 56);
AT(ocppd_charging_limit, valid_to_us, 64);
AT(ocppd_charging_limit, min_rate, 72);
AT(ocppd_charging_limit, periods, 80);
AT(ocppd_charging_limit, period_count, 88);
AT(ocppd_charging_limit, reserved, 92);
LEAST(ocppd_charging_limit, 96);

AT(ocppd_charging_outcome, struct_size, 0);
AT(ocppd_charging_outcome, outcome, 4);
AT(ocppd_charging_outcome, profile_id, 8);
AT(ocppd_charging_outcome, text, 16);
LEAST(ocppd_charging_outcome, 24);

AT(ocppd_charging_query, struct_size, 0);
AT(ocppd_charging_query, unit, 4);
AT(ocppd_charging_query, station, 8);
AT(ocppd_charging_query, place, 16);
AT(ocppd_charging_query, start_us, 24);
AT(ocppd_charging_query, duration_s, 32);
LEAST(ocppd_charging_query, 40);

AT(ocppd_charging_profile, struct_size, 0);
AT(ocppd_charging_profile, purpose, 4);
AT(ocppd_charging_profile, place, 8);
AT(ocppd_charging_profile, profile_id, 16);
AT(ocppd_charging_profile, stack_level, 24);
AT(ocppd_charging_profile, transaction_id, 32);
AT(ocppd_charging_profile, is_doubtful, 40);
AT(ocppd_charging_profile, reserved, 44);
LEAST(ocppd_charging_profile, 48);

AT(ocppd_smart_charging_ops, struct_size, 0);
AT(ocppd_smart_charging_ops, reserved, 4);
AT(ocppd_smart_charging_ops, install, 8);
AT(ocppd_smart_charging_ops, clear, 16);
AT(ocppd_smart_charging_ops, composite, 24);
AT(ocppd_smart_charging_ops, profile_each, 32);
LEAST(ocppd_smart_charging_ops, 40);

AT(ocppd_tx_start, struct_size, 0);
AT(ocppd_tx_start, flags, 4);
AT(ocppd_tx_start, station, 8);
AT(ocppd_tx_start, unit, 16);
AT(ocppd_tx_start, place, 24);
AT(ocppd_tx_start, token, 32);
AT(ocppd_tx_start, parent, 48);
AT(ocppd_tx_start, auth_status, 56);
AT(ocppd_tx_start, max_active, 60);
AT(ocppd_tx_start, start_us, 64);
AT(ocppd_tx_start, received_us, 72);
AT(ocppd_tx_start, raw_time, 80);
AT(ocppd_tx_start, meter_start_wh, 88);
AT(ocppd_tx_start, reservation_id, 96);
AT(ocppd_tx_start, id_text, 104);
AT(ocppd_tx_start, protocol, 112);
AT(ocppd_tx_start, raw_frame, 120);
AT(ocppd_tx_start, account, 128);
LEAST(ocppd_tx_start, 136);

AT(ocppd_sampled, value, 0);
AT(ocppd_sampled, context, 8);
AT(ocppd_sampled, format, 16);
AT(ocppd_sampled, measurand, 24);
AT(ocppd_sampled, phase, 32);
AT(ocppd_sampled, location, 40);
AT(ocppd_sampled, unit, 48);
LEAST(ocppd_sampled, 56);

AT(ocppd_reading, time_us, 0);
AT(ocppd_reading, raw_time, 8);
AT(ocppd_reading, values, 16);
AT(ocppd_reading, count, 24);
AT(ocppd_reading, flags, 28);
LEAST(ocppd_reading, 32);

AT(ocppd_tx_stop, struct_size, 0);
AT(ocppd_tx_stop, flags, 4);
AT(ocppd_tx_stop, station, 8);
AT(ocppd_tx_stop, unit, 16);
AT(ocppd_tx_stop, transaction_id, 24);
AT(ocppd_tx_stop, token, 32);
AT(ocppd_tx_stop, parent, 48);
AT(ocppd_tx_stop, stop_us, 56);
AT(ocppd_tx_stop, received_us, 64);
AT(ocppd_tx_stop, raw_time, 72);
AT(ocppd_tx_stop, meter_stop_wh, 80);
AT(ocppd_tx_stop, reason, 88);
AT(ocppd_tx_stop, raw_reason, 96);
AT(ocppd_tx_stop, raw_frame, 104);
AT(ocppd_tx_stop, readings, 112);
AT(ocppd_tx_stop, reading_count, 120);
AT(ocppd_tx_stop, reserved, 124);
AT(ocppd_tx_stop, id_text, 128);
LEAST(ocppd_tx_stop, 136);

AT(ocppd_tx_readings, struct_size, 0);
AT(ocppd_tx_readings, flags, 4);
AT(ocppd_tx_readings, station, 8);
AT(ocppd_tx_readings, unit, 16);
AT(ocppd_tx_readings, place, 24);
AT(ocppd_tx_readings, transaction_id, 32);
AT(ocppd_tx_readings, received_us, 40);
AT(ocppd_tx_readings, raw_frame, 48);
AT(ocppd_tx_readings, readings, 56);
AT(ocppd_tx_readings, reading_count, 64);
AT(ocppd_tx_readings, reserved, 68);
AT(ocppd_tx_readings, id_text, 72);
LEAST(ocppd_tx_readings, 80);

AT(ocppd_tx_result, struct_size, 0);
AT(ocppd_tx_result, auth_status, 4);
AT(ocppd_tx_result, transaction_id, 8);
AT(ocppd_tx_result, flags, 16);
AT(ocppd_tx_result, is_repeat, 20);
LEAST(ocppd_tx_result, 24);

AT(ocppd_tx_info, struct_size, 0);
AT(ocppd_tx_info, flags, 4);
AT(ocppd_tx_info, transaction_id, 8);
AT(ocppd_tx_info, station, 16);
AT(ocppd_tx_info, place, 24);
AT(ocppd_tx_info, token, 32);
AT(ocppd_tx_info, parent, 40);
AT(ocppd_tx_info, start_us, 48);
AT(ocppd_tx_info, meter_start_wh, 56);
AT(ocppd_tx_info, id_text, 64);
AT(ocppd_tx_info, token_type, 72);
LEAST(ocppd_tx_info, 80);

AT(ocppd_transactions_ops, struct_size, 0);
AT(ocppd_transactions_ops, reserved, 4);
AT(ocppd_transactions_ops, start, 8);
AT(ocppd_transactions_ops, stop, 16);
AT(ocppd_transactions_ops, readings, 24);
AT(ocppd_transactions_ops, active_find, 32);
AT(ocppd_transactions_ops, active_each, 40);
AT(ocppd_transactions_ops, active_count, 48);
AT(ocppd_transactions_ops, rebooted, 56);
LEAST(ocppd_transactions_ops, 64);

AT(ocppd_frame, struct_size, 0);
AT(ocppd_frame, flags, 4);
AT(ocppd_frame, sequence, 8);
AT(ocppd_frame, time_us, 16);
AT(ocppd_frame, connection_id, 24);
AT(ocppd_frame, station_id, 32);
AT(ocppd_frame, action, 40);
AT(ocppd_frame, text, 48);
AT(ocppd_frame, len, 56);
AT(ocppd_frame, full_len, 64);
LEAST(ocppd_frame, 72);

AT(ocppd_frame_cursor, position, 0);
AT(ocppd_frame_cursor, sequence, 8);
LEAST(ocppd_frame_cursor, 16);

AT(ocppd_file, struct_size, 0);
AT(ocppd_file, reserved, 4);
AT(ocppd_file, id, 8);
AT(ocppd_file, kind, 16);
AT(ocppd_file, name, 24);
AT(ocppd_file, sha256, 32);
AT(ocppd_file, size, 40);
AT(ocppd_file, created_us, 48);
AT(ocppd_file, vendor, 56);
AT(ocppd_file, model, 64);
AT(ocppd_file, version, 72);
AT(ocppd_file, note, 80);
AT(ocppd_file, signature, 88);
AT(ocppd_file, certificate, 96);
AT(ocppd_file, requester, 104);
AT(ocppd_file, station_id, 112);
AT(ocppd_file, reference, 120);
AT(ocppd_file, transfer_id, 128);
LEAST(ocppd_file, 136);

AT(ocppd_transfer, struct_size, 0);
AT(ocppd_transfer, direction, 4);
AT(ocppd_transfer, state, 8);
AT(ocppd_transfer, attempts, 12);
AT(ocppd_transfer, id, 16);
AT(ocppd_transfer, station_id, 24);
AT(ocppd_transfer, reference, 32);
AT(ocppd_transfer, kind, 40);
AT(ocppd_transfer, url, 48);
AT(ocppd_transfer, remote, 56);
AT(ocppd_transfer, file_id, 64);
AT(ocppd_transfer, bytes, 72);
AT(ocppd_transfer, size, 80);
AT(ocppd_transfer, created_us, 88);
AT(ocppd_transfer, expires_us, 96);
AT(ocppd_transfer, begun_us, 104);
AT(ocppd_transfer, ended_us, 112);
LEAST(ocppd_transfer, 120);

AT(ocppd_transfer_request, struct_size, 0);
AT(ocppd_transfer_request, direction, 4);
AT(ocppd_transfer_request, station_id, 8);
AT(ocppd_transfer_request, reference, 16);
AT(ocppd_transfer_request, expires_us, 24);
AT(ocppd_transfer_request, file_id, 32);
AT(ocppd_transfer_request, kind, 40);
AT(ocppd_transfer_request, max_bytes, 48);
LEAST(ocppd_transfer_request, 56);

AT(ocppd_files_event, struct_size, 0);
AT(ocppd_files_event, kind, 4);
AT(ocppd_files_event, time_us, 8);
AT(ocppd_files_event, transfer, 16);
AT(ocppd_files_event, files, 24);
AT(ocppd_files_event, file_count, 32);
AT(ocppd_files_event, file_stride, 36);
AT(ocppd_files_event, text, 40);
LEAST(ocppd_files_event, 48);

AT(ocppd_files_ops, struct_size, 0);
AT(ocppd_files_ops, reserved, 4);
AT(ocppd_files_ops, image_find, 8);
AT(ocppd_files_ops, image_each, 16);
AT(ocppd_files_ops, file_get, 24);
AT(ocppd_files_ops, transfer_new, 32);
AT(ocppd_files_ops, transfer_get, 40);
AT(ocppd_files_ops, transfer_extend, 48);
AT(ocppd_files_ops, transfer_withdraw, 56);
AT(ocppd_files_ops, watch, 64);
LEAST(ocppd_files_ops, 72);

/* Frozen for ever, in every major; and those that are embedded by value. */
_Static_assert(sizeof(struct ocppd_guard) == 16, "grown");
_Static_assert(sizeof(struct ocppd_error) == 1024, "grown");
_Static_assert(sizeof(struct ocppd_kv) == 32, "grown");
_Static_assert(sizeof(struct ocppd_strings) == 16, "grown");
_Static_assert(sizeof(struct ocppd_sections) == 16, "grown");
_Static_assert(sizeof(struct ocppd_value) == 40, "grown");
_Static_assert(sizeof(struct ocppd_rows) == 32, "grown");
_Static_assert(sizeof(struct ocppd_work) == 104, "grown");
_Static_assert(sizeof(struct ocppd_writes) == 32, "grown");
_Static_assert(sizeof(struct ocppd_csv_reader) == 24, "grown");
_Static_assert(sizeof(struct ocppd_csv) == 40, "grown");

struct rows_of_any {
	OCPPD_ROWS(ocppd_field) rows;
};
AT(rows_of_any, rows.items, 0);
AT(rows_of_any, rows.count, 8);
AT(rows_of_any, rows.stride, 12);

#endif

/* An object file needs something in it. */
extern const char ocppd_layout_holds;
const char ocppd_layout_holds = 1;
