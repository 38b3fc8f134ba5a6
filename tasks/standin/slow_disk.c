/* A network share that is not there: what it does and what it leaves out stands in slow_disk.py. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 65536
#define PATH_BYTES 8192
#define READDIR_ENTRIES 256     /* entries in one answer to a listing; between NFS with 32 KiB and SMB with 64 KiB */
#define READ_BYTES (1 << 20)    /* bytes in one answer to a read: rsize of a usual NFS mount */

/* The order is that of KINDS in slow_disk.py. */
enum kind { OPENDIR, READDIR, STAT, OPEN, READ, READLINK, ACCESS, HUNG, FAILED, KINDS };

static char prefix[PATH_BYTES];
static size_t prefix_length;
static const char *hang_on, *fail_on;
static int fail_errno = EIO;
static struct timespec latency;
static uint64_t own_counts[KINDS], *counts = own_counts;

/* What an open descriptor below the prefix stands for; NULL for all others. */
static char *paths[MOST_FDS];
static char regular[MOST_FDS];
static unsigned entries[MOST_FDS];

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real && !(real = (__typeof__(&name))dlsym(RTLD_NEXT, #name))) { errno = ENOSYS; return -1; }
#define REAL_OR_NULL(name) \
    static __typeof__(&name) real; \
    if (!real && !(real = (__typeof__(&name))dlsym(RTLD_NEXT, #name))) { errno = ENOSYS; return NULL; }

static const char *text_of(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

static void read_environment(void)
{
    const char *text = text_of("SLOW_DISK_PREFIX");
    hang_on = text_of("SLOW_DISK_HANG_ON");
    fail_on = text_of("SLOW_DISK_FAIL_ON");
    if (text_of("SLOW_DISK_FAIL_WITH")) fail_errno = atoi(getenv("SLOW_DISK_FAIL_WITH"));
    if (text_of("SLOW_DISK_LATENCY_NS")) {
        long long ns = atoll(getenv("SLOW_DISK_LATENCY_NS"));
        latency.tv_sec = ns / 1000000000;
        latency.tv_nsec = ns % 1000000000;
    }
    if (text_of("SLOW_DISK_COUNTS")) {
        static int (*real_open)(const char *, int, ...);
        static int (*real_close)(int);
        real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
        real_close = (int (*)(int))dlsym(RTLD_NEXT, "close");
        int fd = real_open(getenv("SLOW_DISK_COUNTS"), O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *shared = mmap(NULL, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (shared != MAP_FAILED) counts = shared;
            real_close(fd);
        }
    }
    if (text) {
        strncpy(prefix, text, sizeof prefix - 1);
        prefix_length = strlen(prefix);
    }
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
}

static void count(enum kind kind)
{
    __atomic_fetch_add(&counts[kind], 1, __ATOMIC_RELAXED);
}

/* The whole path, if it lies below the prefix. */
static const char *below(int dirfd, const char *path, char *whole)
{
    ready();
    if (!prefix_length || !path) return NULL;
    if (path[0] != '/') {
        if (dirfd == AT_FDCWD) {
            if (!getcwd(whole, PATH_BYTES)) return NULL;
        } else {
            if (dirfd < 0 || dirfd >= MOST_FDS || !paths[dirfd]) return NULL;
            strcpy(whole, paths[dirfd]);
        }
        if (*path) {
            if (strlen(whole) + 1 + strlen(path) >= PATH_BYTES) return NULL;
            strcat(strcat(whole, "/"), path);
        }
        path = whole;
    }
    if (strncmp(path, prefix, prefix_length) || (path[prefix_length] && path[prefix_length] != '/')) return NULL;
    return path;
}

/* Ask the share: 0 when it has answered, -1 with errno when it has refused; may never return. */
static int ask(const char *path, enum kind kind, size_t trips)
{
    if (hang_on && strstr(path, hang_on)) {
        count(HUNG);
        for (;;) pause();
    }
    if (fail_on && strstr(path, fail_on)) {
        count(FAILED);
        errno = fail_errno;
        return -1;
    }
    while (trips--) {
        struct timespec left = latency;
        count(kind);
        if (left.tv_sec || left.tv_nsec)
            while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {}
    }
    return 0;
}

static int ask_path(int dirfd, const char *path, enum kind kind)
{
    char whole[PATH_BYTES];
    const char *found = below(dirfd, path, whole);
    return found ? ask(found, kind, 1) : 0;
}

static void forget(int fd)
{
    if (fd >= 0 && fd < MOST_FDS && paths[fd]) free(__atomic_exchange_n(&paths[fd], NULL, __ATOMIC_RELAXED));
}

static void remember(int fd, const char *path)
{
    static int (*real_fstat)(int, struct stat *);
    struct stat at;
    if (fd < 0 || fd >= MOST_FDS) return;
    forget(fd);
    if (!path) return;
    if (!real_fstat) real_fstat = (int (*)(int, struct stat *))dlsym(RTLD_NEXT, "fstat");
    regular[fd] = real_fstat && !real_fstat(fd, &at) && S_ISREG(at.st_mode);
    entries[fd] = 0;
    paths[fd] = strdup(path);
}

/* ---- open ---- */

#define OPENED(dirfd, call) \
    char whole[PATH_BYTES]; \
    const char *found = below(dirfd, path, whole); \
    if (found && ask(found, OPEN, 1)) return -1; \
    int fd = call; \
    remember(fd, found); \
    return fd;

#define MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { REAL(open) MODE OPENED(AT_FDCWD, real(path, flags, mode)) }
int open64(const char *path, int flags, ...) { REAL(open64) MODE OPENED(AT_FDCWD, real(path, flags, mode)) }
int openat(int at, const char *path, int flags, ...) { REAL(openat) MODE OPENED(at, real(at, path, flags, mode)) }
int openat64(int at, const char *path, int flags, ...) { REAL(openat64) MODE OPENED(at, real(at, path, flags, mode)) }

int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
int __open_2(const char *path, int flags) { REAL(__open_2) OPENED(AT_FDCWD, real(path, flags)) }
int __open64_2(const char *path, int flags) { REAL(__open64_2) OPENED(AT_FDCWD, real(path, flags)) }
int __openat_2(int at, const char *path, int flags) { REAL(__openat_2) OPENED(at, real(at, path, flags)) }
int __openat64_2(int at, const char *path, int flags) { REAL(__openat64_2) OPENED(at, real(at, path, flags)) }

int close(int fd) { REAL(close) forget(fd); return real(fd); }

/* ---- folders ---- */

DIR *opendir(const char *path)
{
    REAL_OR_NULL(opendir)
    char whole[PATH_BYTES];
    const char *found = below(AT_FDCWD, path, whole);
    if (found && ask(found, OPENDIR, 1)) return NULL;
    DIR *folder = real(path);
    if (folder) remember(dirfd(folder), found);
    return folder;
}

int closedir(DIR *folder) { REAL(closedir) forget(dirfd(folder)); return real(folder); }

#define READ_FOLDER \
    int fd = dirfd(folder); \
    if (fd >= 0 && fd < MOST_FDS && paths[fd] && entries[fd]++ % READDIR_ENTRIES == 0 && ask(paths[fd], READDIR, 1)) \
        return NULL; \
    return real(folder);

struct dirent *readdir(DIR *folder) { REAL_OR_NULL(readdir) READ_FOLDER }
struct dirent64 *readdir64(DIR *folder) { REAL_OR_NULL(readdir64) READ_FOLDER }

/* ---- stat, under all names that the C library has had for it ---- */

#define STAT_PATH(name, type) \
    int name(const char *path, struct type *at) { REAL(name) return ask_path(AT_FDCWD, path, STAT) ? -1 : real(path, at); }
STAT_PATH(stat, stat)
STAT_PATH(lstat, stat)
STAT_PATH(stat64, stat64)
STAT_PATH(lstat64, stat64)

#define STAT_AT(name, type) \
    int name(int fd, const char *path, struct type *at, int flags) \
    { REAL(name) return ask_path(fd, path, STAT) ? -1 : real(fd, path, at, flags); }
STAT_AT(fstatat, stat)
STAT_AT(fstatat64, stat64)

#define XSTAT(name, type) \
    int name(int, const char *, struct type *); \
    int name(int version, const char *path, struct type *at) \
    { REAL(name) return ask_path(AT_FDCWD, path, STAT) ? -1 : real(version, path, at); }
XSTAT(__xstat, stat)
XSTAT(__lxstat, stat)
XSTAT(__xstat64, stat64)
XSTAT(__lxstat64, stat64)

#define XSTAT_AT(name, type) \
    int name(int, int, const char *, struct type *, int); \
    int name(int version, int fd, const char *path, struct type *at, int flags) \
    { REAL(name) return ask_path(fd, path, STAT) ? -1 : real(version, fd, path, at, flags); }
XSTAT_AT(__fxstatat, stat)
XSTAT_AT(__fxstatat64, stat64)

int statx(int fd, const char *path, int flags, unsigned mask, struct statx *at)
{
    REAL(statx)
    return *path && ask_path(fd, path, STAT) ? -1 : real(fd, path, flags, mask, at);
}

/* ---- the rest ---- */

ssize_t readlink(const char *path, char *to, size_t size)
{
    REAL(readlink)
    return ask_path(AT_FDCWD, path, READLINK) ? -1 : real(path, to, size);
}

ssize_t readlinkat(int fd, const char *path, char *to, size_t size)
{
    REAL(readlinkat)
    return ask_path(fd, path, READLINK) ? -1 : real(fd, path, to, size);
}

int access(const char *path, int mode)
{
    REAL(access)
    return ask_path(AT_FDCWD, path, ACCESS) ? -1 : real(path, mode);
}

int faccessat(int fd, const char *path, int mode, int flags)
{
    REAL(faccessat)
    return ask_path(fd, path, ACCESS) ? -1 : real(fd, path, mode, flags);
}

static int ask_content(int fd, size_t size)
{
    if (fd < 0 || fd >= MOST_FDS || !paths[fd] || !regular[fd]) return 0;
    return ask(paths[fd], READ, size > READ_BYTES ? (size + READ_BYTES - 1) / READ_BYTES : 1);
}

ssize_t read(int fd, void *to, size_t size) { REAL(read) return ask_content(fd, size) ? -1 : real(fd, to, size); }

ssize_t pread(int fd, void *to, size_t size, off_t from)
{
    REAL(pread)
    return ask_content(fd, size) ? -1 : real(fd, to, size, from);
}

ssize_t pread64(int fd, void *to, size_t size, off64_t from)
{
    REAL(pread64)
    return ask_content(fd, size) ? -1 : real(fd, to, size, from);
}

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __read_chk(int fd, void *to, size_t size, size_t room)
{
    REAL(__read_chk)
    return ask_content(fd, size) ? -1 : real(fd, to, size, room);
}

ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread_chk(int fd, void *to, size_t size, off_t from, size_t room)
{
    REAL(__pread_chk)
    return ask_content(fd, size) ? -1 : real(fd, to, size, from, room);
}

ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
ssize_t __pread64_chk(int fd, void *to, size_t size, off64_t from, size_t room)
{
    REAL(__pread64_chk)
    return ask_content(fd, size) ? -1 : real(fd, to, size, from, room);
}
