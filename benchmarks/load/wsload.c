// wsload: a WebSocket client that loads one server and checks every answer; one thread, epoll, no copies of payloads.
//
//   wsload --port PORT [--mode echo|fan|churn|hold|sink] [options]     (--help lists them)
//
//   echo   each socket keeps --depth messages under way, or, with --rate, all sockets together send that many a second on
//          a fixed schedule; latency is then counted from the scheduled moment, so a stall is not hidden (no coordinated
//          omission). One operation = one echo.
//   fan    socket 0 sends, every socket must get it, then the next (with --rate: on a fixed schedule, as above).
//          One operation = one delivery; latency = until the last socket had it.
//   churn  connect, handshake, one echo, closing handshake (or --close reset), again. One operation = one such cycle.
//   hold   opens all sockets, prints {"event": "open"}, keeps them until standard input ends or --seconds have passed.
//   sink   only receives. One operation = one message.
//
// Prints one JSON object per line on standard output: "open" (hold) and "result". Exit status 1 if anything went wrong: a
// refused handshake, a wrong accept key, a reply with another length, kind or content, a close that nobody asked for.
// It never sleeps, unless told to: whoever sends to a sleeping process pays for waking it, which on another machine that
// machine would; a fast server keeps it awake and a slow one does not, so sleeping would blur what is compared.
// Frames follow RFC 6455 §5.2; pings are answered (§5.5.3). The mask is constant (a load generator needs no §10.3).
#define _GNU_SOURCE
#include "measure.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { ECHO, FAN, CHURN, HOLD, SINK };
enum { UNUSED, CONNECTING, SHAKING, OPEN, CLOSING, DEAD };
enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
static const char *const MODES[] = {"echo", "fan", "churn", "hold", "sink"};
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

typedef struct {
  int fd;
  uint8_t state, opcode, kind, final, head[14], head_have, wants_write;
  uint64_t left, got;         // of the frame being read; of the message being read
  uint64_t owed, offset;      // whole frames still to send; bytes of the first of them that are gone
  uint64_t asked, answered;   // messages queued and replies seen: indices into `due`
  uint64_t *due;              // ring of the moments in which the messages that are under way were (to be) sent
  uint64_t born;
  uint8_t control[125], reply[140];
  uint16_t reply_have, reply_sent;
  uint16_t text_have;
  char text[1024];            // the handshake's answer
} Socket;

static struct {
  int mode, port, sockets, size, depth, rate, addresses, count;
  bool text, check, reset, touch, sleep;
  double seconds, warmup, ramp;
  const char *host, *path, *payload;
  char headers[8192];
} set = {.port = 0, .sockets = 32, .size = 64, .depth = 1, .addresses = 1, .check = true, .seconds = 2, .warmup = .3,
         .ramp = 30, .host = "127.0.0.1", .path = "/"};

static int poller, opened;
static bool counting, over;
static uint64_t operations, ring = 64;
static Socket *sockets;
static uint8_t *burst, *plain;  // the frame, repeated; the payload before masking
static uint64_t frame_bytes, burst_frames;
static char request[12288], before_number[12288], after_number[12288];
static int request_bytes;
static bool numbered;
static Histogram latency;
static Watch watch;
static Faults faults;
static uint64_t fan_sent, fan_round;
static int fan_left;
static struct sockaddr_in server;
static uint8_t inbox[1 << 18];

// ------------------------------------------------------------------------------------------------------ one socket

