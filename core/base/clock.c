/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The clocks, and the only reading and writing of calendar time. Proleptic Gregorian arithmetic of
 * our own: the C library's depends on zones and locales, and costs more than a Heartbeat should.
 */
#include "base/clock.h"

#include <ocppd/time.h>

#define US_PER_S 1000000LL
#define S_PER_DAY 86400LL
#define DAYS_PER_ERA 146097LL      /* 400 years */
#define DAYS_0000_TO_1970 719468LL /* from 0000-03-01, where the computation's years begin */

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * US_PER_S + (int64_t)now.tv_nsec / 1000;
}

void
clock_init(struct clock *clock)
{
	clock->is_manual = false;
	atomic_init(&clock->manual_now_us, 0);
	atomic_init(&clock->manual_mono_us, 0);
}

void
clock_init_manual(struct clock *clock, int64_t now_us)
{
	clock->is_manual = true;
	atomic_init(&clock->manual_now_us, now_us);
	/* Not 0, so that nobody relies on a monotonic clock that starts there. */
	atomic_init(&clock->manual_mono_us, 1000 * US_PER_S);
}

int64_t
clock_now_us(const struct clock *clock)
{
	if (clock->is_manual)
		return atomic_load_explicit(&clock->manual_now_us, memory_order_relaxed);
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono_us(const struct clock *clock)
{
	if (clock->is_manual)
		return atomic_load_explicit(&clock->manual_mono_us, memory_order_relaxed);
	return read_clock(CLOCK_MONOTONIC);
}

void
clock_advance(struct clock *clock, int64_t delta_us)
{
	atomic_fetch_add_explicit(&clock->manual_now_us, delta_us, memory_order_relaxed);
	atomic_fetch_add_explicit(&clock->manual_mono_us, delta_us, memory_order_relaxed);
}

/* ---- Calendar -------------------------------------------------------------------------------- */

/* Years here begin in March, so that the leap day is a year's last and months follow one formula.
 */
static int64_t
days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_PER_ERA + day_of_era - DAYS_0000_TO_1970;
}

static void
date_of_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t shifted = days + DAYS_0000_TO_1970;
	int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	unsigned day_of_era = (unsigned)(shifted - era * DAYS_PER_ERA);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153;

	*ret_day = day_of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = era * 400 + year_of_era + (*ret_month <= 2 ? 1 : 0);
}

static char *
put_digits(char *at, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + digits;
}

int
ocppd_time_format(int64_t time_us, char ret_text[OCPPD_TIME_SIZE])
{
	int64_t us_per_day = S_PER_DAY * US_PER_S;
	int64_t rest_us = time_us % us_per_day;
	int64_t days = time_us / us_per_day - (rest_us < 0 ? 1 : 0);
	unsigned ms = (unsigned)((rest_us < 0 ? rest_us + us_per_day : rest_us) / 1000);
	unsigned s = ms / 1000;
	unsigned month;
	unsigned day;
	int64_t year;
	char *at = ret_text;

	date_of_days(days, &year, &month, &day);
	if (year < 0 || year > 9999) {
		ret_text[0] = '\0';
		return OCPPD_ERANGE;
	}
	at = put_digits(at, (unsigned)year, 4);
	*at++ = '-';
	at = put_digits(at, month, 2);
	*at++ = '-';
	at = put_digits(at, day, 2);
	*at++ = 'T';
	at = put_digits(at, s / 3600, 2);
	*at++ = ':';
	at = put_digits(at, s / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, s % 60, 2);
	*at++ = '.';
	at = put_digits(at, ms % 1000, 3);
	*at++ = 'Z';
	*at = '\0';
	return (int)(at - ret_text);
}

/* Exactly `digits` digits; NULL if they are not there. */
static const char *
get_digits(const char *at, unsigned digits, int64_t *ret_value)
{
	int64_t value = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (at[i] < '0' || at[i] > '9')
			return NULL;
		value = value * 10 + (at[i] - '0');
	}
	*ret_value = value;
	return at + digits;
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

static const char *
get_date(const char *at, int64_t *ret_days)
{
	int64_t year;
	int64_t month;
	int64_t day;

	at = get_digits(at, 4, &year);
	if (!at || *at++ != '-')
		return NULL;
	at = get_digits(at, 2, &month);
	if (!at || *at++ != '-')
		return NULL;
	at = get_digits(at, 2, &day);
	if (!at || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return NULL;
	*ret_days = days_of_date(year, month, day);
	return at;
}

/* Seconds of the day, 60 for a leap second, and the fraction. */
static const char *
get_time(const char *at, int64_t *ret_s, bool *ret_is_leap, int64_t *ret_us)
{
	int64_t hour;
	int64_t minute;
	int64_t second;
	int64_t us = 0;
	int64_t unit = 100000;

	at = get_digits(at, 2, &hour);
	if (!at || *at++ != ':')
		return NULL;
	at = get_digits(at, 2, &minute);
	if (!at || *at++ != ':')
		return NULL;
	at = get_digits(at, 2, &second);
	if (!at || hour > 23 || minute > 59 || second > 60)
		return NULL;
	if (*at == '.') {
		if (at[1] < '0' || at[1] > '9')
			return NULL;
		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
			us += (*at - '0') * unit;
	}
	*ret_s = hour * 3600 + minute * 60 + second;
	*ret_is_leap = second == 60;
	*ret_us = us;
	return at;
}

/* Z, +02:00, +0200, +02. */
static const char *
get_offset(const char *at, int64_t *ret_offset_s, uint32_t *ret_flags)
{
	int64_t sign = *at == '-' ? -1 : 1;
	int64_t hours;
	int64_t minutes = 0;

	if (*at == 'Z' || *at == 'z') {
		*ret_offset_s = 0;
		return at + 1;
	}
	if (*at != '+' && *at != '-')
		return NULL;
	at = get_digits(at + 1, 2, &hours);
	if (!at)
		return NULL;
	if (*at != ':')
		*ret_flags |= OCPPD_TIME_SHORT_OFFSET;
	if (*at)
		at = get_digits(*at == ':' ? at + 1 : at, 2, &minutes);
	if (!at || hours > 23 || minutes > 59)
		return NULL;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return at;
}

int
ocppd_time_parse(const char *text, int32_t naive_offset_s, int64_t *ret_time_us,
		 uint32_t *ret_flags)
{
	uint32_t flags = 0;
	int64_t offset_s = naive_offset_s;
	int64_t days = 0;
	int64_t second;
	int64_t us;
	int64_t utc_s;
	bool is_leap;
	const char *at = text ? get_date(text, &days) : NULL;

	if (!at || (*at != 'T' && *at != 't' && *at != ' '))
		return OCPPD_EINVAL;
	at = get_time(at + 1, &second, &is_leap, &us);
	if (!at)
		return OCPPD_EINVAL;
	if (*at == '\0')
		flags |= OCPPD_TIME_NAIVE;
	else
		at = get_offset(at, &offset_s, &flags);
	if (!at || *at != '\0')
		return OCPPD_EINVAL;
	utc_s = days * S_PER_DAY + second - offset_s;
	/* Leap seconds end a day of UTC; as everywhere in POSIX time they are the next day's first.
	 */
	if (is_leap && utc_s % S_PER_DAY != 0)
		return OCPPD_EINVAL;
	*ret_time_us = utc_s * US_PER_S + us;
	if (ret_flags)
		*ret_flags = flags;
	return 0;
}
