/* The practical limit on a GPU: the steps of limit.c, one thread a patient, all in registers.
 *
 * The path is not stored but marched twice: to draw the fate, and to look for progression. The same
 * text is plain C++ where there is no GPU, so that its numbers can be looked at there.
 */

#ifndef __CUDACC__
#include <math.h>
#define __device__
#define __global__
#endif

typedef unsigned long long Bits;

enum { R_N, RHO_C, K_N, K_C, A, B, R_B, GAMMA_B, KILL_HALF, N0, C0, B0 };
enum { UNDECIDED, CURE, PROGRESSION };

#define NEVER 1e30f

struct Patient {
    float r_N, rho_C, per_K_N, log_K_N, log_K_C, a, b, r_B, gamma_B, k_B;
};
struct Path {
    float normal, car, tumour, w;
};
struct Cubic {
    float start, end, slope_start, slope_end;
};
struct Rates {
    float normal, car, death, relaxed_normal, relaxed_car;
};

__device__ inline Rates rates_at(const Patient &p, float log_normal, float log_car) {
    float normal = expf(log_normal), car = expf(log_car), total = normal + car;
    float crowd = logf(total), t = total * p.per_K_N, gap = (t - 1.0f) * (t - 1.0f);
    float r_C = p.rho_C + p.b * gap / (p.a * t * t + gap), share = normal / total;
    return {-p.r_N * (crowd - p.log_K_N), -r_C * (crowd - p.log_K_C),
            p.gamma_B * car / (p.k_B + car), p.r_N * share, r_C * (1.0f - share)};
}

__device__ inline void step(const Patient &p, Path &s, float days, Cubic &tumour, Cubic &w) {
    float x = s.normal, y = s.car, z = s.tumour, h = 0.5f * days;
    Rates one = rates_at(p, x, y);
    float L = one.relaxed_normal, M = one.relaxed_car;
    float lost_n = expm1f(-h * L), lost_c = expm1f(-h * M);
    float half_n = (h * L < 1e-6f ? h : -lost_n / L) * one.normal;
    float half_c = (h * M < 1e-6f ? h : -lost_c / M) * one.car;
    float whole_n = half_n * (2.0f + lost_n), whole_c = half_c * (2.0f + lost_c);
    float decay_n = 1.0f + lost_n, decay_c = 1.0f + lost_c;
    Rates two = rates_at(p, x + half_n, y + half_c);
    float f2 = two.normal + L * half_n - one.normal, g2 = two.car + M * half_c - one.car;
    float rise_n = half_n + h * f2, rise_c = half_c + h * g2;
    Rates three = rates_at(p, x + rise_n, y + rise_c);
    float f3 = three.normal + L * rise_n - one.normal, g3 = three.car + M * rise_c - one.car;
    rise_n = whole_n + days * decay_n * f3, rise_c = whole_c + days * decay_c * g3;
    Rates four = rates_at(p, x + rise_n, y + rise_c);
    float f4 = four.normal + L * rise_n - one.normal, g4 = four.car + M * rise_c - one.car;
    s.normal = x + whole_n + days / 6.0f * (2.0f * decay_n * (f2 + f3) + f4);
    s.car = y + whole_c + days / 6.0f * (2.0f * decay_c * (g2 + g3) + g4);
    float middle = 0.5f * (two.death + three.death), birth = p.r_B;
    float first = days * (birth - one.death), last = days * (birth - four.death);
    float end = z + days * (birth - (one.death + 4.0f * middle + four.death) / 6.0f);
    s.tumour = end;
    tumour = {z, end, first, last};
    float half_way = 0.5f * (z + end) + 0.125f * (first - last);
    float w1 = one.death * days * expf(fminf(-z, 80.0f));
    float w2 = middle * days * expf(fminf(-half_way, 80.0f));
    float w3 = four.death * days * expf(fminf(-end, 80.0f));
    float before = s.w;
    s.w += (w1 + 4.0f * w2 + w3) / 6.0f;
    w = {before, s.w, w1, w3};
}

/* Where a cubic crosses a level: four steps of Newton. */
__device__ inline float crossing(const Cubic &c, float level) {
    float rise = c.end - c.start, chord = rise == 0.0f ? 1.0f : rise;
    float bend = 3.0f * rise - 2.0f * c.slope_start - c.slope_end;
    float twist = c.slope_start + c.slope_end - 2.0f * rise;
    float u = fminf(fmaxf((level - c.start) / chord, 0.0f), 1.0f);
    for (int turn = 0; turn < 4; turn++) {
        float slope = c.slope_start + u * (2.0f * bend + u * 3.0f * twist);
        slope = slope * chord > 0.0f ? slope : chord;
        float at = c.start + u * (c.slope_start + u * (bend + u * twist));
        u = fminf(fmaxf(u - (at - level) / slope, 0.0f), 1.0f);
    }
    return u;
}

