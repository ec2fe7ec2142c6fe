/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calib_fit.c - normal equations, by elimination with pivots: calib_fit.h. */
#include "calib_fit.h"

#include <math.h>
#include <string.h>

void calib_fit_row(struct calib_fit *f, const double *a, double y)
{
	if (!isfinite(y) || y <= 0 || f->rows == FIT_ROWS)
		return;
	memcpy(f->a[f->rows], a, f->n * sizeof(*a));
	f->y[f->rows++] = y;
}

struct system {
	double m[FIT_UNKNOWNS][FIT_UNKNOWNS + 1];
	unsigned n;
};

/* Of the unknowns that are not fixed at zero, of which there are `live`. */
static void equations(const struct calib_fit *f, const bool *fixed, struct system *s)
{
	unsigned at[FIT_UNKNOWNS] = {0};

	*s = (struct system){.n = 0};
	for (unsigned i = 0; i < f->n; i++)
		if (!fixed[i])
			at[s->n++] = i;
	for (unsigned r = 0; r < f->rows; r++) {
		double weight = 1 / (f->y[r] * f->y[r]);

		for (unsigned i = 0; i < s->n; i++) {
			for (unsigned k = 0; k < s->n; k++)
				s->m[i][k] += weight * f->a[r][at[i]] * f->a[r][at[k]];
			s->m[i][s->n] += weight * f->a[r][at[i]] * f->y[r];
		}
	}
}

static void swap_rows(struct system *s, unsigned a, unsigned b)
{
	double t[FIT_UNKNOWNS + 1];

	memcpy(t, s->m[a], sizeof(t));
	memcpy(s->m[a], s->m[b], sizeof(t));
	memcpy(s->m[b], t, sizeof(t));
}

static bool eliminate(struct system *s)
{
	for (unsigned c = 0; c < s->n; c++) {
		unsigned best = c;

		for (unsigned r = c + 1; r < s->n; r++)
			if (fabs(s->m[r][c]) > fabs(s->m[best][c]))
				best = r;
		if (fabs(s->m[best][c]) < 1e-18)
			return false;
		swap_rows(s, c, best);
		for (unsigned r = 0; r < s->n; r++) {
			double part = r == c ? 0 : s->m[r][c] / s->m[c][c];

			for (unsigned k = c; k <= s->n && r != c; k++)
				s->m[r][k] -= part * s->m[c][k];
		}
	}
	return true;
}

static void find_worst(struct calib_fit *f)
{
	f->worst = 0;
	for (unsigned r = 0; r < f->rows; r++) {
		double sum = 0;

		for (unsigned i = 0; i < f->n; i++)
			sum += f->a[r][i] * f->x[i];
		f->worst = fmax(f->worst, fabs(sum / f->y[r] - 1));
	}
}

bool calib_fit_solve(struct calib_fit *f)
{
	bool fixed[FIT_UNKNOWNS] = {false}, again = true;
	struct system s;

	while (again) {
		unsigned k = 0, lowest = f->n;

		equations(f, fixed, &s);
		if (f->rows < s.n || !eliminate(&s))
			return false;
		for (unsigned i = 0; i < f->n; i++) {
			f->x[i] = fixed[i] ? 0 : s.m[k][s.n] / s.m[k][k];
			k += !fixed[i];
			if (f->x[i] < 0 && (lowest == f->n || f->x[i] < f->x[lowest]))
				lowest = i;
		}
		again = lowest < f->n;
		if (again)
			fixed[lowest] = true;
	}
	find_worst(f);
	return true;
}
