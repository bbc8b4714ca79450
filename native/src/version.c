/* Which interface a library has, for programs that load it at run time. */
#include "n1c/base.h"

int64_t n1c_version(void) { return N1C_VERSION; }
