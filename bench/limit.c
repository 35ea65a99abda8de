/*
 * The limit of this kernel: an epoll loop that cuts frames, finds the opaque in the header and writes a
 * canned response, all that is ready in one write. `limit PORT BODY_BYTES`
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 65536, IN_BYTES = 64 * 1024, OUT_BYTES = 1024 * 1024, EVENTS = 1024 };

/* The beginning of a frame whose end has not come. */
struct rest {
  unsigned char *bytes;
  int length;
};

static struct rest rests[MAX_CONNECTIONS];
static unsigned char in[2 * IN_BYTES];
static unsigned char out[OUT_BYTES];
static int body_bytes;

static uint32_t read_length(const unsigned char *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static void put_length(unsigned char *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static int respond(const unsigned char *header, int length, unsigned char *to) {
  const unsigned char *opaque = memmem(header, length, "\"opaque\":", 9);
  int written = sprintf((char *)to + 8,
                        "{\"code\":0,\"flag\":1,\"language\":\"OTHER\",\"opaque\":%d,"
                        "\"serializeTypeCurrentRPC\":\"JSON\",\"version\":513}",
                        opaque ? atoi((const char *)opaque + 9) : 0);
  put_length(to, 4 + written + body_bytes);
  put_length(to + 4, written);
  memset(to + 8 + written, 'x', body_bytes);
  return 8 + written + body_bytes;
}

/* Returns whether the connection goes on. */
static int serve(int fd) {
  struct rest *rest = &rests[fd];
  int have = rest->length;
  if (have > 0) memcpy(in, rest->bytes, have);
  int got = read(fd, in + have, IN_BYTES);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  have += got;
  int at = 0, length = 0;
  while (have - at >= 8) {
    int end = at + 4 + read_length(in + at);
    if (end > have || length > OUT_BYTES - 8192) break;
    length += respond(in + at + 8, read_length(in + at + 4) & 0xffffff, out + length);
    at = end;
  }
  rest->length = have - at;
  if (rest->length > 0) {
    if (!rest->bytes) rest->bytes = malloc(2 * IN_BYTES);
    memcpy(rest->bytes, in + at, rest->length);
  }
  return length == 0 || write(fd, out, length) == length;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  body_bytes = atoi(argv[2]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("listen");
    return 1;
  }
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  struct epoll_event events[EVENTS];
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        if (!serve(fd)) {
          rests[fd].length = 0;
          close(fd);
        }
        continue;
      }
      int accepted;
      while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = accepted};
        if (accepted >= MAX_CONNECTIONS) close(accepted);
        else epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &wanted);
      }
    }
  }
}