static void want_write(Socket *s, bool on) {
  if (s->wants_write == on) return;
  s->wants_write = on;
  struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = s};
  epoll_ctl(poller, EPOLL_CTL_MOD, s->fd, &e);
}
static void drop(Socket *s) {
  if (s->state == OPEN || s->state == CLOSING) opened--;
  s->state = DEAD;
  close(s->fd);
}
static void failed(Socket *s, const char *what) {
  fault(&faults, "socket %ld: %s", (long)(s - sockets), what);
  drop(s);
}
static void flush_out(Socket *s) {
  while (s->state != DEAD) {
    const uint8_t *from;
    uint64_t length;
    bool control = s->offset == 0 && s->reply_sent < s->reply_have;
    if (control) from = s->reply + s->reply_sent, length = s->reply_have - s->reply_sent;
    else if (s->owed) {
      uint64_t frames = s->owed < burst_frames ? s->owed : burst_frames;
      from = burst + s->offset, length = frames * frame_bytes - s->offset;
    } else break;
    ssize_t n = send(s->fd, from, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) { want_write(s, true); return; }
    if (n < 0) { failed(s, strerror(errno)); return; }
    if (control) s->reply_sent += (uint16_t)n;
    else {
      s->offset += (uint64_t)n;
      s->owed -= s->offset / frame_bytes;
      s->offset %= frame_bytes;
    }
  }
  if (s->state != DEAD) want_write(s, false);
}
static void reply(Socket *s, uint8_t opcode, const uint8_t *payload, size_t length) {
  if (s->reply_sent == s->reply_have) s->reply_sent = s->reply_have = 0;
  if (s->reply_have + 6 + length > sizeof s->reply) return;  // an older pong still waits: the latest may be skipped
  uint8_t *p = s->reply + s->reply_have;
  p[0] = 0x80 | opcode, p[1] = (uint8_t)(0x80 | length);
  memcpy(p + 2, MASK, 4);
  for (size_t i = 0; i < length; i++) p[6 + i] = payload[i] ^ MASK[i & 3];
  s->reply_have += (uint16_t)(6 + length);
}
static void ask(Socket *s, uint64_t moment) {
  if (s->asked - s->answered == ring) { failed(s, "the server fell too far behind the rate"); return; }
  s->due[s->asked++ % ring] = moment;
  s->owed++;
}
static void begin(Socket *s) {
  static unsigned turn;
  struct linger hard = {1, 0};
  int one = 1;
  uint64_t *due = s->due;
  memset(s, 0, offsetof(Socket, control));
  s->reply_have = s->reply_sent = s->text_have = 0;
  s->due = due;
  s->born = now_ns();
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (s->fd < 0) { fault(&faults, "socket(): %s", strerror(errno)); s->state = DEAD; over = true; return; }
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (set.mode == CHURN && set.reset) setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  if (set.addresses > 1) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f000001u + turn++ % (unsigned)set.addresses);
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(s->fd, (struct sockaddr *)&from, sizeof from);
  }
  s->state = CONNECTING, s->wants_write = true;
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
  if (connect(s->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) failed(s, strerror(errno));
  else epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &e);
}
static void number_request(void) {
  static unsigned long number;
  request_bytes = snprintf(request, sizeof request, "%s%lu%s", before_number, number++, after_number);
}
static void connected(Socket *s) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) { failed(s, strerror(error)); return; }
  if (numbered) number_request();
  if (send(s->fd, request, (size_t)request_bytes, MSG_NOSIGNAL) != request_bytes) { failed(s, "the request did not fit"); return; }
  s->state = SHAKING;
  want_write(s, false);
}

// ------------------------------------------------------------------------------------------------------- the modes

