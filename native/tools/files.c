/* The command lines of n1enc and n1dec: files, standard input and output, errors. */
#if defined(_WIN32)
#  define _CRT_SECURE_NO_WARNINGS
#else
#  define _XOPEN_SOURCE 700
#endif
#include "container.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <windows.h>
#  include <fcntl.h>
#  include <io.h>
#  define SEPARATORS "/\\:"
#else
#  include <fcntl.h>
#  include <sys/stat.h>
#  include <unistd.h>
#  define SEPARATORS "/"
#endif

static int is_standard(const char *path) { return !strcmp(path, "-"); }

/* One line on stderr, whatever stands in the file's name. */
static int fail(const char *program, const char *path, const char *what, int code) {
  fprintf(stderr, "%s: ", program);
  for (const char *c = path; *c; c++) fprintf(stderr, (unsigned char)*c < 32 || *c == 127 ? "\\x%02x" : "%c", *c);
  fprintf(stderr, "%s%s\n", *path ? ": " : "", what);
  return code;
}

/* A system's error as one line; `name` is what "-" stands for. */
static int fail_system(const char *program, const char *path, const char *name, int error) {
  char text[200];
  size_t i = 0;
  if (is_standard(path)) path = name;
  if (error == EISDIR) return fail(program, path, "it is a folder (name a file)", 1);
  if (error == ENOENT) return fail(program, path, "no such file or folder", 1);
  if (error == ENOMEM) return fail(program, path, "not enough memory", 1);
  for (const char *s = error ? strerror(error) : "input/output error"; *s && i < sizeof text - 1; s++)
    text[i++] = (char)tolower((unsigned char)*s);
  text[i] = 0;
  return fail(program, path, text, 1);
}

/* -- what systems do differently ----------------------------------------------------------------------------------- */

#if defined(_WIN32)

static void use_bytes(FILE *file) { _setmode(_fileno(file), _O_BINARY); }

static int is_folder(const char *path) {
  const DWORD attributes = GetFileAttributesA(path);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static int is_special(const char *path) {
  (void)path;
  return 0;
}

static int is_same(const char *a, const char *b) {
  char full_a[MAX_PATH], full_b[MAX_PATH];
  return _fullpath(full_a, a, MAX_PATH) && _fullpath(full_b, b, MAX_PATH) && !_stricmp(full_a, full_b);
}

static char *resolved(const char *path) { return _strdup(path); }

static unsigned long process(void) { return GetCurrentProcessId(); }

static FILE *create(const char *path) {
  const int file = _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, 0600);
  return file < 0 ? NULL : _fdopen(file, "wb");
}

static void clean_up_after(const char *path) { (void)path; }

static int replace(const char *from, const char *to) {
  if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING)) return 0;
  errno = EACCES;
  return -1;
}

#else

static void use_bytes(FILE *file) { (void)file; }

