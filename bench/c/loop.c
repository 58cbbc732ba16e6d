/*
 * loop.c: the fastest plain way to run N no-op jobs, which the launcher is held against.
 *
 * For each job the same system calls as a helper's: mkdir of the job's directory, chdir, posix_spawn in a session of its
 * own with the job's output opened in that directory and 2>&1, wait4 with rusage. `flat` leaves out directory and chdir and
 * writes N files into one directory. Called by the bench with 40 variables in its environment; prints the seconds taken,
 * and the CPU seconds of itself and of its jobs.
 * It keeps nothing, knows nothing and recovers from nothing: any failure ends it.
 *
 *   loop dirs|flat BASE COUNT IN_FLIGHT PROGRAM
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(const struct rusage *r) {
  return r->ru_utime.tv_sec + r->ru_stime.tv_sec + (r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e6;
}

static void start(int dirs, const char *base, long i, char *program) {
  char out[4096];
  char *argv[] = {program, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  pid_t pid;
  int error;
  if (dirs) {
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/job%ld_%08lx", base, i, i);
    if (mkdir(dir, 0777) != 0) die("mkdir");
    if (chdir(dir) != 0) die("chdir");
    snprintf(out, sizeof out, "job%ld.out", i);
  } else {
    snprintf(out, sizeof out, "%s/job%ld.out", base, i);
  }
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0666);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawnattr_init(&attr);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
  error = posix_spawn(&pid, program, &actions, &attr, argv, environ);
  if (error != 0) {
    errno = error;
    die("posix_spawn");
  }
  posix_spawnattr_destroy(&attr);
  posix_spawn_file_actions_destroy(&actions);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: loop dirs|flat BASE COUNT IN_FLIGHT PROGRAM\n");
    return 2;
  }
  int dirs = strcmp(argv[1], "dirs") == 0;
  long count = atol(argv[3]);
  long in_flight = atol(argv[4]);
  long started = 0;
  long ended = 0;
  double from = now();
  while (ended < count) {
    while (started < count && started - ended < in_flight) start(dirs, argv[2], started++, argv[5]);
    int status;
    struct rusage usage;
    if (wait4(-1, &status, 0, &usage) < 0) die("wait4");
    if (status != 0) {
      fprintf(stderr, "a job ended with status %d\n", status);
      return 1;
    }
    ended++;
  }
  double took = now() - from;
  struct rusage self, jobs;
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &jobs);
  printf("%.6f %.6f %.6f\n", took, cpu(&self), cpu(&jobs));
  return 0;
}
