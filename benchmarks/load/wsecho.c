// wsecho: the least a WebSocket server can do, as the physical limit that the others are measured against.
//
//   wsecho PORT      serves 127.0.0.1:PORT until SIGTERM; 0 chooses a port; prints {"port": N} when it listens
//
// Any path echoes; on /fan and /channel what any socket sends goes to all their sockets. One thread, epoll, one read buffer for
// all sockets, replies built in place of the request, one send per read: per message one epoll_wait (shared by all that
// are ready), one recv, one send. It checks nothing but the mask and knows no fragments: no server for real clients.
// Frames: RFC 6455 §5.2. Handshake: §4.2.2; SHA-1: FIPS 180-4 §6.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Peer {
  struct Peer *next, *previous;  // the ring of the sockets on /fan
  uint8_t *kept, *unsent;        // an incomplete frame; what the kernel did not take
  size_t kept_bytes, kept_room, unsent_bytes;
  int fd;
  bool open, fan, over;
} Peer;

static int poller;
static Peer fans = {.next = &fans, .previous = &fans};
static uint8_t inbox[1 << 18];

// ------------------------------------------------------------------------------------------------------- handshake

static uint32_t rol(uint32_t v, int n) { return v << n | v >> (32 - n); }
static void sha1(const char *text, size_t length, uint8_t digest[20]) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, w[80];
  uint8_t block[128] = {0};
  size_t blocks = (length + 9 + 63) / 64;
  memcpy(block, text, length);
  block[length] = 0x80;
  for (int i = 0; i < 8; i++) block[blocks * 64 - 1 - (size_t)i] = (uint8_t)((uint64_t)length * 8 >> 8 * i);
  for (size_t b = 0; b < blocks; b++) {
    for (int t = 0; t < 16; t++) w[t] = (uint32_t)block[b * 64 + (size_t)t * 4] << 24 | (uint32_t)block[b * 64 + (size_t)t * 4 + 1] << 16 | (uint32_t)block[b * 64 + (size_t)t * 4 + 2] << 8 | block[b * 64 + (size_t)t * 4 + 3];
    for (int t = 16; t < 80; t++) w[t] = rol(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = h[0], x = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 80; t++) {
      uint32_t f = t < 20 ? ((x & c) | (~x & d)) : t < 40 || t >= 60 ? (x ^ c ^ d) : ((x & c) | (x & d) | (c & d));
      uint32_t k = t < 20 ? 0x5a827999 : t < 40 ? 0x6ed9eba1 : t < 60 ? 0x8f1bbcdc : 0xca62c1d6, next = rol(a, 5) + f + e + k + w[t];
      e = d, d = c, c = rol(x, 30), x = a, a = next;
    }
    h[0] += a, h[1] += x, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> 8 * (3 - i % 4));
}
static void accept_key(const char *key, char out[29]) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char text[61];
  uint8_t digest[21] = {0};
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  sha1(text, 60, digest);
  for (int i = 0, o = 0; i < 21; i += 3) {
    uint32_t v = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) out[o++] = alphabet[v >> shift & 63];
  }
  out[27] = '=', out[28] = 0;
}

// --------------------------------------------------------------------------------------------------------- one peer

