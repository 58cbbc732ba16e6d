// Runs for the milliseconds that it is given, and prints the first and the last moment of it: nanoseconds since 1970.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
  long long from = now();
  long ms = argc > 1 ? atol(argv[1]) : 0;
  struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&t, NULL);
  printf("%lld %lld\n", from, now());
  return 0;
}
