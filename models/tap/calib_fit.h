/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_fit.h - several unknown costs from many times, each a sum of known multiples of them: least
 * squares of the relative errors.
 *
 * A cost below zero makes no sense, and follows only from noise: it is set to zero, and the others
 * are found anew.
 */
#ifndef TAP_CALIB_FIT_H
#define TAP_CALIB_FIT_H

#include <stdbool.h>

enum { FIT_UNKNOWNS = 10, FIT_ROWS = 64 };

struct calib_fit {
	unsigned n, rows;
	double a[FIT_ROWS][FIT_UNKNOWNS], y[FIT_ROWS];
	double x[FIT_UNKNOWNS];
	double worst; /* largest relative error of a row */
};

/* A row whose time is `y`; one that is not finite or not above 0 is left out. */
void calib_fit_row(struct calib_fit *f, const double *a, double y);
/* False: the rows do not tell. */
bool calib_fit_solve(struct calib_fit *f);

#endif
