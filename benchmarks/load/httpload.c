// httpload: GET requests over kept-alive HTTP/1.1 connections; one thread, epoll; each answer is checked.
//
//   httpload --port PORT [--path PATH] [--sockets N] [--seconds S] [--warmup S] [--header H] [--pid PID] [--host ADDRESS]
//            [--count N]
//
// With --count it stops after N requests, or after --seconds if that is sooner. `{n}` in PATH becomes the request's number;
// the answers' lengths may then differ.
// One operation = one request and its whole answer: status 200, a Content-Length (RFC 9112 §6.2) and a body of the length
// that the first answer had. Prints one JSON object like wsload's; exit status 1 if anything went wrong.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include "measure.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef struct {
  int fd;
  bool connected;
  size_t have;
  uint64_t sent_at;
  char text[8192];
} Socket;

static struct {
  int port, sockets, count;
  double seconds, warmup;
  const char *host, *path;
  char headers[4096];
} set = {.sockets = 32, .seconds = 2, .warmup = .3, .host = "127.0.0.1", .path = "/"};

static char request[8192], before_number[8192], after_number[8192];
static int request_bytes, poller;
static bool numbered;
static long body_bytes = -1;
static bool counting, over;
static uint64_t operations;
static Histogram latency;
static Watch watch;
static Faults faults;

static void failed(Socket *s, const char *what) {
  fault(&faults, "%s", what);
  close(s->fd);
  over = true;
}
static void ask(Socket *s) {
  static unsigned long number;
  s->have = 0, s->sent_at = now_ns();
  if (numbered) request_bytes = snprintf(request, sizeof request, "%s%lu%s", before_number, number++, after_number);
  if (send(s->fd, request, (size_t)request_bytes, MSG_NOSIGNAL) != request_bytes) failed(s, "a request was not taken whole");
}
static void readable(Socket *s) {
  ssize_t n = recv(s->fd, s->text + s->have, sizeof s->text - 1 - s->have, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { failed(s, n ? strerror(errno) : "the server closed a kept-alive connection"); return; }
  s->have += (size_t)n, s->text[s->have] = 0;
  char *end = strstr(s->text, "\r\n\r\n");
  if (!end) { if (s->have == sizeof s->text - 1) failed(s, "an answer over 8 KiB"); return; }
  if (strncmp(s->text, "HTTP/1.1 200", 12)) { s->text[60] = 0; failed(s, s->text); return; }
  char *length = strcasestr(s->text, "\r\ncontent-length:");
  if (!length || length > end) { failed(s, "an answer without Content-Length"); return; }
  long body = strtol(length + 17, NULL, 10), got = (long)(s->text + s->have - end - 4);
  if (got < body) return;
  if (body_bytes < 0) body_bytes = body;
  if (got > body || (body != body_bytes && !numbered)) { failed(s, "an answer of another length than the first"); return; }
  if (counting) operations++, hist_add(&latency, now_ns() - s->sent_at);
  if (set.count && counting && operations >= (uint64_t)set.count) over = true;
  else ask(s);
}
static double seconds_of(const char *text) {
  char *end;
  double v = strtod(text, &end);
  if (*end || end == text || !(v >= 0 && v <= 3600)) { fprintf(stderr, "seconds must be from 0 to 3600, not '%s'\n", text); exit(2); }
  return v;
}
int main(int count, char **words) {
  static const struct option options[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'u'}, {"sockets", 1, 0, 'n'},
      {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'w'}, {"header", 1, 0, 'H'}, {"pid", 1, 0, 'i'}, {"count", 1, 0, 'r'}, {0}};
  for (int c; (c = getopt_long(count, words, "", options, NULL)) != -1;) switch (c) {
    case 'h': set.host = optarg; break;
    case 'p': set.port = whole_number("port", optarg, 1, 65535); break;
    case 'u': set.path = optarg; break;
    case 'n': set.sockets = whole_number("sockets", optarg, 1, 10000); break;
    case 't': set.seconds = seconds_of(optarg); break;
    case 'w': set.warmup = seconds_of(optarg); break;
    case 'H':
      if (strlen(set.headers) + strlen(optarg) + 3 > sizeof set.headers) { fprintf(stderr, "--header: over 4 KiB of them\n"); return 2; }
      strcat(strcat(set.headers, optarg), "\r\n");
      break;
    case 'i': watch_add(&watch, whole_number("pid", optarg, 1, 1 << 30)); break;
    case 'r': set.count = whole_number("count", optarg, 1, 1 << 30); break;
    default: fprintf(stderr, "usage: httpload --port PORT [--path PATH] [--sockets N] [--seconds S] [--count N] [--header H] [--pid PID]\n"); return 2;
  }
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)set.port)};
  if (!set.port || inet_pton(AF_INET, set.host, &server.sin_addr) != 1) { fprintf(stderr, "--port and an IPv4 --host are needed\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  request_bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nAccept: */*\r\n%s\r\n", set.path, set.host, set.port, set.headers);
  char *mark = strstr(request, "{n}");
  if (mark) {
    numbered = true;
    snprintf(before_number, sizeof before_number, "%.*s", (int)(mark - request), request);
    snprintf(after_number, sizeof after_number, "%s", mark + 3);
  }
  poller = epoll_create1(0);
  Socket *sockets = calloc((size_t)set.sockets, sizeof *sockets);
  for (int i = 0, one = 1; i < set.sockets && !over; i++) {
    Socket *s = &sockets[i];
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s->fd, (struct sockaddr *)&server, sizeof server)) { failed(s, strerror(errno)); break; }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &e);
    ask(s);
  }
  static struct epoll_event events[512];
  uint64_t started_at = now_ns(), counted_at = 0;
  while (!over) {
    uint64_t looked_at = now_ns();
    int n = epoll_wait(poller, events, 512, 0);  // without sleeping, as in wsload.c
    if (!n) watch_idle(&watch, now_ns() - looked_at);
    for (int i = 0; i < n && !over; i++) readable(events[i].data.ptr);
    uint64_t now = now_ns();
    if (!counting && (double)(now - started_at) >= set.warmup * 1e9) counting = true, counted_at = now, watch_begin(&watch);
    if (counting && (double)(now - counted_at) >= set.seconds * 1e9) over = true;
  }
  uint64_t ended_at = now_ns();
  if (counting) watch_end(&watch);
  if (!operations) fault(&faults, "no answer in %.1f s", set.seconds);
  print_result("http", set.sockets, operations, counting ? (double)(ended_at - counted_at) / 1e9 : 0, &latency, &watch, &faults);
  return faults.count ? 1 : 0;
}
