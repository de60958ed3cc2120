/* The practical limit on a CPU: the steps of the engine, written by hand.
 *
 * The equations of the default model (Gompertz growth, feedback of the T cells, saturating
 * killing), the integrating-factor Runge-Kutta step of vcohort/engine/drift.py, the cure
 * integral of hazard.py, the draws of regrowth.py. LANES patients go through the whole time
 * loop at once, in vector registers and the first-level cache; OpenMP shares them out.
 *
 *     gcc -Ofast -march=native -mprefer-vector-width=512 -fopenmp -shared -fPIC limit.c -lm
 */

#include <math.h>
#include <stdint.h>

#define LANES 32
#define MOST_STEPS 2048
#define EACH for (int l = 0; l < LANES; l++)
#define SIMD _Pragma("omp simd") EACH

enum { R_N, RHO_C, K_N, K_C, A, B, R_B, GAMMA_B, KILL_HALF, N0, C0, B0, VALUES };
enum { UNDECIDED, CURE, PROGRESSION };

typedef float Row[LANES];

typedef struct {
    Row r_N, rho_C, per_K_N, log_K_N, log_K_C, a, b, r_B, gamma_B, k_B;
} Patient;

typedef struct {
    Row normal, car, tumour, w;
} Path;

typedef struct {
    Row start, end, slope_start, slope_end;
} Cubic;

static void load(const float *const *values, long first, long n, Patient *p, Path *x) {
    EACH {
        long i = first + l < n ? first + l : n - 1;
        p->r_N[l] = values[R_N][i];
        p->rho_C[l] = values[RHO_C][i];
        p->per_K_N[l] = 1.0f / values[K_N][i];
        p->log_K_N[l] = values[K_N][i];
        p->log_K_C[l] = values[K_C][i];
        p->a[l] = values[A][i];
        p->b[l] = values[B][i];
        p->r_B[l] = values[R_B][i];
        p->gamma_B[l] = values[GAMMA_B][i];
        p->k_B[l] = values[KILL_HALF][i];
        x->normal[l] = values[N0][i];
        x->car[l] = values[C0][i];
        x->tumour[l] = values[B0][i];
        x->w[l] = 0.0f;
    }
    SIMD {
        p->log_K_N[l] = logf(p->log_K_N[l]);
        p->log_K_C[l] = logf(p->log_K_C[l]);
        x->normal[l] = logf(x->normal[l]);
        x->car[l] = logf(x->car[l]);
        x->tumour[l] = logf(x->tumour[l]);
    }
}

#define RATES(X, Y, F, G, DEATH)                                          \
    {                                                                     \
        float normal = expf(X), car = expf(Y), total = normal + car;      \
        float crowd = logf(total), t = total * p->per_K_N[l];             \
        float gap = (t - 1.0f) * (t - 1.0f);                              \
        r_C = p->rho_C[l] + p->b[l] * gap / (p->a[l] * t * t + gap);      \
        F = -p->r_N[l] * (crowd - p->log_K_N[l]);                         \
        G = -r_C * (crowd - p->log_K_C[l]);                               \
        DEATH = p->gamma_B[l] * car / (p->k_B[l] + car);                  \
        normal_share = normal / total;                                    \
    }

