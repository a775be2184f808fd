/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_FAULTS_H
#define OCPPD_TESTS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Allocations that fail on demand. The linker leads every call of the executable's own objects here
 * (--wrap, see CMakeLists.txt): the allocator's, and the json-c and libevent functions that report
 * want of memory by their result. Calls inside those libraries are not touched. Counts only the
 * thread that armed it.
 */

/* Between these two, allocation `at` (from 1) fails, and all later ones if is_lasting. */
void faults_arm(uint64_t at, bool is_lasting);
/* Returns whether anything failed since faults_arm. */
bool faults_disarm(void);
/* A stretch that is not tested, such as a test's own allocations. */
void faults_suspend(void);
void faults_resume(void);

/*
 * Runs the scenario with the 1st, 2nd, … allocation failing until none fails any more; once with
 * that one, once with all from there on. The scenario arms and disarms, and asserts what must hold.
 * It returns what faults_disarm did.
 */
typedef bool faults_fn(uint64_t at, bool is_lasting);
void faults_walk(const char *name, faults_fn *scenario);

#endif