static void end(Peer *p) {
  if (p->over) return;
  p->over = true;
  close(p->fd);
  if (p->fan) p->previous->next = p->next, p->next->previous = p->previous;
  p->fan = false;
}
static void watch(Peer *p, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = p};
  epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &e);
}
static void give(Peer *p, const uint8_t *from, size_t length) {
  ssize_t n = p->unsent_bytes ? 0 : send(p->fd, from, length, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) { end(p); return; }
  if (n < 0) n = 0;
  if ((size_t)n == length) return;
  if (!p->unsent_bytes) watch(p, EPOLLOUT);  // and read no more until it is gone
  p->unsent = realloc(p->unsent, p->unsent_bytes + length - (size_t)n);
  memcpy(p->unsent + p->unsent_bytes, from + n, length - (size_t)n);
  p->unsent_bytes += length - (size_t)n;
}
static void writable(Peer *p) {
  ssize_t n = send(p->fd, p->unsent, p->unsent_bytes, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) { end(p); return; }
  if (n < 0) return;
  p->unsent_bytes -= (size_t)n;
  memmove(p->unsent, p->unsent + n, p->unsent_bytes);
  if (p->unsent_bytes) return;
  free(p->unsent), p->unsent = NULL;
  watch(p, EPOLLIN);
}
static size_t shake(Peer *p, uint8_t *data, size_t length) {
  uint8_t *stop = memmem(data, length, "\r\n\r\n", 4);
  if (!stop) return 0;
  *stop = 0;
  char *key = strcasestr((char *)data, "sec-websocket-key: "), accept[29], answer[160];
  if (!key || strlen(key + 19) < 24) { end(p); return length; }
  accept_key(key + 19, accept);
  int n = snprintf(answer, sizeof answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  p->open = true;
  if ((p->fan = !strncmp((char *)data, "GET /fan ", 9) || !strncmp((char *)data, "GET /channel", 12))) p->next = &fans, p->previous = fans.previous, fans.previous->next = p, fans.previous = p;
  give(p, (uint8_t *)answer, (size_t)n);
  return (size_t)(stop + 4 - data);
}
static size_t frames(Peer *p, uint8_t *data, size_t length) {  // gives back how many bytes it used up
  size_t at = 0, out = 0;
  while (!p->over && length - at >= 6) {
    uint8_t *f = data + at;
    uint64_t n = f[1] & 127;
    size_t head = n == 126 ? 4 : n == 127 ? 10 : 2;
    if (length - at < head + 4) break;
    if (head > 2) for (size_t i = n = 0; i < head - 2; i++) n = n << 8 | f[2 + i];
    if (!(f[1] & 128) || n > 1u << 30) { end(p); return length; }
    if (length - at - head - 4 < n) break;
    uint8_t opcode = f[0] & 15, *to = data + out, *payload = f + head + 4;
    uint32_t mask32;
    memcpy(&mask32, f + head, 4);
    uint64_t mask = (uint64_t)mask32 << 32 | mask32, i = 0;
    at += head + 4 + n;
    if (opcode == 10) continue;
    memmove(to, f, head);  // the reply is the request's head without the mask
    to[0] = opcode == 9 ? 0x8a : f[0], to[1] &= 127;
    for (; i + 8 <= n; i += 8) {
      uint64_t v;
      memcpy(&v, payload + i, 8);
      v ^= mask;
      memcpy(to + head + i, &v, 8);
    }
    for (; i < n; i++) to[head + i] = payload[i] ^ (uint8_t)(mask32 >> 8 * (i & 3));
    if (p->fan && opcode < 8) {
      for (Peer *other = fans.next, *next; other != &fans; other = next) next = other->next, give(other, to, head + n);
    } else out += head + n;
    if (opcode == 8) { give(p, data, out), end(p); return length; }
  }
  if (out && !p->over) give(p, data, out);
  return at;
}
static void readable(Peer *p) {
  ssize_t n;
  uint8_t *data = inbox;
  if (p->kept_bytes) {
    if (p->kept_room < p->kept_bytes + sizeof inbox) p->kept = realloc(p->kept, p->kept_room = (p->kept_bytes + sizeof inbox) * 2);
    n = recv(p->fd, p->kept + p->kept_bytes, p->kept_room - p->kept_bytes, 0), data = p->kept;
  } else n = recv(p->fd, inbox, sizeof inbox, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { end(p); return; }
  size_t length = p->kept_bytes + (size_t)n, used = 0;
  if (!p->open) used = shake(p, data, length);
  if (p->open && !p->over) used += frames(p, data + used, length - used);
  if (p->over) return;
  size_t rest = length - used;
  if (data == inbox && rest) {
    if (p->kept_room < rest) p->kept = realloc(p->kept, p->kept_room = rest);
    memcpy(p->kept, data + used, rest);
  } else if (rest) memmove(p->kept, p->kept + used, rest);
  else if (p->kept && p->kept_room > 1 << 23) free(p->kept), p->kept = NULL, p->kept_room = 0;
  p->kept_bytes = rest;
}

int main(int count, char **words) {
  int port = count == 2 ? atoi(words[1]) : -1, one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  if (port < 0) { fprintf(stderr, "usage: wsecho PORT\n"); return 2; }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 2048)) { perror("wsecho"); return 1; }
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("{\"port\": %d}\n", ntohs(address.sin_port));
  fflush(stdout);
  poller = epoll_create1(0);
  static Peer door;
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = &door}, events[512];
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int n = epoll_wait(poller, events, 512, -1);
    for (int i = 0; i < n; i++) {
      Peer *p = events[i].data.ptr;
      if (p == &door) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        p = calloc(1, sizeof *p);
        p->fd = fd, e.data.ptr = p;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
        continue;
      }
      if (!p->over && events[i].events & EPOLLOUT) writable(p);
      if (!p->over && events[i].events & ~(uint32_t)EPOLLOUT) readable(p);
    }
    for (int i = 0; i < n; i++) {  // after the batch: another peer's event may have ended this one
      Peer *p = events[i].data.ptr;
      if (p == &door || !p->over) continue;
      free(p->kept), free(p->unsent), free(p);
    }
  }
}