__device__ inline float uniform(Bits &state) { /* splitmix64 */
    Bits z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return ((float)(unsigned)((z ^ (z >> 31)) >> 41) + 0.5f) * 1.1920929e-7f;
}

__device__ inline float normal(Bits &state) {
    float u = uniform(state), v = uniform(state);
    return sqrtf(-2.0f * logf(u)) * cosf(6.2831853f * v);
}

__device__ inline float poisson(Bits &state, float mean) {
    if (mean > 500.0f) return fmaxf(roundf(mean + sqrtf(mean) * normal(state)), 0.0f);
    /* In parts of mean 16 at most, whose e^-mean float32 holds well. */
    float count = 0.0f;
    for (float rest = mean; rest > 0.0f; rest -= 16.0f) {
        float part = fminf(rest, 16.0f), p = expf(-part), total = p, u = uniform(state);
        for (float k = 1.0f; u > total && p > 1e-30f; k += 1.0f) p *= part / k, total += p, count += 1;
    }
    return count;
}

__device__ inline float log_gamma_number(Bits &state, float shape) { /* Marsaglia & Tsang 2000 */
    float d = shape - 1.0f / 3.0f, c = 1.0f / (3.0f * sqrtf(d));
    for (;;) {
        float x = normal(state), v = 1.0f + c * x;
        if (v <= 0.0f) continue;
        v = v * v * v;
        if (logf(uniform(state)) < 0.5f * x * x + d - d * v + d * logf(v)) return logf(d * v);
    }
}

/* ln(B / deterministic B) of a tumour that is not cured. */
__device__ inline float regrowth(Bits &state, float hazard, float draw) {
    if (hazard > 1024.0f) return sqrtf(2.0f / hazard) * normal(state);
    float lineages = 1.0f + poisson(state, fmaxf(hazard - draw, 0.0f));
    return log_gamma_number(state, lineages) - logf(hazard);
}

__device__ inline void one_patient(long long i, long long n, const float *values, int steps,
                                   const float *day, const float *length, float progression,
                                   float horizon, Bits seed, signed char *outcome, float *when) {
    const float *v = values + i;
    const Patient p = {v[R_N * n], v[RHO_C * n], 1.0f / v[K_N * n], logf(v[K_N * n]),
                       logf(v[K_C * n]), v[A * n], v[B * n], v[R_B * n], v[GAMMA_B * n],
                       v[KILL_HALF * n]};
    const Path begun = {logf(v[N0 * n]), logf(v[C0 * n]), logf(v[B0 * n]), 0.0f};
    Bits state = (seed << 40) ^ ((Bits)i * 0xD1342543DE82EF95ull);
    float draw = -logf(uniform(state)), target = 1.0f / draw; /* of Lambda = 1 / W */
    float lowest = begun.tumour, cured_day = NEVER, cured_days = 0.0f;
    int nadir = 0, cured = 0;
    Path x = begun;
    Cubic tumour, w, killed = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int s = 0; s < steps; s++) {
        step(p, x, length[s], tumour, w);
        int now = w.start < target && w.end >= target && !cured;
        if (now) killed = w, cured = 1, cured_day = day[s], cured_days = length[s];
        if (x.tumour < lowest) nadir = s + 1, lowest = x.tumour;
    }
    float shift = 0.0f, level = begun.tumour + logf(progression);
    if (cured) cured_day += crossing(killed, target) * cured_days;
    else shift = regrowth(state, 1.0f / x.w, draw);
    int found = cured ? CURE : UNDECIDED;
    float on = cured ? cured_day : horizon;
    x = begun;
    for (int s = 0; s < steps; s++) {
        step(p, x, length[s], tumour, w);
        if (s >= nadir) tumour.start += shift, tumour.end += shift;
        if (found != PROGRESSION && tumour.end >= level && cured_day > day[s] + length[s])
            found = PROGRESSION, on = day[s] + crossing(tumour, level) * length[s];
    }
    outcome[i] = (signed char)found;
    when[i] = on;
}

#ifdef __CUDACC__
extern "C" __global__ void outcomes(long long n, const float *values, int steps, const float *day,
                                    const float *length, float progression, float horizon,
                                    Bits seed, signed char *outcome, float *when) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        one_patient(i, n, values, steps, day, length, progression, horizon, seed, outcome, when);
}
#else
extern "C" void outcomes(long long n, const float *values, int steps, const float *day,
                         const float *length, float progression, float horizon, Bits seed,
                         signed char *outcome, float *when) {
    for (long long i = 0; i < n; i++)
        one_patient(i, n, values, steps, day, length, progression, horizon, seed, outcome, when);
}
#endif