static int is_folder(const char *path) {
  struct stat s;
  return !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* A pipe, a terminal, /dev/stdout: nothing that another file could take the place of. */
static int is_special(const char *path) {
  struct stat s;
  return !stat(path, &s) && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

static int is_same(const char *a, const char *b) {
  struct stat s, t;
  return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

/* The file that an existing link keeps pointing at. */
static char *resolved(const char *path) {
  char *found = realpath(path, NULL);
  return found || errno != ENOENT ? found : strdup(path);
}

static unsigned long process(void) { return (unsigned long)getpid(); }

static FILE *create(const char *path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  return file < 0 ? NULL : fdopen(file, "wb");
}

static int replace(const char *from, const char *to) { return rename(from, to); }

static const char *volatile half_written;

static void interrupted(int number) {
  if (half_written) unlink(half_written);
  _exit(128 + number);
}

/* From here on whoever stops the program leaves no such file behind. */
static void clean_up_after(const char *path) {
  half_written = path;
  signal(SIGINT, interrupted);
  signal(SIGTERM, interrupted);
  signal(SIGHUP, interrupted);
}

#endif

/* -- files --------------------------------------------------------------------------------------------------------- */

/* These return 0 or an errno. */

static int read_all(const char *path, blob *out) {
  size_t room = 1 << 20, length = 0;
  uint8_t *bytes = NULL;
  FILE *file;
  int error = 0;
  if (!is_standard(path) && is_folder(path)) return EISDIR;
  file = is_standard(path) ? stdin : fopen(path, "rb");
  if (!file) return errno;
  use_bytes(file);
  for (;;) {
    uint8_t *more = realloc(bytes, room);
    if (!more) {
      error = ENOMEM;
      break;
    }
    bytes = more;
    length += fread(bytes + length, 1, room - length, file);
    if (length < room) {
      if (ferror(file)) error = errno ? errno : EIO;
      break;
    }
    if (room > SIZE_MAX / 2) {
      error = ENOMEM;
      break;
    }
    room *= 2;
  }
  if (file != stdin) fclose(file);
  if (error) {
    free(bytes);
    return error;
  }
  out->bytes = bytes;
  out->length = (int64_t)length;
  return 0;
}

static int put_all(FILE *file, const blob *data) {
  int error = 0;
  errno = 0;
  if (fwrite(data->bytes, 1, (size_t)data->length, file) != (size_t)data->length || fflush(file))
    error = errno ? errno : EIO;
  if (file != stdout && fclose(file) && !error) error = errno ? errno : EIO;
  return error;
}

/* Write under a temporary name and rename, so that the file is there whole or not at all. */
static int replace_with(const char *target, const blob *data) {
  const size_t length = strlen(target);
  char *temporary = malloc(length + 40);
  size_t folder = length;
  FILE *file = NULL;
  int error;
  if (!temporary) return ENOMEM;
  while (folder && !strchr(SEPARATORS, target[folder - 1])) folder--;
  memcpy(temporary, target, folder);
  for (int attempt = 0; !file && attempt < 100; attempt++) {
    sprintf(temporary + folder, ".%lu-%d.part", process(), attempt);
    file = create(temporary);
    if (!file && errno != EEXIST) break;
  }
  if (!file) {
    error = errno;
  } else {
    clean_up_after(temporary);
    error = put_all(file, data);
    if (!error && replace(temporary, target)) error = errno;
    if (error) remove(temporary);
    clean_up_after(NULL);
  }
  free(temporary);
  return error;
}

static int write_all(const char *path, const blob *data) {
  char *target;
  int error;
  if (is_standard(path)) {
    use_bytes(stdout);
    return put_all(stdout, data);
  }
  if (is_folder(path)) return EISDIR;
  if (is_special(path)) {
    FILE *file = fopen(path, "wb");
    return file ? put_all(file, data) : errno;
  }
  target = resolved(path);
  if (!target) return errno ? errno : ENOMEM;
  error = replace_with(target, data);
  free(target);
  return error;
}

int n1c_main(int argc, char **argv, const char *program, const char *help,
             const char *(*convert)(const uint8_t *, int64_t, blob *)) {
  blob in = {NULL, 0}, out = {NULL, 0};
  const char *wrong;
  int error;
  char usage[80];
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(help, stdout);
    return 0;
  }
  sprintf(usage, "takes IN OUT (see %s --help)", program);
  if (argc != 3) return fail(program, "", usage, 2);
  for (int i = 1; i < 3; i++)
    if (argv[i][0] == '-' && argv[i][1] == '-') return fail(program, "", usage, 2);
  if (!is_standard(argv[1]) && !is_standard(argv[2]) && is_same(argv[1], argv[2]))
    return fail(program, argv[2], "it is the input (name another file)", 2);
  error = read_all(argv[1], &in);
  if (error) return fail_system(program, argv[1], "standard input", error);
  wrong = convert(in.bytes, in.length, &out);
  if (wrong) return fail(program, argv[1], wrong, 1);
  error = write_all(argv[2], &out);
  if (error) return fail_system(program, argv[2], "standard output", error);
  return 0;
}