static void fan_fire(uint64_t moment) {
  if (over || opened < set.sockets) return;
  fan_left = set.sockets * set.depth, fan_round++, fan_sent = moment;
  for (int i = 0; i < set.depth; i++) ask(&sockets[0], fan_sent);
  flush_out(&sockets[0]);
}
static void on_open(Socket *s, uint64_t now) {
  s->state = OPEN, opened++;
  if (set.mode == ECHO && !set.rate) for (int i = 0; i < set.depth; i++) ask(s, now);
  if (set.mode == CHURN || (set.mode == HOLD && set.touch)) ask(s, now);
  if (set.mode == FAN && !set.rate) fan_fire(now_ns());
  flush_out(s);
}
static void on_message(Socket *s, uint64_t now) {
  if (set.mode == SINK) { operations += counting; return; }
  if (set.mode == FAN) {
    if (++s->answered > fan_round * (uint64_t)set.depth) { failed(s, "more messages than were sent"); return; }
    operations += counting;
    if (--fan_left == 0) {
      if (counting) hist_add(&latency, now - fan_sent);
      sockets[0].answered = sockets[0].asked;
      if (!set.rate) fan_fire(now_ns());
    }
    return;
  }
  // What is still owed cannot have been answered yet.
  if (s->answered == s->asked - s->owed) { failed(s, "a message that nobody asked for"); return; }
  uint64_t sent = s->due[s->answered++ % ring];
  if (set.mode == ECHO) {
    if (counting) operations++, hist_add(&latency, now - sent);
    if (!set.rate) ask(s, now);
  } else if (set.mode == CHURN) {
    if (set.reset) {
      if (counting) operations++, hist_add(&latency, now - s->born);
      drop(s);
    } else {
      static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
      s->state = CLOSING;
      reply(s, CLOSE, normal, 2);
    }
  }
}
static void on_control(Socket *s, uint64_t now) {
  if (s->opcode == PING) reply(s, PONG, s->control, s->got);
  if (s->opcode != CLOSE) return;
  if (s->state == CLOSING) {
    if (counting) operations++, hist_add(&latency, now - s->born);
    drop(s);
  } else {
    char what[64];
    snprintf(what, sizeof what, "the server closed with %d", s->got >= 2 ? s->control[0] << 8 | s->control[1] : 1005);
    failed(s, what);
  }
}

// ----------------------------------------------------------------------------------------------- reading, §5.2, §4.1