/* One step of all lanes; the tumour's and, where asked for, W's course along it. */
static inline __attribute__((always_inline)) void step(const Patient *p, Path *s, float days,
                                                       int with_w, Cubic *tumour, Cubic *w) {
    SIMD {
        float x = s->normal[l], y = s->car[l], z = s->tumour[l], h = 0.5f * days;
        float r_C, normal_share, f1, f2, f3, f4, g1, g2, g3, g4, m1, m2, m3, m4;
        RATES(x, y, f1, g1, m1)
        float rate_n = p->r_N[l] * normal_share, rate_c = r_C * (1.0f - normal_share);
        float lost_n = expm1f(-h * rate_n), lost_c = expm1f(-h * rate_c);
        float mean_n = h * rate_n < 1e-6f ? 1.0f : -lost_n / (h * rate_n);
        float mean_c = h * rate_c < 1e-6f ? 1.0f : -lost_c / (h * rate_c);
        float half_n = h * mean_n * f1, half_c = h * mean_c * g1;
        float whole_n = half_n * (2.0f + lost_n), whole_c = half_c * (2.0f + lost_c);
        float decay_n = 1.0f + lost_n, decay_c = 1.0f + lost_c;
        float rise_n = half_n, rise_c = half_c;
        RATES(x + rise_n, y + rise_c, f2, g2, m2)
        f2 += rate_n * rise_n - f1, g2 += rate_c * rise_c - g1;
        rise_n = half_n + h * f2, rise_c = half_c + h * g2;
        RATES(x + rise_n, y + rise_c, f3, g3, m3)
        f3 += rate_n * rise_n - f1, g3 += rate_c * rise_c - g1;
        rise_n = whole_n + days * decay_n * f3, rise_c = whole_c + days * decay_c * g3;
        RATES(x + rise_n, y + rise_c, f4, g4, m4)
        f4 += rate_n * rise_n - f1, g4 += rate_c * rise_c - g1;
        float middle = 0.5f * (m2 + m3), birth = p->r_B[l];
        s->normal[l] = x + whole_n + days / 6.0f * (2.0f * decay_n * (f2 + f3) + f4);
        s->car[l] = y + whole_c + days / 6.0f * (2.0f * decay_c * (g2 + g3) + g4);
        float first = days * (birth - m1), last = days * (birth - m4);
        float end = z + days * (birth - (m1 + 4.0f * middle + m4) / 6.0f);
        s->tumour[l] = end;
        tumour->start[l] = z, tumour->end[l] = end;
        tumour->slope_start[l] = first, tumour->slope_end[l] = last;
        if (with_w) {
            float half_way = 0.5f * (z + end) + 0.125f * (first - last);
            float w1 = m1 * days * expf(fminf(-z, 80.0f));
            float w2 = middle * days * expf(fminf(-half_way, 80.0f));
            float w3 = m4 * days * expf(fminf(-end, 80.0f));
            w->start[l] = s->w[l];
            s->w[l] += (w1 + 4.0f * w2 + w3) / 6.0f;
            w->end[l] = s->w[l];
            w->slope_start[l] = w1, w->slope_end[l] = w3;
        }
    }
}

/* Where a cubic crosses a level: four steps of Newton. */
static void crossing(const Cubic *c, const float *level, float *found) {
    SIMD {
        float rise = c->end[l] - c->start[l], chord = rise == 0.0f ? 1.0f : rise;
        float first = c->slope_start[l], bend = 3.0f * rise - 2.0f * first - c->slope_end[l];
        float twist = first + c->slope_end[l] - 2.0f * rise;
        float u = fminf(fmaxf((level[l] - c->start[l]) / chord, 0.0f), 1.0f);
        for (int turn = 0; turn < 4; turn++) {
            float slope = first + u * (2.0f * bend + u * 3.0f * twist);
            slope = slope * chord > 0.0f ? slope : chord;
            float at = c->start[l] + u * (first + u * (bend + u * twist));
            u = fminf(fmaxf(u - (at - level[l]) / slope, 0.0f), 1.0f);
        }
        found[l] = u;
    }
}

static double uniform(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state) {
    double u = uniform(state), v = uniform(state);
    return sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * v);
}

static double poisson(uint64_t *state, double mean) {
    double p = exp(-mean), total = p, u = uniform(state), count = 0.0;
    if (mean > 500.0) return fmax(round(mean + sqrt(mean) * normal(state)), 0.0);
    while (u > total && p > 0.0) p *= mean / ++count, total += p;
    return count;
}

static double log_gamma_number(uint64_t *state, double shape) { /* Marsaglia & Tsang 2000 */
    double d = shape - 1.0 / 3.0, c = 1.0 / (3.0 * sqrt(d));
    for (;;) {
        double x = normal(state), v = 1.0 + c * x;
        if (v <= 0.0) continue;
        v = v * v * v;
        if (log(uniform(state)) < 0.5 * x * x + d - d * v + d * log(v)) return log(d * v);
    }
}

/* ln(B / deterministic B) of a tumour that is not cured. */
static float regrowth(uint64_t *state, double hazard, double draw) {
    if (hazard > 1024.0) return (float)(sqrt(2.0 / hazard) * normal(state));
    double lineages = 1.0 + poisson(state, fmax(hazard - draw, 0.0));
    return (float)(log_gamma_number(state, lineages) - log(hazard));
}

