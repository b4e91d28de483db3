/* Preloaded into the agent: records, delays, holds and fails what it does to the files of its store.
 *
 * SHIM_DIR      only files below this directory are touched
 * SHIM_TRACE    every call is appended here: kind, start and end on the monotonic clock, result, offset, length, path, data
 * SHIM_CONTROL  a file whose text says what happens now: "" nothing, "delay MICROSECONDS" before a sync,
 *               "hold" (a sync waits until the text changes), "write ERRNO", "short ERRNO" (half is written, then the error),
 *               "sync ERRNO", "reserve ERRNO"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 'W', SYNC = 'S' };

struct record {
  uint64_t start, end;
  int64_t result, offset;
  uint64_t length; /* of the data that follows the path; 0 for a sync */
  uint32_t path;
  uint32_t kind;
};

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whether fd is one of the store's; its path goes to `path`. */
static int ours(int fd, char path[PATH_MAX]) {
  const char *dir = getenv("SHIM_DIR");
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  if (!dir || n < 0) return 0;
  path[n] = 0;
  return strncmp(path, dir, strlen(dir)) == 0;
}

/* The text of the control file, "" if there is none. */
static void control(char text[64]) {
  const char *path = getenv("SHIM_CONTROL");
  text[0] = 0;
  int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
  if (fd < 0) return;
  ssize_t n = syscall(SYS_read, fd, text, 63);
  text[n < 0 ? 0 : n] = 0;
  syscall(SYS_close, fd);
}

/* The error that stands behind `word` in the control file, 0 if it is not told to fail. */
static int told(const char *word) {
  char text[64];
  control(text);
  size_t n = strlen(word);
  return strncmp(text, word, n) == 0 && text[n] == ' ' ? atoi(text + n + 1) : 0;
}

static void trace(uint32_t kind, uint64_t start, int64_t result, int64_t offset, const char *path, const void *data) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int out = -1;
  int kept = errno;
  pthread_mutex_lock(&lock);
  if (out < 0) {
    const char *name = getenv("SHIM_TRACE");
    if (name) out = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }
  if (out >= 0) {
    struct record r = {start, now(), result, offset, data && result > 0 ? (uint64_t)result : 0, (uint32_t)strlen(path), kind};
    struct iovec parts[3] = {{&r, sizeof r}, {(void *)path, r.path}, {(void *)data, r.length}};
    /* One call, so that a kill leaves no half record before a whole one. */
    syscall(SYS_writev, out, parts, r.length ? 3 : 2);
  }
  pthread_mutex_unlock(&lock);
  errno = kept;
}

static ssize_t put(int fd, const void *data, size_t length, int64_t offset) {
  if (offset < 0) return syscall(SYS_write, fd, data, length);
  return syscall(SYS_pwrite64, fd, data, length, offset);
}

static ssize_t writing(int fd, const void *data, size_t length, int64_t offset) {
  char path[PATH_MAX];
  if (!ours(fd, path)) return put(fd, data, length, offset);
  uint64_t start = now();
  int error = told("write"), brief = told("short");
  ssize_t result;
  if (error || (brief && length < 2)) {
    errno = error ? error : brief;
    result = -1;
  } else {
    result = put(fd, data, brief ? length / 2 : length, offset);
  }
  trace(WRITE, start, result, offset, path, data);
  return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return writing(fd, data, length, offset); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return writing(fd, data, length, offset); }
ssize_t write(int fd, const void *data, size_t length) { return writing(fd, data, length, -1); }

static int syncing(int fd, long number) {
  char path[PATH_MAX], text[64];
  if (!ours(fd, path)) return (int)syscall(number, fd);
  uint64_t start = now();
  int error = told("sync");
  int result = -1;
  if (error) {
    errno = error;
  } else {
    for (control(text); strcmp(text, "hold") == 0; control(text)) usleep(1000);
    int delay = told("delay");
    if (delay) usleep((useconds_t)delay);
    result = (int)syscall(number, fd);
  }
  trace(SYNC, start, result, 0, path, NULL);
  return result;
}

int fdatasync(int fd) { return syncing(fd, SYS_fdatasync); }
int fsync(int fd) { return syncing(fd, SYS_fsync); }

static int reserving(int fd, int mode, int64_t offset, int64_t length) {
  char path[PATH_MAX];
  int error = told("reserve");
  if (error && ours(fd, path)) {
    errno = error;
    return -1;
  }
  return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return reserving(fd, mode, offset, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) { return reserving(fd, mode, offset, length); }