static const uint8_t *read_head(Socket *s, const uint8_t *p, const uint8_t *end) {
  while (p < end) {
    s->head[s->head_have++] = *p++;
    if (s->head_have < 2) continue;
    int length = s->head[1] & 127, need = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (s->head[1] & 128) { failed(s, "a masked frame from the server"); return end; }
    if (s->head_have < need) continue;
    s->left = 0;
    if (need == 2) s->left = (uint64_t)length;
    else for (int i = 2; i < need; i++) s->left = s->left << 8 | s->head[i];
    s->opcode = s->head[0] & 15, s->final = s->head[0] >> 7;
    if (s->opcode == TEXT || s->opcode == BINARY) s->kind = s->opcode, s->got = 0;
    if (s->opcode >= CLOSE) {
      if (s->left > 125) { failed(s, "a long control frame"); return end; }
      s->got = 0;
    }
    return p;
  }
  return NULL;
}
static void read_frames(Socket *s, const uint8_t *p, const uint8_t *end, uint64_t now) {
  while (p < end && (s->state == OPEN || s->state == CLOSING)) {
    if (!s->left && !(p = read_head(s, p, end))) return;
    if (s->state == DEAD) return;
    uint64_t n = (uint64_t)(end - p) < s->left ? (uint64_t)(end - p) : s->left;
    if (s->opcode >= CLOSE) memcpy(s->control + s->got, p, n);
    else if (set.check && set.mode != SINK) {
      if (s->got + n > (uint64_t)set.size) { failed(s, "a reply longer than what was sent"); return; }
      if (memcmp(plain + s->got, p, n)) { failed(s, "a reply with other content than what was sent"); return; }
    }
    s->got += n, s->left -= n, p += n;
    if (s->left) return;
    s->head_have = 0;
    if (s->opcode >= CLOSE) on_control(s, now);
    else if (s->final) {
      if (set.check && set.mode != SINK && s->got != (uint64_t)set.size) { failed(s, "a reply shorter than what was sent"); return; }
      if (set.check && set.mode != SINK && s->kind != (set.text ? TEXT : BINARY)) { failed(s, "a reply of the other kind"); return; }
      on_message(s, now);
    }
  }
}
static void read_answer(Socket *s, const uint8_t *p, size_t n, uint64_t now) {
  size_t take = n < sizeof s->text - 1 - s->text_have ? n : sizeof s->text - 1 - s->text_have, before = s->text_have;
  memcpy(s->text + before, p, take);
  s->text_have += (uint16_t)take;
  s->text[s->text_have] = 0;
  char *end = strstr(s->text, "\r\n\r\n");
  if (!end) { if (take < n) failed(s, "a handshake answer over 1023 bytes"); return; }
  // RFC 6455 §4.1: the accept key of the constant nonce in `request`, which is the example of §1.3.
  if (strncmp(s->text, "HTTP/1.1 101", 12) || !strstr(s->text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
    char what[64];
    snprintf(what, sizeof what, "refused: %.40s", s->text);
    failed(s, what);
    return;
  }
  size_t used = (size_t)(end + 4 - s->text) - before;
  on_open(s, now);
  read_frames(s, p + used, p + n, now);
}
static void readable(Socket *s) {
  for (;;) {
    ssize_t n = recv(s->fd, inbox, sizeof inbox, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { failed(s, n ? strerror(errno) : "the server dropped the connection"); return; }
    uint64_t now = now_ns();
    if (s->state == SHAKING) read_answer(s, inbox, (size_t)n, now);
    else read_frames(s, inbox, inbox + n, now);
    if (s->state == DEAD) return;
    if (s->owed || s->reply_sent < s->reply_have) flush_out(s);
    if (s->state == DEAD || (size_t)n < sizeof inbox) return;
  }
}

// --------------------------------------------------------------------------------------------------------- the run

static void build_frame(void) {
  size_t pattern = set.payload ? strlen(set.payload) : 0, size = (size_t)set.size, head = size < 126 ? 2 : size < 65536 ? 4 : 10;
  frame_bytes = head + 4 + size;
  burst_frames = (size_t)set.depth * frame_bytes > (1 << 20) ? 1 : (uint64_t)set.depth;
  plain = malloc(size + 1);
  burst = malloc(frame_bytes * burst_frames);
  for (size_t i = 0; i < size; i++) plain[i] = (uint8_t)(pattern ? set.payload[i % pattern] : set.text ? 'a' + (char)(i % 26) : (char)(i * 7 + 3));
  burst[0] = (uint8_t)(0x80 | (set.text ? TEXT : BINARY));
  burst[1] = (uint8_t)(0x80 | (head == 2 ? size : head == 4 ? 126 : 127));
  for (size_t i = 2; i < head; i++) burst[i] = (uint8_t)(size >> 8 * (head - 1 - i));
  memcpy(burst + head, MASK, 4);
  for (size_t i = 0; i < size; i++) burst[head + 4 + i] = plain[i] ^ MASK[i & 3];
  for (uint64_t i = 1; i < burst_frames; i++) memcpy(burst + i * frame_bytes, burst, frame_bytes);
  request_bytes = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                           set.path, set.host, set.port, set.headers);
  char *mark = strstr(request, "{n}");
  if (!mark) return;
  numbered = true;
  snprintf(before_number, sizeof before_number, "%.*s", (int)(mark - request), request);
  snprintf(after_number, sizeof after_number, "%s", mark + 3);
}
static void usage(void) {
  puts("wsload --port PORT [--host ADDRESS] [--path PATH] [--mode echo|fan|churn|hold|sink]\n"
       "  --sockets N    how many sockets (32)           --seconds S   counted time (2), the most with --count\n"
       "  --size BYTES   payload (64; --payload's own)   --warmup S    uncounted time before it (0.3)\n"
       "  --text         text frames (binary)            --ramp S      most time to open all sockets (30)\n"
       "  --payload TXT  what to send, repeated to SIZE  --depth N     echo: messages under way per socket; fan: sent at once (1)\n"
       "  --header H     a further 'Name: value' line    --rate N      echo, fan: messages a second, on a schedule \n"
       "  --any-reply    do not compare the replies      --close HOW   churn: handshake or reset (handshake)\n"
       "  --pid PID      read this process's CPU time    --touch       hold: one echo on each socket first\n"
       "  --count N      stop after N operations         {n} in PATH or H becomes the connection's number\n"
       "  --addresses N  connect from 127.0.0.1 to .N (1)\n"
       "  --sleep        wait asleep, as hold does: the server then pays for waking this process");
}
static double number_of(const char *name, const char *text) {
  char *end;
  double v = strtod(text, &end);
  if (*end || end == text || !(v >= 0 && v <= 3600)) {
    fprintf(stderr, "--%s must be seconds from 0 to 3600, not '%s'\n", name, text);
    exit(2);
  }
  return v;
}
static void read_options(int count, char **words) {
  static const struct option options[] = {
      {"mode", 1, 0, 'm'}, {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'u'}, {"sockets", 1, 0, 'n'},
      {"size", 1, 0, 's'}, {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'w'}, {"ramp", 1, 0, 'r'}, {"depth", 1, 0, 'd'},
      {"rate", 1, 0, 'R'}, {"text", 0, 0, 'T'}, {"payload", 1, 0, 'P'}, {"header", 1, 0, 'H'}, {"any-reply", 0, 0, 'a'},
      {"close", 1, 0, 'c'}, {"pid", 1, 0, 'i'}, {"touch", 0, 0, 'o'}, {"addresses", 1, 0, 'A'}, {"count", 1, 0, 'C'}, {"sleep", 0, 0, 'S'}, {"help", 0, 0, '?'}, {0}};
  bool sized = false;
  for (int c, at = 0; (c = getopt_long(count, words, "", options, &at)) != -1;) {
    const char *name = c == '?' ? "" : options[at].name;
    switch (c) {
      case 'm':
        for (set.mode = 0; set.mode <= SINK && strcmp(MODES[set.mode], optarg); set.mode++) {}
        if (set.mode > SINK) { usage(); exit(2); }
        break;
      case 'h': set.host = optarg; break;
      case 'p': set.port = whole_number(name, optarg, 1, 65535); break;
      case 'u': set.path = optarg; break;
      case 'n': set.sockets = whole_number(name, optarg, 1, 1000000); break;
      case 's': set.size = whole_number(name, optarg, 0, 1 << 30), sized = true; break;
      case 't': set.seconds = number_of(name, optarg); break;
      case 'w': set.warmup = number_of(name, optarg); break;
      case 'r': set.ramp = number_of(name, optarg); break;
      case 'd': set.depth = whole_number(name, optarg, 1, 64); break;
      case 'R': set.rate = whole_number(name, optarg, 1, 10000000), ring = 4096; break;
      case 'T': set.text = true; break;
      case 'P': set.payload = optarg; break;
      case 'H':
        if (strlen(set.headers) + strlen(optarg) + 3 > sizeof set.headers) { fprintf(stderr, "--header: over 8 KiB of them\n"); exit(2); }
        strcat(strcat(set.headers, optarg), "\r\n");
        break;
      case 'a': set.check = false; break;
      case 'c': set.reset = !strcmp(optarg, "reset"); break;
      case 'i': watch_add(&watch, whole_number(name, optarg, 1, 1 << 30)); break;
      case 'S': set.sleep = true; break;
      case 'o': set.touch = true; break;
      case 'A': set.addresses = whole_number(name, optarg, 1, 200); break;
      case 'C': set.count = whole_number(name, optarg, 1, 1 << 30); break;
      default: usage(); exit(2);
    }
  }
  if (!set.port || optind < count) { usage(); exit(2); }
  if (set.mode == HOLD) set.sleep = true;
  if (set.payload && !sized) set.size = (int)strlen(set.payload);
}
static bool stdin_ended(void) {
  char byte;
  ssize_t n = read(0, &byte, 1);
  return n == 0;
}
int main(int count, char **words) {
  read_options(count, words);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1ul);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if ((rlim_t)set.sockets + 16 > files.rlim_cur) { fprintf(stderr, "%d sockets need a higher limit of open files (ulimit -Hn is %lu)\n", set.sockets, (unsigned long)files.rlim_max); return 2; }
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)set.port)};
  if (inet_pton(AF_INET, set.host, &server.sin_addr) != 1) { fprintf(stderr, "--host must be an IPv4 address, not '%s'\n", set.host); return 2; }
  build_frame();
  poller = epoll_create1(0);
  sockets = calloc((size_t)set.sockets, sizeof *sockets);
  uint64_t *rings = calloc((size_t)set.sockets * ring, sizeof *rings);
  for (int i = 0; i < set.sockets; i++) sockets[i].due = rings + (uint64_t)i * ring;
  if (set.mode == HOLD) fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);

  static struct epoll_event events[1024];
  uint64_t started_at = now_ns(), open_at = 0, counted_at = 0, ended_at = 0, next_due = 0;
  uint64_t interval = set.rate ? 1000000000ull / (uint64_t)set.rate : 0;
  int started = 0, turn = 0;
  while (!over) {
    // At most 128 handshakes under way: the listener's backlog must not be what is measured.
    while (started < set.sockets && started - opened < 128 && !faults.count) begin(&sockets[started++]);
    uint64_t now = now_ns(), wait = 20000000;
    if (next_due && set.mode == FAN) {
      // A round that is late is counted from its own moment all the same.
      if (next_due <= now && !fan_left) fan_fire(next_due), next_due += interval;
      if (next_due > now && next_due - now < wait) wait = next_due - now;
    } else if (next_due) {
      while (next_due <= now) {
        ask(&sockets[turn], next_due);
        if (sockets[turn].state == OPEN) flush_out(&sockets[turn]);
        turn = (turn + 1) % set.sockets, next_due += interval;
      }
      wait = next_due - now < wait ? next_due - now : wait;
    }
    struct timespec limit = {.tv_nsec = set.sleep ? (long)wait : 0};
    int n = epoll_pwait2(poller, events, 1024, &limit, NULL);
    if (!n && !set.sleep) watch_idle(&watch, now_ns() - now);
    for (int i = 0; i < n; i++) {
      Socket *s = events[i].data.ptr;
      if (s->state == CONNECTING) connected(s);
      else if (s->state != DEAD) {
        if (events[i].events & EPOLLOUT) flush_out(s);
        if (s->state != DEAD && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(s);
      }
      if (s->state == DEAD && set.mode == CHURN && !faults.count) begin(s);
    }
    now = now_ns();
    bool ready = opened == set.sockets;
    if (set.mode == HOLD && set.touch) for (int i = 0; ready && i < set.sockets; i++) ready = sockets[i].answered == 1;
    if (!open_at && (ready || (set.mode == CHURN && started == set.sockets))) {
      open_at = now;
      if (set.mode == HOLD) { printf("{\"event\": \"open\", \"opened\": %d, \"seconds\": %.3f}\n", opened, (double)(now - started_at) / 1e9); fflush(stdout); }
      if (interval) next_due = now + interval;
    }
    if (!open_at && (double)(now - started_at) > set.ramp * 1e9) fault(&faults, "only %d of %d sockets opened in %.0f s", opened, set.sockets, set.ramp);
    if (open_at && !counting && (double)(now - open_at) >= set.warmup * 1e9) counting = true, counted_at = now, watch_begin(&watch);
    if (counting && (double)(now - counted_at) >= set.seconds * 1e9) over = true;
    if (set.count && operations >= (uint64_t)set.count) over = true;
    if (set.mode == HOLD && stdin_ended()) over = true;
    if (faults.count && set.mode != HOLD) over = true;
  }
  ended_at = now_ns();
  if (counting) watch_end(&watch);
  if (counting && !operations && set.mode != HOLD) fault(&faults, "no answer in %.1f s", set.seconds);
  print_result(MODES[set.mode], opened, operations, counting ? (double)(ended_at - counted_at) / 1e9 : 0, &latency, &watch, &faults);
  return faults.count ? 1 : 0;
}
