// What every load generator here measures with: a clock, a histogram, another process's CPU time, JSON out.
//
// The histogram is log-linear (128 steps per power of two, so a figure is within 0.8 %) and small enough to stay in the
// cache; keeping each sample would evict the frames that are being sent. The CPU clock of another process is the kernel's
// own count of nanoseconds that all its threads ran (clock_getcpuclockid, POSIX.1-2017), read in the very moment in which
// the counted window opens and closes; /proc/PID/stat counts the same time in ticks of 10 ms.
#ifndef MEASURE_H
#define MEASURE_H
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) < 0) return 0;
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

// ---------------------------------------------------------------------------------------------------- histogram

#define HIST_BITS 7
#define HIST_STEPS (1u << HIST_BITS)
#define HIST_SLOTS (HIST_STEPS * 40)

typedef struct {
  uint64_t count, max, slot[HIST_SLOTS];
} Histogram;

static inline unsigned hist_index(uint64_t v) {
  if (v < HIST_STEPS) return (unsigned)v;
  unsigned shift = 63u - (unsigned)__builtin_clzll(v) - HIST_BITS;
  unsigned i = (shift + 1) * HIST_STEPS + (unsigned)((v >> shift) - HIST_STEPS);
  return i < HIST_SLOTS ? i : HIST_SLOTS - 1;
}
static inline uint64_t hist_value(unsigned i) {  // the middle of the slot
  if (i < HIST_STEPS) return i;
  unsigned shift = i / HIST_STEPS - 1;
  return ((uint64_t)(HIST_STEPS + i % HIST_STEPS) << shift) + ((1ull << shift) >> 1);
}
static inline void hist_add(Histogram *h, uint64_t ns) {
  h->count++;
  h->slot[hist_index(ns)]++;
  if (ns > h->max) h->max = ns;
}
static inline double hist_us(const Histogram *h, double quantile) {
  if (!h->count) return 0;
  uint64_t rank = (uint64_t)((double)(h->count - 1) * quantile), seen = 0;
  for (unsigned i = 0; i < HIST_SLOTS; i++) {
    seen += h->slot[i];
    if (seen > rank) return (double)(hist_value(i) < h->max ? hist_value(i) : h->max) / 1000;
  }
  return (double)h->max / 1000;
}

// ------------------------------------------------------------------------------------ CPU time of other processes

#define MAX_WATCHED 32

typedef struct {
  int count, pid[MAX_WATCHED];
  clockid_t clock[MAX_WATCHED];
  uint64_t begin_ns, end_ns, own_begin_ns, own_end_ns, idle_ns;  // idle: looked for work and found none
  double begin_ticks_s, end_ticks_s;
} Watch;

static inline void watch_add(Watch *w, int pid) {
  if (w->count == MAX_WATCHED || clock_getcpuclockid(pid, &w->clock[w->count])) {
    fprintf(stderr, "cannot read the CPU clock of process %d\n", pid);
    exit(2);
  }
  w->pid[w->count++] = pid;
}
static inline double stat_seconds(int pid) {  // utime + stime, fields 14 and 15 of proc_pid_stat(5)
  char path[64], text[2048], *p;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  unsigned long user = 0, system = 0;
  if (!(p = strrchr(text, ')'))) return 0;
  sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
static inline void watch_read(const Watch *w, uint64_t *ns, double *ticks_s) {
  *ns = 0, *ticks_s = 0;
  for (int i = 0; i < w->count; i++) *ns += clock_ns(w->clock[i]), *ticks_s += stat_seconds(w->pid[i]);
}
static inline void watch_begin(Watch *w) {
  watch_read(w, &w->begin_ns, &w->begin_ticks_s);
  w->own_begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  w->idle_ns = 0;
}
static inline void watch_idle(Watch *w, uint64_t ns) { w->idle_ns += ns; }
static inline void watch_end(Watch *w) {
  watch_read(w, &w->end_ns, &w->end_ticks_s);
  w->own_end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

// --------------------------------------------------------------------------------------------------------- faults

typedef struct {
  uint64_t count;
  char first[160];
} Faults;

__attribute__((format(printf, 2, 3))) static inline void fault(Faults *f, const char *format, ...) {
  if (!f->count++) {
    __builtin_va_list args;
    __builtin_va_start(args, format);
    vsnprintf(f->first, sizeof f->first, format, args);
    __builtin_va_end(args);
    for (char *p = f->first; *p; p++)
      if (*p == '"' || *p == '\\' || (unsigned char)*p < 32 || (unsigned char)*p > 126) *p = '.';
  }
}

// ----------------------------------------------------------------------------------------------------------- JSON

static inline void print_result(const char *mode, int opened, uint64_t count, double seconds, const Histogram *h,
                                const Watch *w, const Faults *f) {
  uint64_t own = w->own_end_ns - w->own_begin_ns;
  printf("{\"event\": \"result\", \"mode\": \"%s\", \"opened\": %d, \"count\": %llu, \"seconds\": %.6f, \"rate\": %.1f", mode,
         opened, (unsigned long long)count, seconds, seconds > 0 ? (double)count / seconds : 0);
  printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f", hist_us(h, .5), hist_us(h, .99),
         hist_us(h, .999), (double)h->max / 1000);
  printf(", \"samples\": %llu", (unsigned long long)h->count);
  if (w->count)
    printf(", \"server_cpu_s\": %.9f, \"server_cpu_ticks_s\": %.3f", (double)(w->end_ns - w->begin_ns) / 1e9,
           w->end_ticks_s - w->begin_ticks_s);
  printf(", \"load_cpu_s\": %.6f, \"errors\": %llu, \"first_error\": \"%s\"}\n",
         own > w->idle_ns ? (double)(own - w->idle_ns) / 1e9 : 0, (unsigned long long)f->count, f->first);
  fflush(stdout);
}
static inline int whole_number(const char *name, const char *text, long least, long most) {
  char *end;
  errno = 0;
  long v = strtol(text, &end, 10);
  if (errno || *end || end == text || v < least || v > most) {
    fprintf(stderr, "--%s must be a whole number from %ld to %ld, not '%s'\n", name, least, most, text);
    exit(2);
  }
  return (int)v;
}
#endif