/* Outcomes by the closed form. */
void outcomes(long n, const float *const *values, int steps, const float *day, const float *length,
              float progression, float horizon, uint64_t seed, int8_t *outcome, float *when) {
#pragma omp parallel for schedule(dynamic, 16)
    for (long first = 0; first < n; first += LANES) {
        Patient p;
        Path x;
        Cubic tumour[MOST_STEPS], w, killed = {0}, grown = {0};
        Row draw, target, lowest, shift, level, fraction, killed_day = {0}, killed_days = {0};
        int nadir[LANES], cured[LANES] = {0}, progressed[LANES];
        uint64_t state[LANES];
        load(values, first, n, &p, &x);
        EACH {
            state[l] = (seed << 40) ^ ((uint64_t)(first + l) * 0xD1342543DE82EF95u);
            draw[l] = (float)uniform(&state[l]);
            nadir[l] = 0, progressed[l] = -1;
        }
        SIMD {
            draw[l] = -logf(draw[l]);
            target[l] = 1.0f / draw[l]; /* of Lambda = 1 / W, as for every large tumour */
            lowest[l] = x.tumour[l];
            level[l] = x.tumour[l] + logf(progression);
        }
        for (int s = 0; s < steps; s++) {
            step(&p, &x, length[s], 1, &tumour[s], &w);
            SIMD {
                int now = (w.start[l] < target[l]) & (w.end[l] >= target[l]) & !cured[l];
                killed.start[l] = now ? w.start[l] : killed.start[l];
                killed.end[l] = now ? w.end[l] : killed.end[l];
                killed.slope_start[l] = now ? w.slope_start[l] : killed.slope_start[l];
                killed.slope_end[l] = now ? w.slope_end[l] : killed.slope_end[l];
                killed_day[l] = now ? day[s] : killed_day[l];
                killed_days[l] = now ? length[s] : killed_days[l];
                cured[l] |= now;
                nadir[l] = x.tumour[l] < lowest[l] ? s + 1 : nadir[l];
                lowest[l] = fminf(lowest[l], x.tumour[l]);
            }
        }
        crossing(&killed, target, fraction);
        EACH {
            if (cured[l]) killed_day[l] += fraction[l] * killed_days[l], shift[l] = 0.0f;
            else killed_day[l] = INFINITY, shift[l] = regrowth(&state[l], 1.0 / x.w[l], draw[l]);
        }
        for (int s = 0; s < steps; s++) SIMD {
            float up = s >= nadir[l] ? shift[l] : 0.0f;
            int now = (tumour[s].end[l] + up >= level[l]) & (progressed[l] < 0);
            now &= killed_day[l] > day[s] + length[s];
            progressed[l] = now ? s : progressed[l];
        }
        EACH {
            int s = progressed[l] < 0 ? 0 : progressed[l];
            float up = s >= nadir[l] ? shift[l] : 0.0f;
            grown.start[l] = tumour[s].start[l] + up, grown.end[l] = tumour[s].end[l] + up;
            grown.slope_start[l] = tumour[s].slope_start[l];
            grown.slope_end[l] = tumour[s].slope_end[l];
        }
        crossing(&grown, level, fraction);
        for (int l = 0; l < LANES && first + l < n; l++) {
            int s = progressed[l];
            outcome[first + l] = s >= 0 ? PROGRESSION : cured[l] ? CURE : UNDECIDED;
            when[first + l] = s >= 0 ? day[s] + fraction[l] * length[s]
                            : cured[l] ? killed_day[l] : horizon;
        }
    }
}

/* ln N, ln C, ln B (3, rows, n): after step s they go to row[s], if that is not negative. */
void states(long n, const float *const *values, int steps, const float *length, const int *row,
            long rows, float *saved) {
#pragma omp parallel for schedule(dynamic, 16)
    for (long first = 0; first < n; first += LANES) {
        Patient p;
        Path x;
        Cubic tumour, w;
        load(values, first, n, &p, &x);
        for (int s = 0; s < steps; s++) {
            step(&p, &x, length[s], 0, &tumour, &w);
            if (row[s] < 0) continue;
            float *to = saved + row[s] * n + first;
            for (int l = 0; l < LANES && first + l < n; l++) {
                to[l] = x.normal[l];
                to[rows * n + l] = x.car[l];
                to[2 * rows * n + l] = x.tumour[l];
            }
        }
    }
}
